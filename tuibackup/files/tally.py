"""How far step 2 is: counted by the worker, reported from the event loop a few times a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from tuibackup.progress import Progress, Reporter
from tuibackup.text import printable

_EVERY = 0.25  # seconds


class Tally(msgspec.Struct):
    """Counters that one thread changes and another reads; totals are None until the inventory is known."""

    current: bytes = b""  # path of the file under way
    items: int = 0
    bytes: int = 0
    items_total: int | None = None
    bytes_total: int | None = None

    def progress(self) -> Progress:
        """The newest state, never more than its totals."""
        items, size = self.items, self.bytes
        if self.items_total is not None and self.bytes_total is not None:
            items, size = min(items, self.items_total), min(size, self.bytes_total)
        return Progress(items, self.items_total, size, self.bytes_total, printable(self.current))


@asynccontextmanager
async def reporting(tally: Tally, reporter: Reporter) -> AsyncIterator[None]:
    """While in it, `reporter` hears of `tally` whenever it has changed, and once at the end."""

    async def repeat() -> None:
        last: Progress | None = None
        while True:
            now = tally.progress()
            if now != last:
                reporter.progress(now)
                last = now
            await asyncio.sleep(_EVERY)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        reporter.progress(tally.progress())
