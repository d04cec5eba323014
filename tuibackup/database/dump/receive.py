"""A thread for each dump: it takes the SQL as it comes, unpacks, scans and splits it, and writes it in frames."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tuibackup.database.dump.division import Share
from tuibackup.database.dump.progress import Live
from tuibackup.database.objects.shown import LeftOut
from tuibackup.database.sql.scan import Scanner
from tuibackup.database.sql.split import Opener, SplitError, Splitter
from tuibackup.remote.pipe import Pipe
from tuibackup.remote.unpack import UnpackError
from tuibackup.remote.zstdjobs import unpacked_jobs
from tuibackup.vault.disk import RoomGuard

_HELD = 1 << 20  # bytes between the network and the thread: several dumps come at the same time


@dataclass(frozen=True, slots=True)
class Target:
    """Where the SQL goes: openers of files and settings (see `split`), and a guard of the free space on the disk."""

    dump: Opener
    tail: Opener
    settings: bytes
    room: RoomGuard


@dataclass(frozen=True, slots=True)
class Ended:
    """What was dumped of share `number`; `foot`: the end of each dump, which is not written yet.

    `faults`: why none of it can be trusted; empty for a good one.
    """

    number: int
    share: Share
    faults: tuple[str, ...]
    complaints: tuple[str, ...]
    scanner: Scanner
    shifts: dict[str, int]
    foot: bytes
    seconds: float
    left_out: tuple[LeftOut, ...] = ()  # objects of a whole database that could not be read
    spared: frozenset[str] = frozenset()  # databases that were complete before what went wrong
    native: bool = False  # read over a connection, not by a program


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written. `fault`: why the SQL could not be taken, "" if it could."""

    scanner: Scanner
    shifts: dict[str, int]
    foot: bytes
    fault: str
    seconds: float


async def pack(chunks: AsyncIterator[bytes], packer: str, target: Target, live: Live) -> Packed:
    """Write all `chunks`, as `packer` packed them, to the target; each is taken as soon as memory allows.

    If they are damaged, no more are asked for. Raises VaultError and what `chunks` raises.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    pipe = Pipe(_HELD)
    packing = _Packing(pipe.read, packer, target)
    worker = asyncio.create_task(asyncio.to_thread(packing.work))
    worker.add_done_callback(lambda _: pipe.reader_ended())
    try:
        async for chunk in chunks:
            await pipe.put(chunk)
            live.count(packing.taken())
            if worker.done():
                break
        await pipe.put(b"")
        await worker
    finally:
        pipe.stop()
        await asyncio.gather(worker, return_exceptions=True)
    live.count(packing.taken())
    splitter = packing.splitter
    return Packed(packing.scanner, splitter.shifts, splitter.foot, packing.fault, loop.time() - began)


class _Packing:
    """The thread's side."""

    def __init__(self, read: Callable[[], bytes], packer: str, target: Target) -> None:
        self.scanner = Scanner()
        self.splitter = Splitter(self.scanner, target.dump, target.tail, target.settings)
        self.fault = ""
        self._read = read
        self._room = target.room
        self._packer = packer
        self._told = 0

    def taken(self) -> int:
        """Bytes of SQL that came since the last call."""
        new, self._told = self.scanner.bytes - self._told, self.scanner.bytes
        return new

    def work(self) -> None:
        try:
            for piece in unpacked_jobs(self._read, self._packer):
                self._room.coming(len(piece.sql))
                self.scanner.feed(piece.sql)
                self.splitter.take(piece)
        except UnpackError as error:
            self.fault = error.message
            while self._read():
                pass  # keep reading: a tool that cannot write its output never tells what went wrong
        except SplitError as error:
            self.fault = str(error)
            return
        self.scanner.finish()
        try:
            self.splitter.finish()
        except SplitError as error:
            self.fault = self.fault or str(error)
