"""The thread beside a dump: SQL in as it comes, files of frames out; unpacked, scanned and split on the way."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tuibackup.database.dump.division import Share
from tuibackup.database.dump.progress import Live
from tuibackup.database.objects.shown import LeftOut
from tuibackup.database.sql.scan import Scanner
from tuibackup.database.sql.split import Opener, SplitError, Splitter
from tuibackup.errors import DatabaseError
from tuibackup.remote.unpack import UnpackError, unpacked_jobs
from tuibackup.vault.disk import RoomGuard

_QUEUED = 4  # chunks between the network and the thread


@dataclass(frozen=True, slots=True)
class Target:
    """Where the SQL goes: openers of files and settings (see `split`), and a guard of the room on their disk."""

    dump: Opener
    tail: Opener
    settings: bytes
    room: RoomGuard


@dataclass(frozen=True, slots=True)
class Ended:
    """What was dumped of share `number`, but for the `foot` of each dump.

    `faults`: why nothing of it can be trusted; none for a good one.
    """

    number: int
    share: Share
    faults: tuple[str, ...]
    complaints: tuple[str, ...]
    scanner: Scanner
    shifts: dict[str, int]
    foot: bytes
    seconds: float
    left_out: tuple[LeftOut, ...] = ()  # what could not be read of a whole database
    spared: frozenset[str] = frozenset()  # databases that were complete before what went wrong
    native: bool = False  # read over a connection, not by a program


@dataclass(frozen=True, slots=True)
class Packed:
    """What went through. `fault`: why it could not be taken, "" for none."""

    scanner: Scanner
    shifts: dict[str, int]
    foot: bytes
    fault: str
    seconds: float


async def pack(chunks: AsyncIterator[bytes], packer: str, target: Target, live: Live) -> Packed:
    """All `chunks`, as `packer` packed them, into the target; each is taken as soon as there is room in memory.

    Where they are not what they should be, no more are asked for. Raises VaultError and what `chunks` raises.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    packing = _Packing(packer, target)
    worker = asyncio.create_task(asyncio.to_thread(packing.work))
    try:
        async for chunk in chunks:
            await packing.put(chunk, worker)
            live.count(packing.taken())
            if worker.done():
                break
        await packing.put(None, worker)
        await worker
    finally:
        packing.stop()
        await asyncio.gather(worker, return_exceptions=True)
    live.count(packing.taken())
    splitter = packing.splitter
    return Packed(packing.scanner, splitter.shifts, splitter.foot, packing.fault, loop.time() - began)


class _Packing:
    """The thread's side."""

    def __init__(self, packer: str, target: Target) -> None:
        self.scanner = Scanner()
        self.splitter = Splitter(self.scanner, target.dump, target.tail, target.settings)
        self.fault = ""
        self._room = target.room
        self._packer = packer
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._stopped = threading.Event()
        self._ended = False
        self._told = 0

    async def put(self, chunk: bytes | None, worker: "asyncio.Task[None]") -> None:
        """Hand a chunk (None: the end) to the thread; its failure (vault full) is raised here, not waited past."""
        while True:
            try:
                self._chunks.put_nowait(chunk)
                return
            except queue.Full:
                await asyncio.wait({worker}, timeout=0.01)
            if worker.done():
                worker.result()
                return

    def taken(self) -> int:
        """Bytes of SQL that came since the last call."""
        new, self._told = self.scanner.bytes - self._told, self.scanner.bytes
        return new

    def stop(self) -> None:
        """End the thread, whatever is queued."""
        self._stopped.set()

    def work(self) -> None:
        try:
            for piece in unpacked_jobs(self._next, self._packer):
                self._room.coming(len(piece.sql))
                self.scanner.feed(piece.sql)
                self.splitter.take(piece)
        except UnpackError as error:
            self.fault = error.message
            while self._next():
                pass  # drained all the same: a tool that cannot write says why later, or never
        except SplitError as error:
            self.fault = str(error)
            return
        self.scanner.finish()
        try:
            self.splitter.finish()
        except SplitError as error:
            self.fault = self.fault or str(error)

    def _next(self) -> bytes:
        """The next chunk; b"" at the end and ever after."""
        while not (self._stopped.is_set() or self._ended):
            try:
                chunk = self._chunks.get(timeout=0.2)
            except queue.Empty:
                continue
            self._ended = chunk is None
            return chunk or b""
        if self._ended:
            return b""
        raise DatabaseError("stopped")
