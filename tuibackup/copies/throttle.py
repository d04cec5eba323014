"""The bandwidth limit of what is sent to a copy: whoever sends a piece is held back until the next may go."""

import threading
import time
from collections.abc import Callable


class Throttle:
    """Shared by all threads that send. `limit` gives the bytes a second allowed now, None for any number."""

    PIECE = 64 << 10  # bytes that a sender should hand over at once, where it can choose

    def __init__(self, limit: Callable[[], float | None]) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._free = 0.0  # when the line has carried everything that was sent

    @property
    def limited(self) -> bool:
        """Whether there is a limit now."""
        return self._limit() is not None

    def sent(self, count: int) -> None:
        """Wait for as long as the line may take for so many bytes."""
        rate = self._limit()
        if rate is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free = max(now, self._free) + count / rate
            wait = self._free - now
        time.sleep(wait)


def unlimited() -> Throttle:
    """Holds nobody back."""
    return Throttle(lambda: None)
