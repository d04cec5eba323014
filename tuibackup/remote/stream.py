"""One command's channel as a stream of bytes: fast, with bounded memory in both directions.

asyncssh's own reader objects copy and wake up per packet; here packets are queued as they come and taken
many at a time. Reading pauses the channel when too much waits, writing waits while the channel is full.

Of a command's output only what lies between its marks is given (see `marks`); that they come says that it was carried
out at all.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

import asyncssh
from asyncssh.connection import SSHConnection

from tuibackup.errors import ConnectionLostError
from tuibackup.remote.command import Exit
from tuibackup.remote.marks import MOST_NOISE, Marks
from tuibackup.remote.pace import Pace
from tuibackup.remote.refusals import not_carried_out, words
from tuibackup.remote.window import bound
from tuibackup.words import sentence

HIGH = 8 << 20  # bytes that wait to be read: the channel is paused beyond (its window may still fill) …
_LOW = 2 << 20  # … and goes on below
_PIECE = 256 << 10  # bytes that are handed to the channel at a time
STDERR_TAIL = 64 << 10  # bytes of stderr that are kept
_LONGEST_LINE = 16 << 10
_LAST_WORDS = 5.0  # seconds for the rest of stderr, once the output has ended

LineHandler = Callable[[bytes], None]


class Stream(asyncssh.SSHClientSession[bytes]):
    """A running command. `stderr` holds the end of what it complained; `on_line` gets each of its lines.

    Without `marks` (a subsystem) everything that comes is its own.
    """

    def __init__(
        self,
        server: str,
        on_line: LineHandler | None = None,
        pace: Pace | None = None,
        high: int = HIGH,
        marks: Marks | None = None,
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
        self._whole = False  # all of its output has arrived …
        self._over = False  # … and its last mark
        self._gone = False  # the shell has ended
        self._fault: Exception | None = None
        self._readable = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._patient_until: float | None = None  # by the loop's clock: who waits for something to read
        self._silent = False  # … has waited for too long
        self._writable = asyncio.Event()
        self._writable.set()
        self._done = asyncio.Event()
        self._begun = asyncio.Event()  # the command, or the end of all
        self._output = marks.output() if marks else None
        self._complaints = marks.complaints() if marks else None
        if marks is None:
            self._begun.set()
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
            self._heard(data)
            return
        if self._output is not None:
            data = self._between(data)
            if not data:
                return
        self._take(data)

    def _between(self, data: bytes) -> bytes:
        """What of `data` is the command's own; notes when it begins and ends."""
        assert self._output is not None
        data = self._output.feed(data)
        if self._output.begun:
            self._begun.set()
        elif self._output.noisy > MOST_NOISE:
            self.channel.abort()
        if self._output.exit is not None and not self._over:
            self._exit = self._output.exit
            self._over = self._whole = self._ended = True
            self._readable.set()
            self._settle()
        return data

    def _no_more_output(self) -> None:
        """What looked like the beginning of a mark was none."""
        if self._output is not None and (rest := self._output.rest()):
            self._take(rest)

    def _take(self, data: bytes) -> None:
        self._chunks.append(data)
        self._waiting += len(data)
        self._readable.set()
        if self._waiting > self._high and not self._paused:
            self._paused = True
            self.channel.pause_reading()

    def eof_received(self) -> bool:
        self._no_more_output()
        self._ended = self._whole = True
        self._readable.set()
        self._begun.set()
        return True  # we may still have something to write

    def exit_status_received(self, status: int) -> None:
        self._shell_ended(Exit(status))

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._shell_ended(Exit(-1, signal))

    def _shell_ended(self, exit_: Exit) -> None:
        self._exit = self._exit or exit_
        self._gone = True
        self._settle()

    def _settle(self) -> None:
        """Whether nothing is to come any more, though what a start-up file left running holds the channel open."""
        if self._over and self._gone and self._complaints is not None and self._complaints.exit is not None:
            self._done.set()

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
        self._no_more_output()
        self._ended = self._closed = True
        if self._complaints is not None and (rest := self._complaints.rest()):
            self._complained(rest)
        self._no_more_complaints()
        if self._patience is not None:
            self._patience.cancel()
        for event in (self._readable, self._writable, self._done, self._begun):
            event.set()

    @property
    def _finished(self) -> bool:
        """Whether the command's whole output and its end have arrived. One of them alone is not enough: the end
        overtakes output that waits in a paused channel, and both are lost together with the connection. The last
        mark is both in one.
        """
        return self._over or (self._whole and self._exit is not None)

    # what we call

    async def read(self, size: int = 1 << 20, within: float | None = None) -> bytes:
        """At least one byte and at most about `size` (without a limit, what came at once is not split); b"" at the end.

        Waits as long as the connection's bandwidth limit asks: before it takes anything, so that a reader that is
        cancelled loses nothing. Raises ConnectionLostError when the connection broke before the command had ended,
        NoShellError where it was not even begun, TimeoutError when nothing comes for `within` seconds.
        """
        if self._toll:
            size = await self._toll.ready(size)
        while not self._chunks:
            if self._ended:
                self._check()
                return b""
            await self._something(within)
        if self._toll and len(self._chunks[0]) > size:
            self._chunks.appendleft(self._chunks[0][:size])
            self._chunks[1] = self._chunks[1][size:]
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

    async def _something(self, within: float | None) -> None:
        """Wait until something comes. One timer looks now and then: one for each piece costs more than the piece."""
        self._readable.clear()
        self._silent = False
        if within is not None:
            loop = asyncio.get_running_loop()
            self._patient_until = until = loop.time() + within
            if self._patience is None or self._patience.when() > until:
                self._be_patient(within)
        try:
            await self._readable.wait()
        finally:
            self._patient_until = None
        if self._silent and not self._chunks and not self._ended:
            raise TimeoutError

    def _be_patient(self, seconds: float) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Whether someone has waited for too long."""
        self._patience = None
        if self._patient_until is None:
            return
        left = self._patient_until - asyncio.get_running_loop().time()
        if left > 0:
            self._be_patient(left)
        else:
            self._silent = True
            self._readable.set()

    async def write(self, data: bytes) -> None:
        """Send `data`; waits while the channel is full. A command that reads no more is no error.

        It waits for the command to begin, too: a start-up file that reads gets nothing of it, nor does a program in
        the command's place. Raises ConnectionLostError.
        """
        await self._begun.wait()
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

    async def begun(self) -> None:
        """Wait until the command begins, or its channel ends."""
        await self._begun.wait()

    @property
    def over(self) -> bool:
        """Whether the command has ended: what is written now reaches nobody."""
        return self._over or self._closed

    @property
    def noise(self) -> str:
        """What came in front of the command, in words; "" for nothing."""
        outputs = (one.noise for one in (self._complaints, self._output) if one is not None)
        return words(*map(bytes, outputs))

    async def wait(self) -> Exit:
        """How the command ended, once all of it has arrived (what was not read is thrown away).

        Raises ConnectionLostError when the connection broke before, NoShellError where it was not even begun.
        """
        while await self.read():
            pass
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS if self._over else None):
                await self._done.wait()
        self._check()
        if self._over or self._output is None or self._exit is None or not self._exit.ok:
            return self._exit or Exit(-1)
        return Exit(-1)  # that of something else

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
            raise ConnectionLostError(
                sentence("connection to {server} lost", server=self._server)
            ) from self._fault
        if self._output is not None and not self._output.begun:
            complaints = self._complaints.noise if self._complaints else b""
            raise not_carried_out(self._server, bytes(self._output.noise), bytes(complaints), self._exit)

    def _heard(self, data: bytes) -> None:
        """Something on stderr."""
        if self._complaints is None:
            self._complained(data)
            return
        self._complained(self._complaints.feed(data))
        if self._complaints.exit is not None:
            self._no_more_complaints()
            self._settle()

    def _no_more_complaints(self) -> None:
        """The last line may lack its end."""
        if self._line:
            self._complained(b"\n")

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
