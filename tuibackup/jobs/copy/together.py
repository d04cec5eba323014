"""Does several things at once, each in a thread of its own, and gives what they tell as it comes."""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_TIDY_SECONDS = 10.0  # what they may take to end when they are stopped; a line that hangs is not waited for

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def together(works: Sequence[Iterator[T]], at_once: int, halt: threading.Event) -> Iterator[T]:
    """What all `works` give, so many of them at once.

    What one of them raises ends all. Whatever ends this sets `halt`, which they look at now and then.
    """
    told: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    waiting = deque(works)

    def work() -> None:
        error: BaseException | None = None
        try:
            while waiting and not halt.is_set():
                try:
                    one = waiting.popleft()
                except IndexError:  # another thread took the last one
                    break
                for result in one:
                    told.put(result)
        except BaseException as raised:
            error = raised
        told.put(_End(error))

    threads = [
        threading.Thread(target=work, daemon=True, name=f"copy-{number}")
        for number in range(min(at_once, len(works)))
    ]
    for thread in threads:
        thread.start()
    going = len(threads)
    try:
        while going:
            result = told.get()
            if isinstance(result, _End):
                going -= 1
                if result.error is not None:
                    raise result.error
            else:
                yield result
    finally:
        halt.set()
        end = time.monotonic() + _TIDY_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
