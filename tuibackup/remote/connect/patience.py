"""The time that one connection may take, which stands still while a question waits for its answer."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

_LEAST = 1.0  # seconds that an attempt gets even past the deadline


class Patience:
    """Time until `deadline` (monotonic), which moves on by what people take to answer."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.seconds = 0.0  # of the last attempt
        self._timeout: asyncio.Timeout | None = None

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    @contextlib.asynccontextmanager
    async def attempt(self, seconds: float) -> AsyncIterator[None]:
        """Give what is done here `seconds`, or what is left; TimeoutError beyond. One at a time."""
        self.seconds = min(seconds, max(_LEAST, self.left))
        async with asyncio.timeout(self.seconds) as timeout:
            self._timeout = timeout
            try:
                yield
            finally:
                self._timeout = None

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While somebody is asked: the clocks stand still, and the attempt starts anew with its whole time."""
        began = time.monotonic()
        timeout = self._timeout
        if timeout is not None and not timeout.expired():
            timeout.reschedule(None)
        try:
            yield
        finally:
            self._deadline += time.monotonic() - began
            if timeout is not None and timeout is self._timeout and not timeout.expired():
                timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)
