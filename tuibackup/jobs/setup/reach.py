"""The server while it is being set up: what answers there, and one connection that the questions share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tuibackup.config import Config, SecretSource, Server
from tuibackup.errors import HostKeyError, LoginError, NeedsOperatorError, UnknownHostKeyError
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.trust import accepting
from tuibackup.remote.questions import Answers, Question
from tuibackup.run.passwords import resolve
from tuibackup.run.places import known_hosts
from tuibackup.secret import Secret
from tuibackup.words import _, later

if TYPE_CHECKING:
    from tuibackup.remote.connect.hostkeys import HostKey, Told
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session

SECONDS = 40.0  # for one try to connect


@dataclass(frozen=True, slots=True)
class Greeting:
    """What answers at a host: its SSH version and key. `unknown`: the question about a key that nobody accepted yet."""

    version: str
    key: "HostKey | None"
    unknown: Question | None


class Reach:
    """Connects as runs do. Close it at the end; `left` says what stays of a set-up that is given up."""

    def __init__(
        self, config: Config, recorder: Recorder, answers: Answers, note: Callable[[str], None]
    ) -> None:
        self.config = config
        self.recorder = recorder
        self.answers = answers
        self.note = note
        self.left: list[str] = []
        self.made: list[Path] = []  # files that go again if nothing is saved
        self.unlocked = False  # whether the last login asked for a passphrase
        self._accepted: set[Question] = set()
        self.saved = False  # whether the configuration was written
        self._open: tuple[Server, Session] | None = None
        self._way_in: _WayIn | None = None  # by which that one was opened
        self._probe: Probe | None = None

    def accept(self, question: Question) -> None:
        """From now on the host key of that question is accepted, and recorded when it is seen."""
        self._accepted.add(question)

    async def greet(self, server: Server) -> Greeting:
        """Go the way to `server` and look who is there. Raises ConnectError, LoginError (of a jump host)."""
        from tuibackup.remote.session import learn_host_keys

        heard: list[tuple[str, HostKey | None]] = []
        judge = _Judge(self._accepted, self.answers)
        try:
            async with self._recording(server) as told:
                await learn_host_keys(
                    server,
                    known_hosts=known_hosts(self.config, told),
                    answers=judge,
                    secrets=partial(resolve, answers=self.answers),
                    deadline=time.monotonic() + SECONDS,
                    notes=self.note,
                    heard=lambda version, key: heard.append((version, key)),
                )
        except UnknownHostKeyError:
            if judge.unknown is None:
                raise
        except HostKeyError as error:  # `trust` knows only servers of the configuration
            way_out = _(error.way_out).removesuffix(f" && tuibackup trust {server.name}")
            raise HostKeyError(error.message, way_out) from error
        version, key = heard[-1] if heard else ("", None)
        return Greeting(version, key, judge.unknown)

    async def log_in(
        self, server: Server, *, password: Secret | None = None, alone: bool = False, quiet: bool = False
    ) -> "Session":
        """A new connection, which the next questions share.

        `password`: to try that one, and no key. `alone`: to try the key of its configuration, and nothing else.
        `quiet`: nobody is asked for a password, only for what unlocks a key.

        Raises ConnectError, LoginError, NeedsOperatorError, SecretError.
        """
        from tuibackup.remote.session import connect

        async def typed(_source: SecretSource, _question: Question) -> Secret | None:
            return password

        wanted, asking = server, _Asking(self.answers, passwords=not (quiet or alone or password))
        if password is not None:
            wanted, alone = replace(server, key=None, password=SecretSource(prompt=True)), True
        try:
            async with self._recording(server) as told:
                session = await connect(
                    wanted,
                    known_hosts=known_hosts(self.config, told),
                    answers=asking,
                    secrets=typed if password is not None else partial(resolve, answers=self.answers),
                    deadline=time.monotonic() + SECONDS,
                    notes=self.note,
                    alone=alone,
                )
        except NeedsOperatorError as error:  # it asks for the password again
            if password is None:
                raise
            raise LoginError(_("{host} does not take this password").format(host=server.host)) from error
        self.unlocked = asking.unlocked
        await self._adopt(server, session)
        self._way_in = _WayIn(server, password, alone)
        return session

    @asynccontextmanager
    async def _recording(self, server: Server) -> "AsyncIterator[Told]":
        """Who hears of the host keys that are accepted on the way. They are recorded when the block has ended, in a
        thread: a ledger that is locked would keep the whole cockpit waiting.
        """
        accepted: list[tuple[str, HostKey, str]] = []
        try:
            yield lambda where, key, fault: accepted.append((where, key, fault))
        finally:
            record = accepting(self.recorder, server.name, later("set-up"))
            for one in accepted:
                await asyncio.to_thread(record, *one)

    async def session(self, server: Server) -> "Session":
        """The connection that is open; another one where the line dropped, or the server's way in is another."""
        if not self._open or not _same_way(self._open[0], server):
            return await self.log_in(server)
        if self._open[1].lost and (way := self._way_in):  # a password that was typed is not asked for again
            await self.log_in(way.server, password=way.password, alone=way.alone)
            self.keeps(server)
        return self._open[1]

    def keeps(self, server: Server) -> None:
        """The connection that is open serves `server`, whatever login it names from now on."""
        if self._open:
            self._open = server, self._open[1]

    async def probe(self, server: Server) -> "Probe":
        """What tools the server has. Raises as `log_in`, and what `remote.probe.probe` raises."""
        from tuibackup.remote.probe import probe

        session = await self.session(server)
        if self._probe is None:
            self._probe = await probe(session)
        return self._probe

    async def close(self) -> None:
        """Close the connection."""
        opened, self._open, self._probe = self._open, None, None
        if opened:
            await opened[1].close()

    async def _adopt(self, server: Server, session: "Session") -> None:
        await self.close()
        self._open = server, session


@dataclass(frozen=True, slots=True)
class _WayIn:
    """How a connection was opened; see `Reach.log_in`."""

    server: Server
    password: Secret | None
    alone: bool


def _same_way(one: Server, other: Server) -> bool:
    return all(
        getattr(one, field) == getattr(other, field)
        for field in ("host", "port", "user", "jump", "key", "password")
    )


class _Judge:
    """Says yes to the host keys that were accepted, keeps the first other one as `unknown`, and passes the rest on."""

    def __init__(self, accepted: set[Question], answers: Answers) -> None:
        self._accepted = accepted
        self._answers = answers
        self.unknown: Question | None = None

    async def ask(self, question: Question) -> str | None:
        if question.kind != "host-key":
            return await self._answers.ask(question)
        if any(question.detail == one.detail for one in self._accepted):
            return "yes"
        self.unknown = self.unknown or question
        return "no"


class _Asking:
    """Passes questions on, but for passwords where nobody is to be asked for one; notes whether a key was unlocked."""

    def __init__(self, answers: Answers, *, passwords: bool) -> None:
        self._answers = answers
        self._passwords = passwords
        self.unlocked = False

    async def ask(self, question: Question) -> str | None:
        if question.kind == "ssh-password" and not self._passwords:
            return None
        self.unlocked = self.unlocked or question.kind == "passphrase"
        return await self._answers.ask(question)
