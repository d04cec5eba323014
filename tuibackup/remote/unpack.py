"""What a server packed, unpacked again in bounded pieces: a hostile server's may grow 32,768-fold.

`Unpacker` takes bytes as they come; `unpacked` reads them where they lie; `unpacked_jobs` and `unpacked_parts` keep the
packing too.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import zstandard

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.zstdblocks import LARGEST, REPEATED, RESERVED, Slices
from tuibackup.words import sentence

JOB = 1 << 20  # unpacked bytes
_PIECE = 128 << 10  # unpacked bytes of gzip's that are handed on at once
_WINDOW = 8 << 20  # the most a zstd frame may make us remember: more than `zstd -1` to `-9` ask for
_BEGIN = 5  # bytes of a frame's header that tell how long it is
_MAGIC, _SIZED = b"\x28\xb5\x2f\xfd", b"\x80"  # how a frame begins whose header ends in 4 bytes with its size
_SINGLE_OR_DICTIONARY = (
    0x23  # bits of a header without the byte that tells the window, or with more than that
)


class UnpackError(RemoteCommandError):
    """What the server sent is not packed that way."""


class CutOffError(UnpackError):
    """It is, but it ends too early."""


class Unpacker:
    """Undoes the packing ("zstd", "gzip" or "") of bytes that are handed over in pieces of some megabytes at most."""

    def __init__(self, packer: str) -> None:
        self._packer = packer
        self._slices = Slices()
        self._stream: Any = None
        if packer == "zstd":
            self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        elif packer == "gzip":
            self._stream = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` adds, in pieces of a megabyte at most. Raises UnpackError."""
        if self._stream is None:
            yield data
            return
        try:
            yield from self._gzip(data) if self._packer == "gzip" else self._zstd(self._slices.cut(data))
        except (zstandard.ZstdError, zlib.error) as error:
            raise UnpackError(
                sentence("the server's {packer} stream is damaged: {error}", packer=self._packer, error=error)
            ) from error

    def close(self) -> Iterator[bytes]:
        """Nothing more comes: the last of it. Raises CutOffError where there should be more."""
        if self._packer == "zstd":
            try:
                yield from self._zstd(iter([self._slices.rest()]))
            except zstandard.ZstdError as error:
                raise UnpackError(
                    sentence("the server's zstd stream is damaged: {error}", error=error)
                ) from error
        if self._stream is not None and not self._stream.eof:
            raise CutOffError(sentence("the server's {packer} stream was cut off", packer=self._packer))

    def _zstd(self, slices: Iterator[bytes]) -> Iterator[bytes]:
        for part in filter(None, slices):
            self._refuse_more()
            if piece := self._stream.decompress(part):
                yield piece
            if self._stream.unused_data:
                self._refuse_more()

    def _gzip(self, data: bytes) -> Iterator[bytes]:
        while data:
            self._refuse_more()
            piece = self._stream.decompress(data, _PIECE)
            while piece:
                yield piece
                # What it has not given yet comes without further bytes.
                data = self._stream.unconsumed_tail
                piece = self._stream.decompress(data, _PIECE) if data or len(piece) == _PIECE else b""
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def _refuse_more(self) -> None:
        if self._stream.eof:
            raise UnpackError(
                sentence("the server's {packer} stream goes on after its end", packer=self._packer)
            )


def unpacked(read: Callable[[], bytes], packer: str) -> Iterator[bytes]:
    """What `read` gives (b"" at its end), unpacked. Raises UnpackError, CutOffError at its end, what `read` raises."""
    unpacker = Unpacker(packer)
    while data := read():
        yield from unpacker.feed(data)
    yield from unpacker.close()


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
    """As `unpacked`, with the frames of what zstd packed in jobs that know nothing of each other.

    Each job comes with what would be a frame of its own: its blocks as they came, behind a header. So nothing has to be
    packed a second time. Whether a frame stands for its piece is looked at where it is stored (`vault.archive.frames`):
    another zstd's jobs may need what lies before.
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
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    try:
        header = source.take(_BEGIN)
        header += source.take(zstandard.frame_header_size(header) - _BEGIN)
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        decompressor.decompress(header)
        job, last = _Job(header, size), False
        while not last:
            block, last = source.block()
            data = decompressor.decompress(block + (source.take(4) if last and has_checksum else b""))
            job.add(block, len(data))
            if last or job.full:
                if job.length:
                    yield Part(data, True, job.frame(last))
                job = _Job(header, size)
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

    def block(self) -> tuple[bytes, bool]:
        """The next block with its header (RFC 8878, section 3.1.1.2); whether it is the last."""
        head = self.take(3)
        bits = int.from_bytes(head, "little")
        kind, size = bits >> 1 & 3, bits >> 3
        if kind == RESERVED or size > LARGEST:
            raise zstandard.ZstdError("zstd decompress error: Data corruption detected")
        return head + self.take(1 if kind == REPEATED else size), bool(bits & 1)

    def more(self) -> bool:
        """Whether anything follows."""
        return self._at < len(self._data) or bool(self._read())


class _Job:
    """Blocks that stand for `size` bytes, if they are cut there; `length`, for how many so far."""

    def __init__(self, header: bytes, size: int) -> None:
        self.length = 0
        self._size = size
        self._cuttable = not header[4] & _SINGLE_OR_DICTIONARY
        self._frame = bytearray(_MAGIC + _SIZED + header[5:6] + bytes(4))
        self._head = len(self._frame)
        self._last = 0  # where its last block begins

    @property
    def full(self) -> bool:
        """Whether no more should be added. Blocks may also stand for nothing."""
        return self.length >= self._size or len(self._frame) >= 2 * self._size

    def add(self, block: bytes, length: int) -> None:
        """The next block, and for how many bytes it stands."""
        self._last = len(self._frame)
        self._frame += block
        self.length += length

    def frame(self, last: bool) -> bytes:
        """What may be a frame of all of it; b"" where it cannot be one. `last`: the stream ends here."""
        if not self._cuttable or not (last or self.length == self._size):
            return b""
        self._frame[self._head - 4 : self._head] = self.length.to_bytes(4, "little")
        self._frame[self._last] |= 1
        return bytes(self._frame)
