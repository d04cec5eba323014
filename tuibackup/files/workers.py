"""Step 2 works in threads beside the event loop: how its parts start together, end together, and share the index."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

from tuibackup.remote.pipe import StoppedError
from tuibackup.vault.index.read import Wanted

T = TypeVar("T")


async def in_thread(
    function: Callable[..., T], *arguments: object, stop: Callable[[], None] | None = None
) -> T:
    """`function` in a thread. Cancelled, it calls `stop` and waits for the thread: it works on things we close."""
    work = asyncio.get_running_loop().run_in_executor(None, partial(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # looked at: what made us stop is raised elsewhere
        raise


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all to their end; when one fails, stop the others and raise that first error alone."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part)
    except BaseExceptionGroup as group:
        errors = [error for error in group.exceptions if not isinstance(error, StoppedError)]
        raise (errors or group.exceptions)[0] from None


_TAKEN = 200  # files taken from the index at once: the lock is wanted by two threads


def locked(wanted: Callable[[], Iterator[Wanted]], lock: Lock) -> Iterator[Wanted]:
    """What `wanted` gives, with the index behind it locked whenever it is asked."""
    with lock:
        source = wanted()
    while True:
        with lock:
            found = list(islice(source, _TAKEN))
        if not found:
            return
        yield from found
