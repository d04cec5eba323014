"""Which folders, what of them is left out, and the right to read them."""

import asyncio
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from tuibackup.config import Server, patterns
from tuibackup.config.servers import remote_path
from tuibackup.errors import RemoteCommandError
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError, fault_of, parsed, yes
from tuibackup.text import count, printable, size
from tuibackup.words import _, joined, ngettext

if TYPE_CHECKING:
    from tuibackup.files.forecast import Forecast
    from tuibackup.jobs.setup.proposals import Proposal

_NONE = "none"
_LISTING_SECONDS = 60.0
_SHOWN = 4  # unreadable names that are told


def words_of(text: str) -> list[str]:
    """Words with spaces or commas between; quotes keep a space in one. Raises ValueError."""
    try:
        return [word.rstrip(",") for word in shlex.split(re.sub(r",(?=\s)", " ", text)) if word.rstrip(",")]
    except ValueError as error:
        raise ValueError(_("a quote is not closed")) from error


def written(words: Iterable[str]) -> str:
    """The reverse of `words_of`: quotes only where they are needed."""
    return " ".join(word if re.fullmatch(r"[^\s'\"\\,]+", word) else shlex.quote(word) for word in words)


class Folders:
    """Proposals, and paths that are typed; each is listed as a run lists it before it is taken."""

    id = "folders"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._proposals: Sequence[Proposal] = ()

    @property
    def title(self) -> str:
        return _("folders")

    async def ask(self, draft: Draft) -> Prompt:
        from tuibackup.jobs.setup.proposals import propose

        server = draft.server
        session, probe = await self._reach.session(server), await self._reach.probe(server)
        self._proposals = await propose(session, probe, server)
        choices = tuple(Choice(str(number), _described(one)) for number, one in enumerate(self._proposals, 1))
        detail = [_("numbers of this list, or full paths, with spaces between; none: only its database")]
        return Prompt(
            self.id,
            self.title,
            _("Which folders?"),
            written(server.folders) or ("1" if choices else ""),
            detail=tuple(detail),
            choices=choices,
            check=fault_of(self._read),
        )

    def _read(self, text: str) -> tuple[list[str], list[str]]:
        """(folders, patterns proposed with them). Raises ValueError."""
        folders: dict[str, None] = {}
        exclude: dict[str, None] = {}
        if text.strip().lower() == _NONE:
            return [], []
        for word in words_of(text):
            if word.isdecimal():
                if not 1 <= int(word) <= len(self._proposals):
                    raise ValueError(_("there is no number {number} in the list").format(number=word))
                one = self._proposals[int(word) - 1]
                folders[one.path] = None
                exclude |= dict.fromkeys(one.exclude)
            else:
                folders[remote_path("folder")(word)] = None
        return list(folders), list(exclude)

    async def take(self, draft: Draft, answer: str) -> Taken:
        folders, exclude = parsed(self._read, answer)
        kept = tuple(one for one in draft.server.exclude if not fault_of(_pattern_in(folders))(one))
        server = structs.replace(draft.server, folders=tuple(folders), exclude=kept)
        if not folders:
            return Taken(replace(draft, server=server, closed=False), _("none"))
        found, warned, closed = await listed(self._reach, server)
        proposed = tuple(one for one in exclude if one not in kept)
        return Taken(replace(draft, server=server, closed=closed, exclude=proposed), "", found, warned)


def _described(one: "Proposal") -> str:
    parts = [one.path, ("≥ " if one.more else "") + size(one.bytes) if one.bytes is not None else "", one.why]
    if one.closed:
        parts.append(_("this account may not read it"))
    return joined("  ", filter(None, parts))


async def listed(reach: Reach, server: Server) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """What a run would find in the folders, what it would warn of, and whether it may not read everything.

    Raises WrongAnswerError for a folder that a run could not store well, DownloadError.
    """
    from tuibackup.files.shell.complaints import PERMISSION
    from tuibackup.files.shell.tools import missing_tools
    from tuibackup.jobs.check.folders import unreadable_files
    from tuibackup.run.rehearsal import list_folders

    session, probe = await reach.session(server), await reach.probe(server)
    try:
        async with asyncio.timeout(_LISTING_SECONDS):
            found, _full = await list_folders(reach.config, None, session, probe, server, full=True)
    except TimeoutError:
        text = _("{folders}: too large to be listed within a minute: the first run lists them")
        return (text.format(folders=written(server.folders)),), (), False
    faults = [f"{one.folder}: {one.fault}" for one in found.folders if one.fault]
    closed = any(PERMISSION in one.fault for one in found.folders if one.fault)
    if faults and not closed:
        raise WrongAnswerError(
            joined("; ", map(printable, faults)), _("mend it on the server, or take it out")
        )
    warned = [*faults, *(f"{one.subject}: {one.reason}" for one in found.findings)]
    closed = closed or any(one.reason.startswith(PERMISSION) for one in found.findings)
    if not server.sudo and not missing_tools(probe):
        with suppress(RemoteCommandError):
            files = await unreadable_files(session, probe, server)
            warned += [
                f"{printable(name.decode('utf-8', 'surrogateescape'))}: {PERMISSION}" for name in files
            ]
            closed = closed or bool(files)
    told = list(dict.fromkeys(warned))
    if len(told) > _SHOWN:
        more = _("{number} more of this kind").format(number=count(len(told) - _SHOWN))
        told = [*told[:_SHOWN], more]
    return _sums(found), tuple(told), closed


def _sums(found: "Forecast") -> tuple[str, ...]:
    lines = []
    for folder in found.folders:
        held = ngettext("{number} file", "{number} files", folder.files).format(number=count(folder.files))
        lines.append(f"{folder.folder}: {held}, {size(folder.bytes)}")
    return (*lines, *found.notes)


class Sudo:
    """The rule that lets the account read what it may not, where there is such."""

    id = "sudo"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("sudo")

    async def ask(self, draft: Draft) -> Prompt | None:
        from tuibackup.files.shell import sudo
        from tuibackup.files.shell.tools import missing_tools

        server = draft.server
        if not (draft.closed or server.sudo) or not server.folders:
            return None
        session, probe = await self._reach.session(server), await self._reach.probe(server)
        if missing_tools(probe) or len(probe.find_and_tar) != 2 or probe.uid == 0:
            return None
        rule = sudo.sudoers_rule(probe.user or session.user, probe.find_and_tar)
        return Prompt(
            self.id,
            self.title,
            _("Read through sudo what this account may not read?"),
            "yes" if probe.sudo or server.sudo else "no",
            detail=(
                _("This needs a rule; as root on the server:"),
                _("It makes the key as good as root's there. Without it these files are not backed up."),
            ),
            paste=(f"echo '{rule}' > /etc/sudoers.d/tuibackup",),
            choices=(Choice("yes", _("the rule is there: try it")), Choice("no", _("leave them out"))),
            only=True,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        if not yes(answer):
            server = structs.replace(draft.server, sudo=False)
            return Taken(replace(draft, server=server), _("no"))
        server = structs.replace(draft.server, sudo=True)
        found, warned, _closed = await listed(self._reach, server)
        return Taken(replace(draft, server=server), _("yes"), found, warned)


class Exclude:
    """What of the folders is left out: caches, sessions, other backups."""

    id = "exclude"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("left out")

    async def ask(self, draft: Draft) -> Prompt | None:
        server = draft.server
        if not server.folders:
            return None
        default = written(dict.fromkeys((*server.exclude, *draft.exclude)))
        detail = [_('for example: cache/** "*.log"')]
        if default:
            detail.append(_("none: nothing is left out"))
        return Prompt(
            self.id,
            self.title,
            _("What of them is left out?"),
            default,
            optional=True,
            detail=tuple(detail),
            check=fault_of(self._reader(server)),
        )

    @staticmethod
    def _reader(server: Server) -> Callable[[str], list[str]]:
        def read(text: str) -> list[str]:
            if text.strip().lower() == _NONE:
                return []
            return [_pattern_in(server.folders)(word) for word in words_of(text)]

        return read

    async def take(self, draft: Draft, answer: str) -> Taken:
        exclude = list(dict.fromkeys(parsed(self._reader(draft.server), answer)))
        server = structs.replace(draft.server, exclude=tuple(exclude))
        if not exclude:
            return Taken(replace(draft, server=server), _("nothing"))
        found, warned, _closed = await listed(self._reach, server)
        return Taken(replace(draft, server=server), written(exclude), found, warned)


def _pattern_in(folders: Sequence[str]) -> Callable[[str], str]:
    return lambda text: patterns.check(text, folders)
