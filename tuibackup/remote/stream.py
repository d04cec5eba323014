"""One command's channel as a stream of bytes: fast, with bounded memory in both directions.

asyncssh's own reader objects copy and wake up per packet; here packets are queued as they come and taken
many at a time. Reading pauses the channel when too much waits, writing waits while the channel is full.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

import asyncssh
from asyncssh.connection import SSHConnection

from tuibackup.errors import ConnectionLostError
from tuibackup.remote.command import Exit
from tuibackup.remote.pace import Pace
from tuibackup.remote.window import bound

HIGH = 8 << 20  # bytes that wait to be read: the channel is paused beyond (its window may still fill) …
_LOW = 2 << 20  # … and goes on below
_PIECE = 256 << 10  # bytes that are handed to the channel at a time
STDERR_TAIL = 64 << 10  # bytes of stderr that are kept
_LONGEST_LINE = 16 << 10

LineHandler = Callable[[bytes], None]


class Stream(asyncssh.SSHClientSession[bytes]):
    """A running command. `stderr` holds the end of what it complained; `on_line` gets each of its lines."""

    def __init__(
        self, server: str, on_line: LineHandler | None = None, pace: Pace | None = None, high: int = HIGH
    ) -> None:
        self._server = server
        self._on_line = on_line
        self._toll = pace.reader() if pace else None
        self._high = min(high, pace.window) if pace else high
        self._low = min(_LOW, self._high // 4)
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._ended = False
        self._closed = False
        self._whole = False  # all of its output has arrived
        self._fault: Exception | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._done = asyncio.Event()
        self._exit: Exit | None = None
        self._line = b""
        self.stderr = bytearray()
        self.channel: asyncssh.SSHClientChannel[bytes]

    # what asyncssh calls

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan
        bound(chan)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._complained(data)
            return
        self._chunks.append(data)
        self._waiting += len(data)
        self._readable.set()
        if self._waiting > self._high and not self._paused:
            self._paused = True
            self.channel.pause_reading()

    def eof_received(self) -> bool:
        self._ended = self._whole = True
        self._readable.set()
        return True  # we may still have something to write

    def exit_status_received(self, status: int) -> None:
        self._exit = Exit(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._exit = Exit(-1, signal)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and not self._finished:
            # Either the channel was closed, and all that was sent is here; or the whole connection ends without
            # a reason given (a server that says goodbye, our own close), and what asyncssh still held is gone.
            # Which of them can be told only when asyncssh has finished.
            connection = self.channel.get_connection()
            asyncio.get_running_loop().call_soon(self._closed_with, connection)
        else:
            self._close(exc)

    def _closed_with(self, connection: SSHConnection) -> None:
        self._close(asyncssh.ConnectionLost("closed") if connection.is_closed() else None)

    def _close(self, fault: Exception | None) -> None:
        self._fault = fault
        self._ended = self._closed = True
        if self._line:
            self._complained(b"\n")
        for event in (self._readable, self._writable, self._done):
            event.set()

    @property
    def _finished(self) -> bool:
        """Whether the command's whole output and its end have arrived. One of them alone is not enough: the end
        overtakes output that waits in a paused channel, and both are lost together with the connection.
        """
        return self._whole and self._exit is not None

    # what we call

    async def read(self, size: int = 1 << 20) -> bytes:
        """At least one byte and at most about `size` (a packet is never split); b"" at the end.

        Waits as long as the connection's bandwidth limit asks: before it takes anything, so that a reader that is
        cancelled loses nothing. Raises ConnectionLostError when the connection broke before the command had ended.
        """
        if self._toll:
            size = await self._toll.ready(size)
        while not self._chunks:
            if self._ended:
                self._check()
                return b""
            self._readable.clear()
            await self._readable.wait()
        taken = [self._chunks.popleft()]
        length = len(taken[0])
        while self._chunks and length + len(self._chunks[0]) <= size:
            taken.append(self._chunks.popleft())
            length += len(taken[-1])
        self._waiting -= length
        if self._toll:
            self._toll.took(length)
        if self._paused and self._waiting < self._low:
            self._paused = False
            self.channel.resume_reading()
        return taken[0] if len(taken) == 1 else b"".join(taken)

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the channel is full. A command that reads no more is no error.

        Raises ConnectionLostError.
        """
        view = memoryview(data)
        while view:
            await self._writable.wait()
            if self._closed:
                self._check()
                return
            try:
                self.channel.write(view[:_PIECE])  # it takes a copy
            except OSError:  # the command has ended or closed its stdin
                self._check()
                return
            view = view[_PIECE:]

    def write_eof(self) -> None:
        """Close the command's stdin."""
        if not self._closed and not self.channel.is_closing():
            self.channel.write_eof()

    async def wait(self) -> Exit:
        """How the command ended, once all of it has arrived (what was not read is thrown away).

        Raises ConnectionLostError when the connection broke before.
        """
        while await self.read():
            pass
        await self._done.wait()
        self._check()
        return self._exit or Exit(-1)

    def abort(self, *, signal: bool = True) -> None:
        """Close the channel at once; what was not read is dropped.

        The command gets a broken pipe when it writes, the end of its input when it reads, and with `signal` SIGTERM
        before, where sshd passes that on (not for root's own commands): else one that waits would wait on.
        """
        self._chunks.clear()
        self._waiting = 0
        if not self._closed:
            if signal and self._exit is None:
                with contextlib.suppress(OSError):
                    self.channel.terminate()
            self.channel.abort()

    def _check(self) -> None:
        """Raise when the connection went away before the command had finished."""
        if self._fault is not None and not self._finished:
            raise ConnectionLostError(f"connection to {self._server} lost") from self._fault

    def _complained(self, data: bytes) -> None:
        self.stderr += data
        if len(self.stderr) > STDERR_TAIL:
            del self.stderr[:-STDERR_TAIL]
        if self._on_line is None:
            return
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[-_LONGEST_LINE:]
        for line in lines:
            self._on_line(line)
