"""asyncio for a command: it ends when its work has ended.

asyncio.run waits for every thread of its executor, also for one that hangs in a name server or a disk that is gone.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`work` to its end, as asyncio.run; the process waits a moment for its threads (see `main.command`)."""
    with asyncio.Runner() as runner:
        try:
            return runner.run(work)
        finally:
            # Closing waits for the executor's threads, so it gets an executor without any.
            runner.get_loop().set_default_executor(ThreadPoolExecutor(1))
