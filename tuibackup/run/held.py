"""Waiting for a ledger that another process holds: long enough for a copy or a look by hand, and said."""

import asyncio
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from tuibackup.errors import LedgerHeldError
from tuibackup.words import sentence

PATIENCE = 3600.0  # seconds that are waited in all
TURN = 5.0  # seconds that one attempt waits by itself (the patience to open the ledger with)
_PAUSE = 1.0  # seconds between two attempts

T = TypeVar("T")
Say = Callable[[str], object]


async def once_free(attempt: Callable[[], T], say: Say) -> T:
    """What `attempt` gives, tried in a thread until the ledger is free; `say` tells once who holds it.

    Raises LedgerHeldError after an hour, and whatever else `attempt` raises.
    """
    waiting = _Waiting(say)
    while True:
        try:
            return await asyncio.to_thread(attempt)
        except LedgerHeldError as error:
            waiting.tell(error)
        await asyncio.sleep(_PAUSE)


def wait_until_free(attempt: Callable[[], T], say: Say) -> T:
    """The same where nothing else goes on."""
    waiting = _Waiting(say)
    while True:
        try:
            return attempt()
        except LedgerHeldError as error:
            waiting.tell(error)
        sleep(_PAUSE)


class _Waiting:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = monotonic()
        self._told = False

    def tell(self, error: LedgerHeldError) -> None:
        """Say it the first time; raise it when the time is over."""
        if monotonic() - self._began > PATIENCE:
            raise error
        if not self._told:
            self._told = True
            self._say(sentence("{fault}: waiting, for an hour at most", fault=error.message))
