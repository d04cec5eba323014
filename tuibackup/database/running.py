"""Several programs side by side: started together, begun together, and ended together when one of them cannot go on."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from tuibackup.database.assembly import Assembly
from tuibackup.database.barrier import BarrierError
from tuibackup.database.live import Live
from tuibackup.database.optionfile import Options
from tuibackup.database.program import Ended, Program
from tuibackup.database.share import Share
from tuibackup.database.tool import DumpTool
from tuibackup.errors import RemoteCommandError
from tuibackup.remote.session import Session
from tuibackup.vault.disk import RoomGuard

T = TypeVar("T")


class Running:
    """One program for each share. `stop` must be called, whatever happened."""

    def __init__(
        self,
        session: Session,
        options: Options,
        tool: DumpTool,
        shares: Sequence[Share],
        files: Assembly,
        live: Live,
        place: tuple[Path, int],
        stack: AsyncExitStack,
    ) -> None:
        """`place`: the vault's folder, and how many bytes are to stay free on its disk. Programs end with `stack`."""
        self._options = options
        self._files = files
        self._live = live
        self._place = place
        self._stack = stack
        self._programs = [Program(number, session, tool, one, live) for number, one in enumerate(shares)]
        self._takers: list[asyncio.Task[Ended]] = []

    @property
    def number(self) -> int:
        """How many have, or had, a transaction of their own."""
        return sum(program.open for program in self._programs)

    @property
    def at_work(self) -> int:
        """How many of these have not ended."""
        pairs = zip(self._programs, self._takers, strict=True)
        return sum(program.open and not taker.done() for program, taker in pairs)

    async def start(self) -> None:
        """Start all; they wait. Raises BarrierError where the server allows fewer at a time, ConnectionLostError."""
        try:
            await together([program.start(self._stack) for program in self._programs])
        except RemoteCommandError as error:
            if len(self._programs) == 1:
                raise
            raise BarrierError(str(error)) from error
        if len(self._programs) > 1:
            self._live.begin(program.share for program in self._programs)

    def begin(self) -> None:
        """Let all go on, and take what they write."""
        for number, program in enumerate(self._programs):
            self._takers.append(asyncio.create_task(self._take(number, program)))

    async def open(self) -> None:
        """Wait until each has its transaction, or has ended. BarrierError: none has."""
        await asyncio.gather(*(program.begun.wait() for program in self._programs))
        if not self.number:
            raise BarrierError("no dump program could begin")

    async def finish(self) -> list[Ended]:
        """What each of them left, in the order of the shares. Raises as Program.take."""
        return await _results(self._takers)

    async def stop(self) -> None:
        """End those that still run."""
        for task in self._takers:
            task.cancel()
        await asyncio.gather(*self._takers, return_exceptions=True)

    async def _take(self, number: int, program: Program) -> Ended:
        path, least_free = self._place
        await program.go(self._options)
        dump, tail = self._files.openers(number, program.share)
        return await program.take(dump, tail, RoomGuard(path, least_free))


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at the same time; the first failure ends the rest and is raised."""
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
