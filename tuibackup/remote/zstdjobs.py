"""What a server's zstd packed in jobs that know nothing of each other, unpacked, with the packing of each.

A job comes with what is a frame of its own, but for its checksum: its blocks as they came, behind a header of ours. So
nothing has to be packed a second time. That the frame stands for just what came of it is known when it is given: it was
unpacked by itself, from that header's window on. Jobs of a zstd that looks back over their beginnings have none.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import zstandard
from xxhash import xxh64

from tuibackup.remote.unpack import WINDOW, CutOffError, UnpackError, unpacked
from tuibackup.remote.zstdblocks import COMPRESSED, LARGEST, REPEATED, RESERVED, checksum
from tuibackup.words import sentence

JOB = 1 << 20  # unpacked bytes of a job of a dump
_BEGIN = 5  # bytes of a frame's header that tell how long it is
_MAGIC, _SIZED, _UNSIZED = (
    b"\x28\xb5\x2f\xfd",
    b"\x80",
    b"\0",
)  # how a header begins that ends in 4 bytes with a size


class Piece(NamedTuple):
    """Some of the SQL. `frame`: what may be a zstd frame, but for its checksum, of just this; b"" where nothing is."""

    sql: bytes
    frame: bytes = b""


class Part(NamedTuple):
    """Some of a job's bytes. The last of a job `ends` it and tells its `frame`, as a Piece does: of all its parts."""

    data: bytes
    ends: bool = False
    frame: bytes = b""


def unpacked_jobs(read: Callable[[], bytes], packer: str) -> Iterator[Piece]:
    """What `read` gives (b"" at its end), unpacked, of zstd's jobs of JOB bytes one at a time, with their frames.

    Raises UnpackError, CutOffError at its end, what `read` raises.
    """
    if packer != "zstd":
        yield from map(Piece, unpacked(read, packer))
        return
    parts: list[bytes] = []
    for part in _zstd_parts(read, JOB):
        parts.append(part.data)
        if part.ends:
            yield Piece(b"".join(parts), part.frame)
            parts = []


def unpacked_parts(read: Callable[[], bytes], packer: str, job: int) -> Iterator[Part]:
    """As `unpacked_jobs`, for jobs of `job` bytes each, whose parts come as soon as they are here."""
    return _zstd_parts(read, job) if packer == "zstd" else map(Part, unpacked(read, packer))


def _zstd_parts(read: Callable[[], bytes], size: int) -> Iterator[Part]:
    source = _Source(read)
    try:
        header = source.take(_BEGIN)
        header += source.take(zstandard.frame_header_size(header) - _BEGIN)
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        unpacking, content = _Unpacking(header, size), xxh64()
        job, last = _Job(size), False
        while not last:
            kind, block, last = source.block()
            data = unpacking.block(block, end := source.take(4) if last and has_checksum else b"")
            job.add(kind, block, data)
            content.update(data)
            if end and end != checksum(content):
                raise zstandard.ZstdError("the checksum at its end is that of something else")
            if last or job.full:
                frame = unpacking.job_ended(job, whole=last or job.length == size)
                if job.length:
                    yield Part(data, True, frame)
                job = _Job(size)
            elif data:
                yield Part(data)
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
        head = self.take(3)
        bits = int.from_bytes(head, "little")
        kind, size = bits >> 1 & 3, bits >> 3
        if kind == RESERVED or size > LARGEST:
            raise zstandard.ZstdError("zstd decompress error: Data corruption detected")
        return kind, head + self.take(1 if kind == REPEATED else size), bool(bits & 1)

    def more(self) -> bool:
        """Whether anything follows."""
        return self._at < len(self._data) or bool(self._read())


class _Job:
    """Blocks that stand for `size` bytes, if they are cut there; `length`, for how many so far.

    `looks`: one of them may refer to what lies before. `parts`: what they stand for.
    """

    def __init__(self, size: int) -> None:
        self.length = 0
        self.looks = False
        self.parts: list[bytes] = []
        self._size = size
        self._blocks = bytearray()
        self._last = 0  # where its last block begins

    @property
    def full(self) -> bool:
        """Whether no more should be added. Blocks may also stand for nothing."""
        return self.length >= self._size or len(self._blocks) >= 2 * self._size

    def add(self, kind: int, block: bytes, data: bytes) -> None:
        """The next block, and what it stands for."""
        self.looks = self.looks or kind == COMPRESSED
        self.parts.append(data)
        self.length += len(data)
        self._last = len(self._blocks)
        self._blocks += block

    def frame(self, window: bytes) -> bytes:
        """Its blocks as a frame with this `window`."""
        blocks = self._blocks
        blocks[self._last] |= 1
        return b"".join((_MAGIC, _SIZED, window, self.length.to_bytes(4, "little"), blocks))


class _Unpacking:
    """Unpacks one frame's blocks: first as they follow each other, and once it is seen that jobs do not look back,
    each job by itself.

    That is seen when a job can be unpacked by itself that would have looked back at the one before. A job's frame gets
    a window as long as the job: then no block of it, however it was made, stands for one thing where it is unpacked in
    pieces and for another where it is unpacked at once.
    """

    def __init__(self, header: bytes, size: int) -> None:
        self._window = bytes(
            [max(size.bit_length() - 1 - 10, 0) << 3]
        )  # RFC 8878, section 3.1.1.1.2: a power of two
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=max(WINDOW, size))
        self._together: Any = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        self._together.decompress(header)
        self._alone: Any = None
        self._looks_back = False  # jobs do
        self._could_look = False  # the job before is one to look back at

    def block(self, block: bytes, checksum: bytes) -> bytes:
        """What the next block stands for; `checksum` of all, behind the last one."""
        if self._together is not None:
            return self._together.decompress(block + checksum)  # type: ignore[no-any-return]
        if self._alone is None:
            self._alone = self._decompressor.decompressobj()
            self._alone.decompress(_MAGIC + _UNSIZED + self._window)
        return self._alone.decompress(block)  # type: ignore[no-any-return]

    def job_ended(self, job: _Job, *, whole: bool) -> bytes:
        """The job's frame; b"" where it has none. `whole`: it ends where a job should."""
        self._alone = None
        if self._looks_back or not whole or not job.length:
            return b""
        frame = job.frame(self._window)
        if self._together is not None and job.looks:
            if not self._stands_for(frame, b"".join(job.parts)):
                self._looks_back = True
                return b""
            if self._could_look:
                self._together = None
        self._could_look = job.looks
        return frame

    def _stands_for(self, frame: bytes, data: bytes) -> bool:
        try:
            return self._decompressor.decompress(frame) == data
        except zstandard.ZstdError:
            return False
