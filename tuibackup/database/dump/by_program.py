"""One dump program on the server: it is started and waits for its option file on stdin; `go` sends that.

Its output is read at once: if the reader is slow, the server's net_write_timeout ends the program.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace

from tuibackup.database.connect.optionfile import Options
from tuibackup.database.dump import verdict
from tuibackup.database.dump.division import Share
from tuibackup.database.dump.progress import Lines, Live
from tuibackup.database.dump.receive import Ended, Target, pack
from tuibackup.database.dump.tool import READY, DumpTool
from tuibackup.errors import RemoteTimeoutError
from tuibackup.remote.command import Exit
from tuibackup.remote.session import BEGIN_SECONDS, Session
from tuibackup.remote.stream import Stream
from tuibackup.text import duration, printable
from tuibackup.words import sentence

STALL_SECONDS = 900.0  # without a byte or a word from the tool: a table may take long to sort
_CHUNK = 256 << 10
_WINDOW = 4 << 20  # packed bytes on the way here: several programs write at the same time
_TOO_MANY = re.compile(r"error: (?:1040|1203|1226):")
_READY_SECONDS = 3.0  # for the program to be ready before the lock is taken; then we go on without
_COMPLAINTS = 100  # lines that are kept


class Program:
    """Dumps share `number`. `begun` is set when its transaction is open or the program has ended; `open` says which."""

    def __init__(self, number: int, session: Session, tool: DumpTool, share: Share, live: Live) -> None:
        self.shares = ((number, share),)
        self.begun = asyncio.Event()
        self.open = False
        self.refused = ""  # why the server refuses its login, though it accepts ours
        self._session = session
        self._tool = tool
        self._live = live
        self._waits = asyncio.Event()  # for nothing but its option file
        self._lines = Lines(live, number, share)
        self._complaints: list[str] = []
        self._last_words = ""
        self._stream: Stream | None = None
        self._exit = Exit(-1)

    async def start(self, stack: AsyncExitStack) -> None:
        """Start it on the server; it ends with `stack`. Raises RemoteCommandError, ConnectionLostError."""
        [(_number, share)] = self.shares
        running = self._session.stream(
            self._tool.command(share), on_line=self._said, window=_WINDOW, beside=True
        )
        self._stream = await stack.enter_async_context(running)
        # Nobody shall wait under the lock while the account's start-up files run,
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._stream.begun()
        except TimeoutError:
            raise RemoteTimeoutError(
                sentence(
                    "{session}: its shell did not answer within {begin_seconds} s",
                    session=self._session.name,
                    begin_seconds=f"{BEGIN_SECONDS:g}",
                )
            ) from None
        await self._stream.write(self._tool.names(share))
        # or while the shell tries which tools exist.
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await self._waits.wait()

    async def go(self, options: Options) -> None:
        """Let the program log in and begin."""
        [(_number, share)] = self.shares
        assert self._stream is not None
        await self._stream.write(self._tool.options(share, options))
        self._stream.write_eof()

    async def take(self, targets: dict[int, Target]) -> list[Ended]:
        """Take its output to the end, or until it writes no more. Raises VaultError, ConnectionLostError."""
        [(number, share)] = self.shares
        try:
            async with aclosing(self._written()) as written:
                packed = await pack(written, self._tool.packer, targets[number], self._live)
        finally:
            self.begun.set()
            self._live.program_ends(number)
        faults = [packed.fault] * bool(packed.fault)
        faults += verdict.ended_badly(self._exit, packed.scanner, self._complaints, self._last_words)
        complaints = tuple(self._complaints)
        ended = Ended(
            number,
            share,
            tuple(faults),
            complaints,
            packed.scanner,
            packed.shifts,
            packed.foot,
            packed.seconds,
        )
        if faults and not packed.fault:
            ended = replace(ended, spared=frozenset(verdict.spared(share, packed.scanner)))
        return [ended]

    async def _written(self) -> AsyncGenerator[bytes, None]:
        assert self._stream is not None
        while True:
            try:
                if not (chunk := await self._stream.read(_CHUNK, STALL_SECONDS)):
                    async with asyncio.timeout(STALL_SECONDS):
                        self._exit = await self._stream.wait()
                    return
            except TimeoutError:
                self._complaints.append(
                    sentence("it wrote nothing for {stall_seconds}", stall_seconds=duration(STALL_SECONDS))
                )
                return
            yield chunk

    def _said(self, line: bytes) -> None:
        text = printable(line)
        if text == READY:
            self._waits.set()
        elif self._lines.begun(text):
            self.open = True
            self.begun.set()
        elif verdict.complaint(text):
            if len(self._complaints) < _COMPLAINTS:
                self._complaints.append(text)
            if not self.open and _TOO_MANY.search(text):
                self.refused = sentence("the server allows no more connections: {text}", text=text)
        elif text.strip() and not text.startswith("-- "):
            self._last_words = text
