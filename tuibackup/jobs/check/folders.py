"""The folders of a server, for `check`: listed as a run lists them, so that both find and say the same.

A run notices a file that it may not read only when it fetches it. Here such files are looked for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from msgspec.structs import replace

from tuibackup.config import Config, Server
from tuibackup.errors import RemoteCommandError, TuibackupError
from tuibackup.files.choose import choose_source
from tuibackup.files.shell import find, sudo
from tuibackup.files.shell.complaints import PERMISSION
from tuibackup.files.shell.source import ShellSource
from tuibackup.files.shell.tools import missing_tools
from tuibackup.jobs.check.answer import Check, State
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.run.places import open_vault
from tuibackup.run.rehearsal import list_folders
from tuibackup.text import count, duration, printable, size
from tuibackup.vault.disk import require_room, room
from tuibackup.vault.layout import Vault
from tuibackup.words import joined, sentence, sentence_n

LISTING_SECONDS = 60.0
_CLOSED_SECONDS = 30.0
_CLOSED_BYTES = 1 << 20
_SHOWN = 20  # findings that are listed one by one
_TOP = "*/*"  # if this is excluded, only the files directly in a folder are listed


async def check_folders(
    config: Config, session: Session, probe: Probe, server: Server
) -> AsyncIterator[Check]:
    """A line for each folder, and one for each finding that a run would have. Raises as a run's listing does."""
    what = sentence("folder")
    vault = await asyncio.to_thread(_vault, config)
    closed: tuple[bytes, ...] = ()
    try:
        async with asyncio.timeout(LISTING_SECONDS):
            found, _full = await list_folders(config, vault, session, probe, server, full=False)
    except TimeoutError:
        text = sentence(
            "the folders are too large to be listed within {time}; this lists them: {command}",
            time=duration(LISTING_SECONDS),
            command=f"tuibackup run {server.name} --dry-run",
        )
        yield Check(what, State.OK, text)
        try:
            async with asyncio.timeout(LISTING_SECONDS):
                top = replace(server, exclude=(_TOP,))
                found, _full = await list_folders(config, None, session, probe, top, full=True)
        except TimeoutError:
            return
    else:
        source = choose_source(session, probe, server)
        sound = [one for one, folder in zip(server.folders, found.folders, strict=True) if not folder.fault]
        if sound and isinstance(source, ShellSource):
            await source.try_tar(sound[0].encode("utf-8", "surrogateescape"))
        if not server.sudo and not missing_tools(probe):
            closed = await unreadable_files(session, probe, server)
    if fault := await asyncio.to_thread(no_room, config, server.name, found.needs_room):
        yield Check(sentence("vault"), State.FAILED, fault)
    faults = {folder.folder: folder.fault for folder in found.folders}
    for folder in found.folders:
        held = sentence_n("{number} file", "{number} files", folder.files, number=count(folder.files))
        if folder.fault:
            way_out = sentence(
                "mend it on the server, or change folders of [servers.{server}]", server=server.name
            )
            yield Check(
                what, State.FAILED, joined("; ", (joined(": ", (folder.folder, folder.fault)), way_out))
            )
        else:
            yield Check(what, State.OK, joined("", (folder.folder, ": ", held, ", ", size(folder.bytes))))
    for line in found.notes:
        yield Check(what, State.OK, line)
    others = [one for one in found.findings if faults.get(one.subject) != one.reason]
    lines = [joined(": ", (one.subject, one.reason)) for one in others]
    lines += [joined(": ", (printable(name), PERMISSION)) for name in closed]
    for line in lines[:_SHOWN]:
        yield Check(what, State.WARNING, line)
    if len(lines) > _SHOWN:
        more = sentence("{number} more of this kind", number=count(len(lines) - _SHOWN))
        yield Check(what, State.WARNING, more)
    if closed or any(one.reason.startswith(PERMISSION) for one in found.findings):
        for check in _rule(session, probe, server):
            yield check


def _vault(config: Config) -> Vault | None:
    """The vault; None if there is none, or it cannot be used, which another check says."""
    with suppress(TuibackupError):
        return open_vault(config, create=False)
    return None


def no_room(config: Config, server: str, needs: int) -> str:
    """Why a run would refuse to store `needs` bytes; "" if it would not, or if the disk is too full anyway."""
    try:
        disk = room(config.vault.path)
        least = config.vault.least_free(disk.total)
    except TuibackupError:
        return ""
    try:
        if needs and disk.free >= least:
            require_room(disk, server, needs, least)
    except TuibackupError as error:
        return str(error)
    return ""


async def unreadable_files(session: Session, probe: Probe, server: Server) -> tuple[bytes, ...]:
    """Regular files in the folders that the account may not read; none if looking takes too long."""
    means = find.GNU if probe.find == "gnu" else find.STAT
    found: list[bytes] = []
    for folder in server.folders:
        words = means.list_unreadable(folder.encode("utf-8", "surrogateescape"), server.exclude)
        with suppress(RemoteCommandError):
            said = await session.run(words, timeout=_CLOSED_SECONDS, limit=_CLOSED_BYTES)
            # The "." is of `FindDialect.start_of`; a folder of that name is none of the configuration's.
            found += [one.replace(b"/./", b"/", 1) for one in said.stdout.split(b"\0")[:-1]]
    return tuple(found)


def _rule(session: Session, probe: Probe, server: Server) -> Iterator[Check]:
    """The way out if files may not be read: the exact line for this server's sudoers."""
    if server.sudo or missing_tools(probe) or len(probe.find_and_tar) != 2:
        return
    rule = sudo.sudoers_rule(probe.user or session.user, probe.find_and_tar)
    text = sentence(
        "to read everything, on the server as root: echo '{rule}' > /etc/sudoers.d/tuibackup; and here"
        " sudo = true in [servers.{server}]. That makes the key as good as root's there",
        rule=rule,
        server=server.name,
    )
    yield Check("sudo", State.WARNING, text)
