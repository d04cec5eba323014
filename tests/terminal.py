"""A program in a pseudo-terminal, and what its screen shows: the way a person meets the program.

pyte plays the terminal, which answers what it is asked; `bytes_written` counts what went over the wire.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte


class Terminal:
    """`argv` in a new session whose controlling terminal has `columns` x `rows` characters."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        cwd: str | os.PathLike[str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.write_process_input = self._answer  # type: ignore[method-assign]  # pyte's hook
        self.stands = False  # whether it reads nothing any more, as a frozen line
        self.rate = 0  # bytes a second that it reads at most, 0 for all
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._hung_up = threading.Event()
        self.bytes_written = 0
        self.raw = bytearray()
        self.status: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:  # the child: nothing but exec may happen here
            try:
                if cwd is not None:
                    os.chdir(cwd)
                os.execvpe(argv[0], list(argv), dict(env))
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # A read under way would keep the terminal open after `hang_up`: never block in one.
        due = 0.0  # when the next bytes may come
        while not self._hung_up.is_set():
            if self.stands:
                time.sleep(0.02)
                continue
            if not select.select([self._fd], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._fd, self.rate // 50 or 65536)
            except OSError:  # the other end is closed: EIO
                return
            if not data:
                return
            if self.rate:
                due = max(due + len(data) / self.rate, time.monotonic() - 0.2)
                time.sleep(max(0.0, due - time.monotonic()))
            with self._lock:
                self.bytes_written += len(data)
                self.raw += data
                self._stream.feed(data)

    def _answer(self, data: str) -> None:
        with contextlib.suppress(OSError):  # it has ended
            os.write(self._fd, data.encode())

    @property
    def lines(self) -> list[str]:
        """The screen now, without trailing blanks."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def send(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._fd, keys.encode())

    def wait_for(self, *words: str, seconds: float = 60.0) -> str:
        """Wait until the screen shows all of `words`; returns it. AssertionError shows the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text = self.text
            if all(word in text for word in words):
                return text
            if self.status is None and self._ended():
                self._reader.join(5)  # what it wrote last may not be read yet
                break
            time.sleep(0.05)
        text = self.text
        assert all(word in text for word in words), f"the screen never showed {words}:\n{text}"
        return text

    def wait_for_bytes(self, words: bytes, start: int, seconds: float = 60.0) -> None:
        """Wait until `words` were written after the first `start` bytes, even if the screen had shown them before."""
        deadline = time.monotonic() + seconds
        while words not in self.raw[start:]:
            assert time.monotonic() < deadline, f"{words!r} did not come again:\n{self.text}"
            time.sleep(0.05)

    def settle(self, quiet: float = 0.6, seconds: float = 10.0) -> str:
        """Wait until nothing was written for `quiet` seconds."""
        deadline = time.monotonic() + seconds
        seen, since = -1, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < quiet:
            if self.bytes_written != seen:
                seen, since = self.bytes_written, time.monotonic()
            time.sleep(0.05)
        return self.text

    def wait(self, seconds: float = 60.0) -> int:
        """Wait until the program has ended; its exit code (minus the signal's number where one ended it)."""
        deadline = time.monotonic() + seconds
        while not self._ended():
            assert time.monotonic() < deadline, f"the program did not end:\n{self.text}"
            time.sleep(0.05)
        self._reader.join(1)
        assert self.status is not None
        return self.status

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as dragging its window does; what it showed is reflowed somehow."""
        with self._lock:
            self.screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def garble(self) -> None:
        """Something else writes over the whole screen."""
        with self._lock:
            self._stream.feed(b"\x1b[H" + b"Broadcast message\r\n" * self.screen.lines)

    def modes(self) -> list[object]:
        """The terminal's settings (`termios.tcgetattr`)."""
        return termios.tcgetattr(self._fd)

    def hang_up(self) -> None:
        """Close the terminal, as a broken SSH connection does; the program gets SIGHUP."""
        if not self._hung_up.is_set():
            self._hung_up.set()
            self._reader.join()
            os.close(self._fd)

    def kill(self) -> None:
        """SIGKILL the program."""
        if not self._ended():
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def _ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.hang_up()
