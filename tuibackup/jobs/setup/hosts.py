"""Where the server is, what it is called, and its host key."""

import asyncio
import getpass
import re
from collections.abc import Collection
from dataclasses import replace

from msgspec import structs

from tuibackup.config import Server, logins
from tuibackup.config.servers import NAME_RULE, is_server_name
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError, fault_of, parsed, yes
from tuibackup.remote.questions import Question
from tuibackup.text import printable
from tuibackup.words import _

_PLACE = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^\s@]+)@)?(?P<host>\[[^\]]*\]|[^\s@:/]+|[0-9A-Fa-f:]*::?[0-9A-Fa-f:.]*)"
    r"(?::(?P<port>[0-9]+))?/?(?:\s+via\s+(?P<jump>\S.*))?"
)
_LONGEST_LABEL = 60


def place_of(server: Server) -> str:
    """How to reach `server` as people type it: [USER@]HOST[:PORT] [via JUMP]."""
    host = f"[{server.host}]" if ":" in server.host and server.port else server.host
    port = f":{server.port}" if server.port else ""
    return f"{host}{port}" + (f" via {server.jump}" if server.jump else "")


def read_place(text: str) -> tuple[str | None, str, int | None, str | None]:
    """(user, host, port, jump) of [USER@]HOST[:PORT] [via JUMP]. Raises ValueError with the way to write it."""
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise ValueError(_('"{text}" is not [USER@]HOST[:PORT] [via JUMP]').format(text=printable(text)))
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(_("a port is a number from 1 to 65535"))
    user = logins.user(match["user"]) if match["user"] else None
    return user, logins.host(match["host"]), port, logins.jump(match["jump"]) if match["jump"] else None


class Host:
    """An address or an alias of ~/.ssh/config, and what answers there."""

    id = "host"

    def __init__(self, reach: Reach, known: Collection[str] = ()) -> None:
        """`known`: hosts to offer."""
        self._reach = reach
        self._known = known

    @property
    def title(self) -> str:
        return _("host")

    async def ask(self, draft: Draft) -> Prompt:
        detail = _("an address, a name or an alias of ~/.ssh/config; behind a jump host: HOST via JUMP")
        return Prompt(
            self.id,
            self.title,
            _("Which host? [USER@]HOST[:PORT]"),
            default=place_of(draft.server) if draft.server.host else "",
            detail=(detail,),
            choices=tuple(Choice(name, "~/.ssh/config") for name in self._known),
            check=fault_of(read_place),
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        user, host, port, jump = parsed(read_place, answer)
        before = draft.server
        server = structs.replace(
            before, host=host, port=port, jump=jump, user=user or before.user, name=before.name or host
        )
        greeting = await self._reach.greet(server)
        found = (greeting.version,) if greeting.version else ()
        return Taken(replace(draft, server=server), place_of(server), found)


class Name:
    """The word of the command line, and the folder of the vault."""

    id = "name"

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = {name.lower(): name for name in taken}

    @property
    def title(self) -> str:
        return _("name")

    def _check(self, text: str) -> str:
        if not is_server_name(text):
            return _("{name} is no name for a server: {rule}").format(name=printable(text), rule=NAME_RULE)
        if other := self._taken.get(text.lower()):
            return _("there is a server {name} already; to change that one: tuibackup edit {name}").format(
                name=other
            )
        return ""

    async def ask(self, draft: Draft) -> Prompt:
        short = draft.server.host.partition(".")[0]
        free = short if not short.isdecimal() and not self._check(short) else ""
        detail = _("a word for the command line; its backups lie in a folder of that name")
        return Prompt(
            self.id, self.title, _("What is it to be called?"), free, detail=(detail,), check=self._check
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        return Taken(replace(draft, server=structs.replace(draft.server, name=answer)), answer)


class Label:
    """What people call it, where that is another thing."""

    id = "label"

    @property
    def title(self) -> str:
        return _("label")

    @staticmethod
    def _check(text: str) -> str:
        if text != _NOTHING and (len(text) > _LONGEST_LABEL or not text.isprintable()):
            return _("at most {number} printable characters").format(number=_LONGEST_LABEL)
        return ""

    async def ask(self, draft: Draft) -> Prompt:
        text, had = _("What do people call it?"), draft.server.label
        detail = [_("may be left out"), *([_("- takes it out")] if had else [])]
        return Prompt(self.id, self.title, text, had, optional=True, detail=tuple(detail), check=self._check)

    async def take(self, draft: Draft, answer: str) -> Taken:
        label = "" if answer == _NOTHING else answer
        return Taken(replace(draft, server=structs.replace(draft.server, label=label)), label or "–")


_NOTHING = "-"


class HostKeyStep:
    """Is it the right machine? A question for each hop whose key nobody has accepted yet."""

    id = "host-key"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._question: Question | None = None

    @property
    def title(self) -> str:
        return _("host key")

    async def ask(self, draft: Draft) -> Prompt | Taken:
        greeting = await self._reach.greet(draft.server)
        asked, self._question = self._question, greeting.unknown
        if greeting.unknown is None and asked is not None:
            return Taken(draft)
        if greeting.unknown is None:
            key = f" {greeting.key.algorithm} {greeting.key.fingerprint}" if greeting.key else ""
            return Taken(draft, _("known") + key)
        return Prompt(
            self.id,
            self.title,
            _("Is this its host key?"),
            "no",
            detail=greeting.unknown.detail,
            choices=(Choice("yes", _("accept it")), Choice("no", _("it is another one"))),
            only=True,
            anew=True,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        if not yes(answer) or self._question is None:
            raise WrongAnswerError(
                _("without its host key nobody knows which machine that is"),
                _("compare it on the server's console, then answer yes; or go back to the host"),
            )
        self._reach.accept(self._question)
        key = next((line for line in self._question.detail if "SHA256:" in line), "")
        return Taken(draft, key, (_("accepted"),), again=True)


class User:
    """The account at the server."""

    id = "user"

    @property
    def title(self) -> str:
        return _("user")

    async def ask(self, draft: Draft) -> Prompt:
        configured = await _configured_user(draft.server)
        detail = _(
            "the account there that may read what is to be backed up; one of its own is best: tuibackup"
        )
        return Prompt(
            self.id,
            self.title,
            _("Which account at the server?"),
            draft.server.user or configured or "tuibackup",
            detail=(detail,),
            check=fault_of(logins.user),
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        user = parsed(logins.user, answer)
        keeps = user == await _configured_user(draft.server)
        server = structs.replace(draft.server, user=None if keeps else user)
        return Taken(replace(draft, server=server), user)


async def _configured_user(server: Server) -> str:
    """The account that ~/.ssh/config means for the host; "" where it does not know the host."""
    from tuibackup.remote.sshconfig import sshconfig
    from tuibackup.remote.sshconfig.aliases import aliases

    found = await sshconfig.settings(sshconfig.Hop(server.host, server.port))
    known = found.user != getpass.getuser() or server.host in await asyncio.to_thread(aliases)
    return found.user if known else ""
