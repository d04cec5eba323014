"""One dump program at work: its channel is drained by the event loop, a thread unpacks, scans, splits and packs.

It is started, and waits for its option file on stdin; `go` gives it that. Whatever comes is taken at once: a program
whose reader is slow dies of the server's net_write_timeout.
"""

import asyncio
import queue
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tuibackup.database import verdict
from tuibackup.database.live import Lines, Live
from tuibackup.database.optionfile import Options, text_for_tool
from tuibackup.database.scan import Scanner
from tuibackup.database.share import Share
from tuibackup.database.split import Opener, SplitError, Splitter
from tuibackup.database.tool import DumpTool
from tuibackup.database.unpack import UnpackError, unpacked
from tuibackup.errors import DatabaseError
from tuibackup.remote.command import Exit
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream
from tuibackup.text import duration, printable
from tuibackup.vault.disk import RoomGuard

STALL_SECONDS = 900.0  # without a byte or a word from the tool: a table may take long to sort
_CHUNK = 1 << 20
_COMPLAINTS = 100  # lines that are kept
_QUEUED = 4  # chunks between the network and the thread that packs


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left. `fault`: why its output could not be taken, "" for none."""

    share: Share
    exit: Exit
    fault: str
    complaints: tuple[str, ...]
    last_words: str
    scanner: Scanner
    shifts: dict[str, int]
    seconds: float

    def faults(self) -> list[str]:
        """Why nothing of it can be trusted; none for a good one."""
        return [self.fault] * bool(self.fault) + list(
            verdict.ended_badly(self.exit, self.scanner, self.complaints, self.last_words)
        )


class Program:
    """`begun` is set as soon as its transaction is open, or it has ended; `open` says which."""

    def __init__(self, number: int, session: Session, tool: DumpTool, share: Share, live: Live) -> None:
        self.share = share
        self.begun = asyncio.Event()
        self.open = False
        self._number = number
        self._session = session
        self._tool = tool
        self._live = live
        self._lines = Lines(live, number, share)
        self._complaints: list[str] = []
        self._last_words = ""
        self._stream: Stream | None = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Start it on the server; it ends with `stack`. Raises RemoteCommandError, ConnectionLostError."""
        running = self._session.stream(self._tool.command(self.share), on_line=self._said)
        self._stream = await stack.enter_async_context(running)

    async def go(self, options: Options) -> None:
        """Let it log in and begin."""
        assert self._stream is not None
        await self._stream.write(text_for_tool(options))
        self._stream.write_eof()

    async def take(self, dump: Opener, tail: Opener, room: RoomGuard) -> Ended:
        """Everything it writes, to its end. Raises VaultError, ConnectionLostError, DatabaseError (stands still)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        packing = _Packing(self._tool.packer, dump, tail, room)
        worker = asyncio.create_task(asyncio.to_thread(packing.work))
        try:
            ended = await self._drain(packing, worker)
            await packing.put(None, worker)
            await worker
        finally:
            self.begun.set()
            self._live.program_ends(self._number)
            packing.stop()
            await asyncio.gather(worker, return_exceptions=True)
        self._live.count(packing.taken())
        return Ended(
            self.share,
            ended,
            packing.fault,
            tuple(self._complaints),
            self._last_words,
            packing.scanner,
            packing.splitter.shifts,
            loop.time() - began,
        )

    async def _drain(self, packing: "_Packing", worker: "asyncio.Task[None]") -> Exit:
        assert self._stream is not None
        while not worker.done():
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    if not (chunk := await self._stream.read(_CHUNK)):
                        return await self._stream.wait()
            except TimeoutError:
                names = ", ".join(printable(one.name) for one in self.share.databases)
                raise DatabaseError(
                    f"{self._session.name}: the dump of {names} stood still for {duration(STALL_SECONDS)}"
                ) from None
            await packing.put(chunk, worker)
            self._live.count(packing.taken())
        worker.result()
        return Exit(-1)

    def _said(self, line: bytes) -> None:
        text = printable(line)
        if self._lines.begun(text):
            self.open = True
            self.begun.set()
        elif verdict.complaint(text):
            if len(self._complaints) < _COMPLAINTS:
                self._complaints.append(text)
        elif text.strip() and not text.startswith("-- "):
            self._last_words = text


class _Packing:
    """The thread's side: what the program wrote in, files of frames out."""

    def __init__(self, packer: str, dump: Opener, tail: Opener, room: RoomGuard) -> None:
        self.scanner = Scanner()
        self.splitter = Splitter(self.scanner, dump, tail)
        self.fault = ""
        self._room = room
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
        sql = unpacked(self._next, self._packer)
        try:
            while piece := sql():
                self._room.coming(len(piece))
                self.scanner.feed(piece)
                self.splitter.take(piece)
        except UnpackError as error:
            self.fault = str(error)
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
