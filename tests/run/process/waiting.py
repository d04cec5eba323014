"""Wait for what another process does."""

import time
from collections.abc import Callable

SECONDS = 30.0


def until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
