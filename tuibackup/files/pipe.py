"""Bytes on their way from the event loop to one worker thread, and how they are unpacked there.

The connection is read by the event loop; parsing, hashing and packing happen in a thread, because they release
the interpreter's lock. What lies between is bounded: a slow disk slows the server down, and nothing grows.
"""

import asyncio
import zlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import zstandard

from tuibackup.files.shell.tarstream import StreamError
from tuibackup.remote.zstdblocks import Slices

_HELD = 8 << 20  # bytes between loop and thread
_PIECE = 128 << 10  # bytes unpacked at once, however much a small piece may unpack to
_SLICE = 4 << 10  # bytes of gzip's that are unpacked at once: they may stand for 4 MiB
_WINDOW = 8 << 20  # the most a zstd frame may make us remember: more than `zstd -1` to `-9` ask for


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


class StoppedError(Exception):
    """The pipe's other side has given up; its own error says why."""


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all to their end; when one fails, stop the others and raise that first error alone."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part)
    except BaseExceptionGroup as group:
        errors = [error for error in group.exceptions if not isinstance(error, StoppedError)]
        raise (errors or group.exceptions)[0] from None


class Pipe:
    """One writer on the event loop, one reader in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._held = 0
        self._room = asyncio.Event()

    async def put(self, data: bytes) -> None:
        """Hand over `data` (b"": the end), and wait until there is room for more."""
        self._queue.put(data)
        self._held += len(data)
        while self._held > _HELD:
            self._room.clear()
            await self._room.wait()

    def stop(self) -> None:
        """Make the thread give up: its next `read` raises StoppedError. What is still on the way may go first."""
        self._queue.put(None)

    def read(self) -> bytes:
        """In the thread: the next piece; b"" at the end and ever after."""
        data = self._queue.get()
        if data is None:
            raise StoppedError
        if data:
            self._loop.call_soon_threadsafe(self._taken, len(data))
        else:
            self._queue.put(b"")
        return data

    def _taken(self, count: int) -> None:
        self._held -= count
        self._room.set()


def unpacked(read: Callable[[], bytes], packed: str) -> Callable[[], bytes]:
    """`read` with the packing of the source ("zstd", "gzip" or "") undone, in pieces of at most `_PIECE`.

    Raises StreamError for what is not packed that way. A stream that is cut ends early: tar's end marker tells.
    """
    if packed == "zstd":
        return _zstd(read)
    if packed == "gzip":
        return _gzip(read)
    return read


class Unpacker:
    """The same for bytes that are handed over as they come, in pieces of some megabytes at most."""

    def __init__(self, packed: str) -> None:
        self._packed = packed
        self._slices: Slices | None = None
        self._stream: Any = None
        if packed == "zstd":
            self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
            self._slices = Slices()
        elif packed == "gzip":
            self._stream = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds. StreamError: it is not packed that way."""
        if self._stream is None:
            yield data
        elif self._slices is None:
            yield from self._parts(data[at : at + _SLICE] for at in range(0, len(data), _SLICE))
        else:
            yield from self._parts(self._slices.cut(data))

    def close(self) -> Iterator[bytes]:
        """Nothing more comes: the last of it. StreamError where there should be more."""
        if self._slices is not None:
            yield from self._parts([self._slices.rest()])
        if self._stream is not None and not self._stream.eof:
            raise StreamError(f"the server's {self._packed} stream was cut off")

    def _parts(self, packed: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for part in filter(None, packed):
                if self._stream.eof:
                    raise StreamError(f"the server's {self._packed} stream goes on after its end")
                if piece := self._stream.decompress(part):
                    yield piece
                if self._stream.unused_data:
                    raise StreamError(f"the server's {self._packed} stream goes on after its end")
        except (zstandard.ZstdError, zlib.error) as error:
            raise StreamError(f"the server's {self._packed} stream is damaged: {error}") from error


def _zstd(read: Callable[[], bytes]) -> Callable[[], bytes]:
    class Source:
        def read(self, _size: int) -> bytes:
            return read()

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    reader = decompressor.stream_reader(Source(), read_across_frames=True)  # type: ignore[arg-type] # read suffices

    def piece() -> bytes:
        try:
            return reader.read(_PIECE)
        except zstandard.ZstdError as error:
            raise StreamError(f"the server's zstd stream is damaged: {error}") from error

    return piece


def _gzip(read: Callable[[], bytes]) -> Callable[[], bytes]:
    decompressor = zlib.decompressobj(wbits=31)
    waiting = b""

    def piece() -> bytes:
        nonlocal waiting
        while not decompressor.eof:
            waiting = waiting or read()
            try:
                data = decompressor.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise StreamError(f"the server's gzip stream is damaged: {error}") from error
            ended = not waiting
            waiting = decompressor.unconsumed_tail
            if data or ended:
                return data
        if decompressor.unused_data or read():
            raise StreamError("the server's gzip stream goes on after its end")
        return b""

    return piece
