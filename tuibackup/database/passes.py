"""Passes over the databases: all of them at one instant, or one database by itself.

The ways to one instant are tried in order: behind a lock (`barrier`), several programs at the same time, and beside
them a session that counts; else one program that dumps all databases in one transaction.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tuibackup.database import verdict
from tuibackup.database.assembly import Assembly
from tuibackup.database.barrier import Barrier, BarrierError
from tuibackup.database.checker import Checker, Place
from tuibackup.database.grants import Grants
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.live import Live
from tuibackup.database.login import DatabaseSession, log_in_again
from tuibackup.database.program import Ended
from tuibackup.database.running import Running, together
from tuibackup.database.scan import Contents
from tuibackup.database.share import PROGRAMS, Share, shared
from tuibackup.database.sqlfile import SqlFile
from tuibackup.database.tool import DumpTool
from tuibackup.errors import DatabaseError
from tuibackup.remote.session import Session
from tuibackup.text import count, printable
from tuibackup.vault.snapshot import Incoming

BARRIER, ONE_PROGRAM, EACH = "barrier", "one program for all databases", "one for each database"
_ENOUGH = 32 << 20  # bytes of tables that make it worth while to start another program


@dataclass(slots=True)
class Made:
    """A database's dump, not closed yet. `contents` with places in its file; `faults`: why it is not whole."""

    info: DatabaseInfo
    file: SqlFile
    contents: Contents
    faults: list[str]
    seconds: float
    at_instant: bool = True


@dataclass(slots=True)
class Taken:
    """What the pass over all databases gave."""

    made: list[Made]
    instant: str
    lock_ms: float | None = None
    position: str = ""
    complaints: list[tuple[str, str]] = field(default_factory=list)  # of programs that ended well
    comparable: bool = False
    counts: dict[Place, int] = field(default_factory=dict)
    checksums: dict[Place, int] = field(default_factory=dict)

    def compare(self) -> Iterator[tuple[str, str]]:
        """Hold the rows of each dump against those that were counted at the same instant; what could not be counted."""
        for one in self.made:
            if self.comparable and not one.faults:
                one.faults += verdict.miscounted(one.info, one.contents, self.counts)
                for reason in verdict.uncounted(one.info, self.counts):
                    yield one.info.name, reason


class Passes:
    """Makes the dumps of `database`'s databases in `incoming`; what is open when the block ends is abandoned."""

    def __init__(
        self,
        session: Session,
        database: DatabaseSession,
        tool: DumpTool,
        incoming: Incoming,
        live: Live,
        least_free: int,
    ) -> None:
        self._session = session
        self._database = database
        self._tool = tool
        self._live = live
        self._least_free = least_free
        self._incoming = incoming
        self._files = Assembly(incoming, [one.name for one in database.databases])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._files.end()
        else:
            self._files.abandon()

    async def at_one_instant(self, *, checksum: bool) -> Taken:
        """All databases. Raises VaultError, ConnectionLostError, DatabaseError."""
        infos = self._database.databases
        try:
            return await self._behind_barrier(checksum=checksum)
        except BarrierError as error:
            self._live.say(f"no barrier: {error}")
            self._files.forget(one.name for one in infos)
            self._files.forget_parts()
        made, ended = await self._run([Share(infos)])
        instant = ONE_PROGRAM if len(infos) > 1 else EACH
        return Taken(made, instant, complaints=_complaints(ended))

    async def alone(self, info: DatabaseInfo) -> Made:
        """One database once more, at an instant of its own; what there was of it is thrown away."""
        self._files.forget([info.name])
        self._live.say(f"{printable(info.name)}: once more")
        [made], _ended = await self._run([Share((info,))])
        made.at_instant = False
        return made

    async def _behind_barrier(self, *, checksum: bool) -> Taken:
        infos, options = self._database.databases, self._database.options
        held = Grants(self._database.grants)
        if not held.everywhere("RELOAD") and not held.everywhere("FLUSH_TABLES"):
            raise BarrierError(f"GRANT RELOAD, PROCESS ON *.* TO {printable(self._database.account)}")
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with AsyncExitStack() as stack:
            try:
                control = await log_in_again(self._session, options)
                stack.push_async_callback(control.close)
                checker = Checker(await log_in_again(self._session, options))
                stack.push_async_callback(checker.stop)
            except DatabaseError as error:
                raise BarrierError(str(error)) from error
            barrier = Barrier(control, self._database.vendor, self._database.server_version)
            running = self._running(stack, shared(infos, programs=self._programs()))
            await running.start()
            try:
                async with barrier.held():
                    running.begin()
                    await together([checker.begin(), running.open()])
                    if not await barrier.witnessed(lambda: running.at_work + 1):
                        raise BarrierError("the server does not know of every transaction")
                self._live.say(
                    f"one instant for {running.number} programs: locked for {barrier.lock_ms:.0f} ms"
                )
                checker.start(infos, self._tool.history, checksum=checksum)
                ended = await running.finish()
            finally:
                await running.stop()
            made = await self._made(ended)
            self._live.say(f"counting the rows of {count(sum(len(one.tables) for one in infos))} tables")
            await checker.finish(loop.time() - began)
        return Taken(
            made,
            BARRIER,
            barrier.lock_ms,
            barrier.position or checker.position,
            _complaints(ended),
            True,
            checker.counts,
            checker.checksums,
        )

    def _running(self, stack: AsyncExitStack, shares: Sequence[Share]) -> Running:
        place = self._incoming.path, self._least_free
        return Running(
            self._session, self._database.options, self._tool, shares, self._files, self._live, place, stack
        )

    def _programs(self) -> int:
        total = sum(one.bytes for one in self._database.databases)
        return min(PROGRAMS, max(2, -(-total // _ENOUGH)))

    async def _run(self, shares: Sequence[Share]) -> tuple[list[Made], list[Ended]]:
        """These shares, with nothing that makes them one instant."""
        async with AsyncExitStack() as stack:
            running = self._running(stack, shares)
            await running.start()
            try:
                running.begin()
                ended = await running.finish()
            finally:
                await running.stop()
        return await self._made(ended), ended

    async def _made(self, ended: Sequence[Ended]) -> list[Made]:
        """Each database's file from what the programs left of it, in the order of the databases."""
        concerned: dict[str, list[tuple[int, Ended]]] = {}
        infos: dict[str, DatabaseInfo] = {}
        for number, one in enumerate(ended):
            for info in one.share.databases:
                concerned.setdefault(info.name, []).append((number, one))
                infos[info.name] = info
        made = []
        for name, info in sorted(infos.items()):
            parts = concerned[name]
            file, contents = await asyncio.to_thread(self._files.put_together, name, parts)
            faults = [fault for _number, one in parts for fault in one.faults()]
            faults += verdict.missing(info, contents)
            made.append(Made(info, file, contents, faults, max(one.seconds for _number, one in parts)))
        self._files.forget_parts()
        return made


def _complaints(ended: Sequence[Ended]) -> list[tuple[str, str]]:
    return [
        (", ".join(info.name for info in one.share.databases), line)
        for one in ended
        if not one.faults()
        for line in one.complaints
    ]
