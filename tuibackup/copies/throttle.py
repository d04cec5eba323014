"""Holds back whoever sends to a copy, until the next piece may go; and ends it, where it was asked to stop."""

import threading
import time
from collections.abc import Callable


class Throttle:
    """Shared by all threads that send. `limit` gives the bytes a second allowed now, None for any number.

    Once `halt` is set, every call raises KeyboardInterrupt, as ctrl+c does in the main thread.
    """

    PIECE = 64 << 10  # bytes that a sender should hand over at once, where it can choose

    def __init__(self, limit: Callable[[], float | None], halt: threading.Event | None = None) -> None:
        self._limit = limit
        self._halt = halt or threading.Event()
        self._lock = threading.Lock()
        self._free = 0.0  # when the line has carried everything that was sent

    @property
    def limited(self) -> bool:
        """Whether there is a limit now."""
        return self._limit() is not None

    def sent(self, count: int) -> None:
        """Wait for as long as the line may take for so many bytes."""
        rate = self._limit()
        wait = 0.0
        if rate is not None:
            with self._lock:
                now = time.monotonic()
                self._free = max(now, self._free) + count / rate
                wait = self._free - now
        self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Wait for so long."""
        if self._halt.wait(seconds) if seconds > 0 else self._halt.is_set():
            raise KeyboardInterrupt


def unlimited() -> Throttle:
    """Holds nobody back."""
    return Throttle(lambda: None)
