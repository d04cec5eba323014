"""Several workers side by side: started together, begun together, and ended together if one of them cannot go on."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from tuibackup.database.connect.optionfile import Options
from tuibackup.database.dump.barrier import BarrierError
from tuibackup.database.dump.by_connection import Reader
from tuibackup.database.dump.by_program import Program
from tuibackup.database.dump.progress import Live
from tuibackup.database.dump.receive import Ended, Target
from tuibackup.database.sql.assembly import Assembly
from tuibackup.database.sql.scan import Scanner
from tuibackup.errors import ConnectionLostError, DatabaseError, NoChannelError, RemoteCommandError
from tuibackup.remote.session import Session
from tuibackup.vault.disk import RoomGuard
from tuibackup.words import sentence

T = TypeVar("T")


class Running:
    """Programs, and perhaps a reader. `stop` must be called, whatever happened."""

    def __init__(
        self,
        session: Session,
        workers: Sequence[Program | Reader],
        options: Options,
        files: Assembly,
        live: Live,
        place: tuple[Path, int],
        stack: AsyncExitStack,
    ) -> None:
        """`place`: the vault's folder, and the bytes that must stay free on its disk. All workers end with `stack`."""
        self._workers = workers
        self._options = options
        self._files = files
        self._live = live
        self._place = place
        self._stack = stack
        self._session = session
        self._takers: list[asyncio.Task[list[Ended]]] = []

    @property
    def number(self) -> int:
        """How many workers have, or had, a transaction of their own."""
        return sum(program.open for program in self._workers)

    @property
    def total(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    @property
    def late(self) -> int:
        """How many have neither ended nor said that they have a transaction."""
        return sum(not worker.begun.is_set() for worker in self._workers)

    @property
    def at_work(self) -> int:
        """How many should have a transaction now: those that said so and the late ones, unless they have ended."""
        pairs = zip(self._workers, self._takers, strict=True)
        return sum(not taker.done() and (worker.open or not worker.begun.is_set()) for worker, taker in pairs)

    async def start(self) -> None:
        """Start all; they wait. Raises BarrierError if the server allows fewer at a time, ConnectionLostError."""
        try:
            await together([one.start(self._stack) for one in self._workers])
        except (RemoteCommandError, DatabaseError) as error:
            if len(self._workers) == 1:
                raise
            # With fewer workers it may go: the server may have room for those.
            raise BarrierError(str(error), passing=isinstance(error, NoChannelError)) from error
        if len(self._workers) > 1:
            self._live.begin([share for one in self._workers for _number, share in one.shares])

    def begin(self) -> None:
        """Let all begin, and take what they write."""
        self._takers = [asyncio.create_task(self._take(one)) for one in self._workers]

    async def begun(self) -> None:
        """Wait until each has its transaction, or has ended."""
        await asyncio.gather(*(one.begun.wait() for one in self._workers))

    @property
    def numbers(self) -> list[int]:
        """The server's numbers for the sessions of our own connections among them."""
        return [reader.number for reader in self._readers]

    async def open(self) -> None:
        """Wait as `begun`. Raises BarrierError if one was refused, or none has its transaction."""
        await self.begun()
        for one in self._workers:
            if one.refused:
                raise BarrierError(one.refused, passing=isinstance(one, Reader))
        if not self.number:
            raise BarrierError(sentence("no dump program could begin"))

    async def fetch(self, seconds: float) -> None:
        """Let the readers read their tables under the lock, for `seconds`; what comes later is not `timely`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(reader.fetch() for reader in self._readers))
        for reader in self._readers:
            reader.late = True

    @property
    def timely(self) -> frozenset[tuple[str, str]]:
        """The tables (database, name) that were read under the lock."""
        return frozenset(place for reader in self._readers for place in reader.timely)

    @property
    def _readers(self) -> list[Reader]:
        return [one for one in self._workers if isinstance(one, Reader)]

    async def finish(self) -> list[Ended]:
        """What each of them wrote. Raises VaultError; ConnectionLostError if the whole connection is gone."""
        return [one for ended in await _results(self._takers) for one in ended]

    async def stop(self) -> None:
        """End those that still run."""
        for task in self._takers:
            task.cancel()
        await asyncio.gather(*self._takers, return_exceptions=True)

    async def _take(self, worker: Program | Reader) -> list[Ended]:
        path, least_free = self._place
        targets = {
            number: Target(
                *self._files.openers(number, share), self._files.settings, RoomGuard(path, least_free)
            )
            for number, share in worker.shares
        }
        try:
            await worker.go(self._options)
            return await worker.take(targets)
        except (DatabaseError, ConnectionLostError) as error:
            if isinstance(error, ConnectionLostError) and self._session.lost:
                raise
            # The work of the others is kept.
            worker.refused = worker.refused or error.message
            return [
                Ended(number, share, (error.message,), (), Scanner(), {}, b"", 0.0)
                for number, share in worker.shares
            ]
        finally:
            worker.begun.set()


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at the same time; the first failure ends the others and is raised."""
    await _results([asyncio.ensure_future(one) for one in work])


async def _results(tasks: "Sequence[asyncio.Task[T]]") -> list[T]:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
