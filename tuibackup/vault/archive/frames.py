"""A file of independent zstd frames that ends in a seek table, so that a part is read without the rest.

"Zstandard Seekable Format" 0.1.0 (contrib/seekable_format of the zstd sources); any zstd unpacks such a file.
"""

import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import zstandard
from xxhash import xxh64

from tuibackup.errors import VaultError
from tuibackup.remote.zstdblocks import checksum
from tuibackup.vault.output import Mark, OutputFile, Written, vault_errors
from tuibackup.words import sentence, sentence_n

FRAME = 4 << 20
LEVEL = 3
HURRIED = (
    1  # the level of a frame that comes while the one before is still being packed: a third of the time …
)
_IN_A_ROW = (
    16  # … and of so many after it: trying each time whether there is time would slow down every other one
)
_PIECE = 1 << 20
_CHECKSUM, _HAS_CHECKSUM = 4, 4  # bytes at a frame's end; the bit of its fifth byte that tells of them

SKIPPABLE = 0x184D2A5E
SEEKABLE = 0x8F92EAB1
FOOTER = struct.Struct("<IBI")
SEEK_ENTRY = struct.Struct("<II")


class FrameWriter:
    """Writes frames in order; compression runs in `threads` threads beside the caller. Raises VaultError.

    Where frames come faster than they can be packed at `level`, they and some after them are packed less: over a fast
    line the processor is what we wait for, over a slow one it has time.

    With a `pool` these are threads of it, which other writers share and its owner ends. `prove`: each frame is unpacked
    and compared before it is written. `wrote` is told of each frame, in the caller's thread, when it is in the file.
    """

    def __init__(
        self,
        path: Path,
        level: int = LEVEL,
        threads: int = 1,
        pool: ThreadPoolExecutor | None = None,
        *,
        prove: bool = False,
        wrote: Callable[[bytes | bytearray], None] | None = None,
    ) -> None:
        self._prove = prove
        self._wrote = wrote
        self.file = OutputFile(path)
        self.frames: list[tuple[int, int]] = []  # compressed and unpacked size
        self._level = level
        self._hurried = 0  # frames that are still to be packed less
        self._threads = threads
        self._own_pool = pool is None
        self._pool = pool or ThreadPoolExecutor(threads, thread_name_prefix="zstd")
        self._compressors = threading.local()
        self._pending: deque[tuple[int, Future[bytes | bytearray], bool]] = deque()
        self._marked: tuple[Mark, int] | None = None  # where the last frame begins that may be taken back

    def frame(
        self,
        data: bytes | bytearray,
        packed: bytes | bytearray = b"",
        *,
        mark: bool = False,
    ) -> None:
        """Hand `data` to a compressor as one frame; it must not change any more.

        `packed`: a frame with room for a checksum, which is put there, that may stand for it. Where it does it is
        taken, and nothing is compressed.
        `mark`: `marked` tells from now on where it begins, and `back` takes it out again, with all that followed.
        """
        if self._pending and not self._pending[-1][1].done():
            self._hurried = _IN_A_ROW
        level = min(self._level, HURRIED) if self._hurried else self._level
        self._hurried = max(self._hurried - 1, 0)
        self._pending.append((len(data), self._pool.submit(self._packed, data, level, packed), mark))
        self.settle(self._threads)

    def settle(self, leave: int = 0) -> None:
        """Write compressed frames, in order, until at most `leave` are under way."""
        while len(self._pending) > leave:
            unpacked, future, mark = self._pending.popleft()
            data = future.result()
            if mark:
                self._marked = self.file.mark(), len(self.frames)
            self.file.write(data)
            self.frames.append((len(data), unpacked))
            if self._wrote is not None:
                self._wrote(data)

    def marked(self) -> int:
        """The place in the file where the last marked frame begins; everything is written then."""
        self.settle()
        assert self._marked is not None, "no frame is marked"
        return self._marked[0].stored_bytes

    def back(self) -> None:
        """Take out the last marked frame and all that followed."""
        self.settle()
        assert self._marked is not None, "no frame is marked"
        mark, number = self._marked
        self._marked = None
        self.file.back_to(mark)
        del self.frames[number:]

    def append(self, path: Path, frames: Iterable[tuple[int, int]]) -> None:
        """The finished `frames` of another writer's file `path`, as they are."""
        self.settle()
        with vault_errors(path), path.open("rb", buffering=0) as source:
            while part := source.read(_PIECE):
                self.file.write(part)
        self.frames += frames

    def rest(self) -> None:
        """Write what is under way and hold no file open until there is more: of many writers few are busy."""
        self.settle()
        self.file.rest()

    def end(self) -> None:
        """Write what is under way; the file gets no seek table and no sync: its frames go into another."""
        self.settle()
        self.abandon()

    def close(self) -> Written:
        """Write what is left and the seek table; sync to the disk."""
        try:
            self.settle()
            table = b"".join(SEEK_ENTRY.pack(*frame) for frame in self.frames)
            table += FOOTER.pack(len(self.frames), 0, SEEKABLE)
            self.file.write(struct.pack("<II", SKIPPABLE, len(table)) + table)
            return self.file.close()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Stop without finishing the file. May be called twice, and after `close`."""
        if self._own_pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
        self.file.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def _packed(self, data: bytes | bytearray, level: int, packed: bytes | bytearray) -> bytes | bytearray:
        if packed:
            frame = packed if isinstance(packed, bytearray) else bytearray(packed)
            frame[4] |= _HAS_CHECKSUM
            frame[-_CHECKSUM:] = checksum(xxh64(data))
            if _stands_for(frame, data):
                return frame
        compressed = self._compress(data, level)
        if self._prove and not _stands_for(compressed, data):
            raise VaultError(
                sentence("{path}: unpacks to something else", path=self.file.path),
                sentence("the memory may be failing"),
            )
        return compressed

    def _compress(self, data: bytes | bytearray, level: int) -> bytes:
        try:
            compressors: dict[int, zstandard.ZstdCompressor] = self._compressors.by_level
        except AttributeError:  # the first frame of this thread
            compressors = self._compressors.by_level = {}
        if level not in compressors:
            compressors[level] = zstandard.ZstdCompressor(
                level=level, write_checksum=True, write_content_size=True
            )
        return compressors[level].compress(data)


def _stands_for(packed: bytes | bytearray, data: bytes | bytearray) -> bool:
    """Whether this frame, read by itself, is `data`."""
    try:
        return unpacked_frame(zstandard.ZstdDecompressor(), packed, len(data)) == data
    except (ValueError, zstandard.ZstdError):
        return False


def unpacked_frame(decompressor: zstandard.ZstdDecompressor, data: bytes | bytearray, size: int) -> bytes:
    """One frame of ours, which stands for `size` bytes; a damaged one may claim more than there is memory.

    Raises ValueError for another size, zstandard.ZstdError for a frame that is damaged, its checksum included.
    """
    claimed = zstandard.get_frame_parameters(data).content_size
    if claimed != size:
        raise ValueError(
            sentence(
                "claims {bytes}, not {size}: another size",
                bytes=sentence_n("{count} byte", "{count} bytes", claimed),
                size=size,
            )
        )
    return decompressor.decompress(data, allow_extra_data=False)


def content(path: Path, sizes: Sequence[int] | None = None) -> Iterator[bytes]:
    """The unpacked content of a file of frames, piece by piece; of an unfinished one the frames of these `sizes`.

    Raises OSError, zstandard.ZstdError.
    """
    with path.open("rb", buffering=0) as file:
        if sizes is None:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            while piece := reader.read(FRAME):
                yield piece
            return
        decompressor = zstandard.ZstdDecompressor()
        for size in sizes:
            yield decompressor.decompress(file.read(size))


class CompressedFile:
    """A file of frames that is written in parts of any size."""

    def __init__(self, path: Path, level: int = LEVEL) -> None:
        self._frames = FrameWriter(path, level)
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        """The next part."""
        self._buffer += data
        if len(self._buffer) >= FRAME:
            self._frames.frame(self._buffer)
            self._buffer = bytearray()

    def replay(self) -> Iterator[bytes]:
        """Everything written so far, from its beginning; what is written meanwhile is left out."""
        self._frames.settle()
        rest = bytes(self._buffer)
        yield from content(self._frames.file.path, [packed for packed, _ in self._frames.frames])
        yield rest

    def close(self) -> Written:
        """As FrameWriter's."""
        self._frames.frame(self._buffer)
        return self._frames.close()

    def abandon(self) -> None:
        """As FrameWriter's."""
        self._frames.abandon()
