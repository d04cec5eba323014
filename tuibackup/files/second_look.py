"""The second look: every fetched file is looked at once more while others come; what a source needs for that."""

import asyncio
import threading
from collections import deque

from tuibackup.vault.index.read import Wanted

_HANDED = 16  # batches that wait to be sent
_KEPT = 20_000  # changed files that are remembered; more than that is somebody's `chown -R`


class SecondLook:
    """Takes fetched files from the worker, to be looked at a second time, and keeps which of them `changed`.

    `gone` are those that are not there any more, or no files. Of either `uncounted` tells how many more there
    are than are kept.
    """

    def __init__(self, name: str) -> None:
        self.changed: list[Wanted] = []
        self.gone: list[Wanted] = []
        self.uncounted = 0
        self.postponed = False
        self._name = name  # of the server
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[list[Wanted]] = asyncio.Queue()
        self._slots = threading.Semaphore(_HANDED)
        self._stopped = False
        self._out: deque[Wanted] = deque()
        self._begun: list[Wanted] = []  # what the next command begins with
        self._unsent: list[Wanted] = []

    def hand_over(self, files: list[Wanted]) -> None:
        """In the worker's thread: these are fetched; an empty list is the end. Waits while too many are on the way.

        After `stop` they are only noted as `unchecked`.
        """
        if not self._stopped and not self.postponed:
            self._slots.acquire()
        if self._stopped:
            self._unsent += files
        else:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, files)

    def _postpone(self) -> None:
        """Nothing is looked at for the time being: `hand_over` waits no more."""
        self.postponed = True
        self._slots.release()

    def stop(self) -> None:
        """Let the worker's thread go, also from a `hand_over` that waits."""
        self._stopped = True
        self._slots.release()

    def unchecked(self) -> list[Wanted]:
        """After a cut: files that were handed over and not looked at. The worker's thread has ended."""
        queued: list[Wanted] = []
        while not self._queue.empty():
            queued += self._queue.get_nowait()
        return [*self._out, *self._begun, *queued, *self._unsent]

    def _keep(self, where: list[Wanted], wanted: Wanted) -> None:
        if len(where) < _KEPT:
            where.append(wanted)
        else:
            self.uncounted += 1
