"""Bytes on their way from the event loop, which reads the connection, to one worker thread."""

import asyncio
from queue import SimpleQueue

_HELD = 8 << 20  # bytes between loop and thread


class StoppedError(Exception):
    """The pipe's other side has given up; its own error says why."""


class Pipe:
    """One writer on the event loop, one reader in a thread; `held` bytes may wait between them, and one piece more."""

    def __init__(self, held: int = _HELD) -> None:
        self._loop = asyncio.get_running_loop()
        self._most = held
        self._ended = False  # the reader has
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._put = 0  # bytes; only the loop counts here …
        self._taken = 0  # … and only the thread here
        self._full = False  # the writer waits
        self._room = asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Hand over `data` (b"": the end), and wait until there is room for more."""
        self._put += len(data)
        self._queue.put(data)
        while self._held > self._most and not self._ended:
            self._room.clear()
            self._full = True  # first: what the thread has taken before it sees this is seen here
            if not self._roomy:
                await self._room.wait()

    def stop(self) -> None:
        """Make the thread give up: its next `read` raises StoppedError. What is still on the way may go first."""
        self._queue.put(None)

    def reader_ended(self) -> None:
        """Note, on the event loop, that the thread reads no more: `put` waits for room no more."""
        self._ended = True
        self._room.set()

    def read(self) -> bytes:
        """In the thread: the next piece; b"" at the end and ever after."""
        data = self._queue.get()
        if data is None:
            raise StoppedError
        if data:
            self._taken += len(data)
            # Waking the loop for each piece costs more than the piece.
            if self._full and self._roomy:
                self._full = False
                self._loop.call_soon_threadsafe(self._room.set)
        else:
            self._queue.put(b"")
        return data

    @property
    def empty(self) -> bool:
        """In the thread: whether `read` would have to wait."""
        return self._queue.empty()

    @property
    def _held(self) -> int:
        """Bytes that wait."""
        return self._put - self._taken

    @property
    def _roomy(self) -> bool:
        """Whether a writer goes on that has waited."""
        return self._held <= self._most // 2
