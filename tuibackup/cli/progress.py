"""One line that says how far a long command is; on a terminal only, and on stderr."""

import sys
import time
from threading import Lock
from types import TracebackType
from typing import Self

from tuibackup.cli.output import terminal_width
from tuibackup.progress import Progress
from tuibackup.text import count, rate, shorten, size

EVERY = 0.2  # seconds


class ProgressLine:
    """A context manager whose `update` may be called from any thread, at any rate."""

    def __init__(self) -> None:
        self._began = self._drawn = time.monotonic()
        self._live = sys.stderr.isatty()
        self._lock = Lock()

    def update(self, subject: str, progress: Progress) -> None:
        """Show the newest state of `subject`."""
        now = time.monotonic()
        if not self._live or now - self._drawn < EVERY:
            return
        with self._lock:
            self._drawn = now
            share = f" {min(1.0, progress.bytes / progress.bytes_total):.0%}" if progress.bytes_total else ""
            speed = rate(progress.bytes / max(0.1, now - self._began))
            text = f"{subject}{share}  {count(progress.items)} · {size(progress.bytes)}  {speed}"
            sys.stderr.write(f"\r\x1b[K{shorten(text, terminal_width(sys.stderr) - 1)}")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._live = False
