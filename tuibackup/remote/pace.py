"""The bandwidth limit of one connection: a token bucket that lets bytes through smoothly.

Who reads from the server waits for `ready` and then tells `took`. A reader that waits reads no more, its channel's
small window fills, and the program at the other end stands still for a moment: never for long, because no more is
read at once than the limit allows in a quarter of a second (a dumper that stands still for a minute is thrown out
by its database server).
"""

import asyncio
import time
from collections.abc import Callable

LEAST_WINDOW = 256 << 10
_LOOK = 0.5  # seconds between two looks at the limit: the hour changes, other runs come and go
_SMOOTH = 0.25  # seconds worth of bytes that may come at once
_LEAST_PIECE = 16 << 10  # bytes; so little is charged, but does not wait


class Pace:
    """What all channels of a connection share. `limit` gives the bytes a second allowed now, None for any number."""

    def __init__(
        self,
        limit: Callable[[], float | None],
        window: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`window`: bytes that a channel may send unasked, fitting for the lowest limit (see `window_for`)."""
        self.window = window
        self._limit = limit
        self._clock = clock
        self._rate: float | None = None
        self._looked = float("-inf")
        self._settled = clock()
        self._debt = 0.0  # bytes that came too early; below zero: what may still come at once
        self._waited = float("-inf")

    @property
    def rate(self) -> float | None:
        """The limit of the moment in bytes a second."""
        self._settle()
        return self._rate

    @property
    def binding(self) -> float | None:
        """The limit in bytes a second where it has just held a reader back, else None."""
        return self._rate if self._clock() - self._waited <= _LOOK else None

    def took(self, count: int) -> None:
        """So many bytes came."""
        self._settle()
        if self._rate is not None:
            self._debt += count

    async def ready(self) -> None:
        """Wait until more may come."""
        while (wait := self._wait()) > 0:
            self._waited = self._clock() + min(wait, _LOOK)
            await asyncio.sleep(min(wait, _LOOK))

    def piece(self, size: int) -> int:
        """How many of `size` bytes may be read at once."""
        self._settle()
        return size if self._rate is None else min(size, max(_LEAST_PIECE, int(self._rate * _SMOOTH)))

    def reader(self) -> "Toll":
        """For one channel."""
        return Toll(self)

    def _wait(self) -> float:
        self._settle()
        return max(0.0, self._debt / self._rate) if self._rate else 0.0

    def _settle(self) -> None:
        now = self._clock()
        if now - self._looked >= _LOOK:
            self._rate, self._looked = self._limit(), now
        if self._rate is None:
            self._debt = 0.0
        else:
            # What was allowed and not used is not saved up: it would come as one burst.
            self._debt = max(self._debt - self._rate * (now - self._settled), -self._rate * _SMOOTH)
        self._settled = now


class Toll:
    """One channel's dealings with the pace. What it reads is charged at once; it waits only when that was not little:

    the short answers that a dump's lock depends on do not queue behind the dump itself.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._taken = 0

    async def ready(self, size: int = _LEAST_PIECE) -> int:
        """Wait until this channel may read again; at most how many of `size` bytes."""
        if self._taken >= _LEAST_PIECE:
            await self._pace.ready()
            self._taken = 0
        return self._pace.piece(size)

    def took(self, count: int) -> None:
        """So many bytes were read."""
        self._taken += count
        self._pace.took(count)


def window_for(least: float, most: int) -> int:
    """The window of a channel that may be held to `least` bytes a second: half a second of it, at most `most`.

    The other end sends a window unasked and at full speed, and asyncssh's is as large as a fast line needs.
    """
    return max(LEAST_WINDOW, min(most, int(least / 2)))
