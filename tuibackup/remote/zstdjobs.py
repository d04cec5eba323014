"""What a server's zstd packed in jobs that know nothing of each other, unpacked, with the packing of each.

A job comes with what may be a frame of its own, but for its checksum: its blocks as they came, behind a header of ours.
So nothing has to be packed a second time. Whether the frame stands for just that is looked at where it is stored
(`vault.archive.frames`): another zstd's jobs need what lies before.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import zstandard
from xxhash import xxh64

from tuibackup.remote.unpack import WINDOW, CutOffError, UnpackError, unpacked
from tuibackup.remote.zstdblocks import COMPRESSED, LARGEST, REPEATED, RESERVED, checksum
from tuibackup.words import sentence

JOB = 1 << 20  # unpacked bytes of a job of a dump
_BEGIN = 5  # bytes of a frame's header that tell how long it is
# How a frame's header begins: one that ends in 4 bytes with its size, and one without.
_SIZED, _UNSIZED = b"\x28\xb5\x2f\xfd\x80", b"\x28\xb5\x2f\xfd\0"
_CHECKSUM = bytes(4)  # room for one


class Piece(NamedTuple):
    """Some of the SQL. `frame`: what may be a zstd frame of just this, with room for its checksum; b"" where none."""

    sql: bytes
    frame: bytes | bytearray = b""


class Part(NamedTuple):
    """Some of a job's bytes. The last of a job `ends` it and tells its `frame`, as a Piece does: of all its parts."""

    data: bytes
    ends: bool = False
    frame: bytes | bytearray = b""


def unpacked_jobs(read: Callable[[], bytes], packer: str) -> Iterator[Piece]:
    """What `read` gives (b"" at its end), unpacked, of zstd's jobs of JOB bytes one at a time, with their frames.

    Raises UnpackError, CutOffError at its end, what `read` raises.
    """
    if packer != "zstd":
        yield from map(Piece, unpacked(read, packer))
        return
    parts: list[bytes] = []
    for part in _zstd_parts(read, JOB, lambda: False):
        parts.append(part.data)
        if part.ends:
            yield Piece(b"".join(parts) if len(parts) > 1 else part.data, part.frame)
            parts = []


def unpacked_parts(
    read: Callable[[], bytes], packer: str, job: int, waits: Callable[[], bool]
) -> Iterator[Part]:
    """As `unpacked_jobs`, for jobs of `job` bytes each (a power of two).

    When `read` would have to wait, as `waits` tells, the part of a job that is here comes meanwhile.
    """
    return _zstd_parts(read, job, waits) if packer == "zstd" else map(Part, unpacked(read, packer))


def _zstd_parts(read: Callable[[], bytes], size: int, waits: Callable[[], bool]) -> Iterator[Part]:
    source = _Source(read)
    try:
        header = source.take(_BEGIN)
        header += source.take(zstandard.frame_header_size(header) - _BEGIN)
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        unpacking, content = _Unpacking(header, size), xxh64()
        job, last = _Job(size), False
        while not last:
            try:
                kind, block, last = source.block()
            except Exception:  # what came before is no worse for that
                with suppress(zstandard.ZstdError):
                    if job.waiting and (data := unpacking.unpack(job, last=False)[0]):
                        yield Part(data)
                raise
            job.add(kind, block)
            if not last and unpacking.gathers(job) and not waits():
                continue
            data, frame = unpacking.unpack(job, last=last)
            content.update(data)
            if job.ended or last:
                if job.length:
                    yield Part(data, True, frame)
                job = _Job(size)
            elif data:
                yield Part(data)
        if has_checksum and source.take(4) != checksum(content):
            raise zstandard.ZstdError("the checksum at its end is that of something else")
    except zstandard.ZstdError as error:
        raise UnpackError(sentence("the server's zstd stream is damaged: {error}", error=error)) from error
    if source.more():
        raise UnpackError(sentence("the server's zstd stream goes on after its end"))


class _Source:
    """The packed bytes, as many at a time as are wanted. Raises UnpackError where they end before."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._data = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """So many."""
        end = self._at + count
        if end > len(self._data):
            pieces = [self._data[self._at :]]
            missing = end - len(self._data)
            while missing > 0:
                if not (more := self._read()):
                    raise CutOffError(sentence("the server's zstd stream was cut off"))
                pieces.append(more)
                missing -= len(more)
            self._data, self._at, end = b"".join(pieces), 0, count
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def block(self) -> tuple[int, bytes, bool]:
        """The next block: its kind, all of it with its header (RFC 8878, section 3.1.1.2), whether it is the last."""
        bits = int.from_bytes(self.take(3), "little")
        kind, size = bits >> 1 & 3, bits >> 3
        if kind == RESERVED or size > LARGEST:
            raise zstandard.ZstdError("zstd decompress error: Data corruption detected")
        self._at -= 3
        return kind, self.take(4 if kind == REPEATED else 3 + size), bool(bits & 1)

    def more(self) -> bool:
        """Whether anything follows."""
        return self._at < len(self._data) or bool(self._read())


class _Job:
    """Blocks that stand for `size` bytes, if they are cut there; `length`, for how many of those that were unpacked.

    `looks`: one of them may refer to what lies before. `waiting` are those that were not unpacked yet.
    """

    def __init__(self, size: int) -> None:
        self.length = 0
        self.looks = False
        self.blocks: list[bytes] = []
        self.waiting: list[bytes] = []
        self._size = size
        self._packed = 0

    @property
    def full(self) -> bool:
        """Whether as many blocks wait as a job has where none was split."""
        return len(self.waiting) * LARGEST >= self._size

    @property
    def ended(self) -> bool:
        """Whether no more should be added. Blocks may also stand for nothing."""
        too_many = len(self.blocks) >= max(self._size >> 10, 1024)
        return self.length >= self._size or self._packed >= 2 * self._size or too_many

    def add(self, kind: int, block: bytes) -> None:
        """The next block."""
        self.looks = self.looks or kind == COMPRESSED
        self.waiting.append(block)
        self.blocks.append(block)
        self._packed += len(block)

    def unpacked(self, data: bytes) -> None:
        """What the waiting ones stand for."""
        self.waiting.clear()
        self.length += len(data)

    def frame(self, window: bytes, length: int) -> bytearray:
        """Its blocks as a frame of so many bytes, with this `window`, and room for a checksum."""
        *blocks, last = self.blocks
        ending = bytes([last[0] | 1]), memoryview(last)[1:]
        return bytearray().join((_SIZED, window, length.to_bytes(4, "little"), *blocks, *ending, _CHECKSUM))


class _Unpacking:
    """Unpacks one frame's blocks as they follow each other; at once, and so not copied, where none can look back.

    A job's frame gets a window as long as the job: then no block of it, however it was made, stands for one thing where
    it is unpacked in pieces and for another where it is unpacked at once.
    """

    def __init__(self, header: bytes, size: int) -> None:
        self._size = size
        self._window = bytes(
            [max(size.bit_length() - 1 - 10, 0) << 3]
        )  # RFC 8878, section 3.1.1.1.2: a power of two
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=max(WINDOW, size))
        self._together: Any = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        self._together.decompress(header)
        self._before: deque[list[bytes]] = deque(
            maxlen=-(-WINDOW // size)
        )  # blocks that it was not given yet
        self._split = False  # blocks are: their number does not tell where a job ends

    def gathers(self, job: _Job) -> bool:
        """Whether the job's further blocks are waited for."""
        return self._at_once(job) and not job.full

    def unpack(self, job: _Job, *, last: bool) -> tuple[bytes, bytes | bytearray]:
        """What the job's waiting blocks stand for; and what may be its frame if it ends with them, else b"".

        `last`: nothing follows.
        """
        if job.full and self._at_once(job):
            frame = job.frame(self._window, self._size)
            try:
                data = self._decompressor.decompress(memoryview(frame)[: -len(_CHECKSUM)])
            except zstandard.ZstdError:  # or they are damaged: then they are below, too
                self._split = True
            else:
                job.unpacked(data)
                self._before.append(job.blocks)
                return data, frame
        for blocks in self._before:  # the last that its window may reach to
            for block in blocks:
                self._together.decompress(block)
        self._before.clear()
        parts = [self._together.decompress(block) for block in job.waiting]
        job.unpacked(data := parts[0] if len(parts) == 1 else b"".join(parts))
        if job.length and (last or job.length == self._size):
            return data, job.frame(self._window, job.length)
        return data, b""

    def _at_once(self, job: _Job) -> bool:
        return not job.looks and not self._split and not job.length
