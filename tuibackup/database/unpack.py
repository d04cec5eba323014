"""A dump as the server packed it, unpacked again in bounded pieces: a hostile server's may grow 32,768-fold.

What zstd packed in jobs that know nothing of each other (see `tool`) comes job by job, each with what would be a frame
of its own: the job's blocks as they came, behind a header. So nothing has to be packed a second time. Whether a frame
stands for its piece is looked at where it is stored (`vault.archive.frames`): another zstd's jobs may need what lies
before.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import zstandard

from tuibackup.remote.zstdblocks import LARGEST, REPEATED, RESERVED

JOB = 1 << 20  # unpacked bytes
_PIECE = 128 << 10  # unpacked bytes of gzip's that are handed on at once
_WINDOW = 8 << 20  # the most a zstd frame may make us remember: more than `zstd -1` to `-9` ask for
_BEGIN = 5  # bytes of a frame's header that tell how long it is
_MAGIC, _SIZED = b"\x28\xb5\x2f\xfd", b"\x80"  # how a frame begins whose header ends in 4 bytes with its size
_SINGLE_OR_DICTIONARY = (
    0x23  # bits of a header without the byte that tells the window, or with more than that
)


class UnpackError(Exception):
    """What comes is not packed that way, or is cut off."""


class Piece(NamedTuple):
    """Some of the SQL. `frame`: what may be a zstd frame, but for its checksum, of just this; b"" where nothing is."""

    sql: bytes
    frame: bytes = b""


def unpacked(read: Callable[[], bytes], packer: str) -> Iterator[Piece]:
    """`read` (b"" at its end) with the packing ("zstd", "gzip" or "") undone. Raises UnpackError."""
    if packer == "zstd":
        return _zstd(read)
    return map(Piece, _gzip(read) if packer == "gzip" else iter(read, b""))


def _zstd(read: Callable[[], bytes]) -> Iterator[Piece]:
    source = _Source(read)
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    try:
        header = source.take(_BEGIN)
        header += source.take(zstandard.frame_header_size(header) - _BEGIN)
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        decompressor.decompress(header)
        job, last = _Job(header), False
        while not last:
            block, last = source.block()
            job.add(
                block, decompressor.decompress(block + (source.take(4) if last and has_checksum else b""))
            )
            if last or job.full:
                if piece := job.piece(last):
                    yield piece
                job = _Job(header)
    except zstandard.ZstdError as error:
        raise UnpackError(f"the zstd stream is damaged: {error}") from error
    if source.more():
        raise UnpackError("the zstd stream goes on after its end")


class _Source:
    """The packed bytes, as many at a time as are wanted. Raises UnpackError where they end before."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._data = bytearray()

    def take(self, count: int) -> bytes:
        """So many."""
        while len(self._data) < count:
            if not (more := self._read()):
                raise UnpackError("the zstd stream is cut off")
            self._data += more
        taken = bytes(self._data[:count])
        del self._data[:count]
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
        return bool(self._data or self._read())


class _Job:
    """Blocks that stand for JOB bytes, if they are cut there."""

    def __init__(self, header: bytes) -> None:
        self._cuttable = not header[4] & _SINGLE_OR_DICTIONARY
        self._frame = bytearray(_MAGIC + _SIZED + header[5:6] + bytes(4))
        self._head = len(self._frame)
        self._last = 0  # where its last block begins
        self._parts: list[bytes] = []
        self._length = 0

    @property
    def full(self) -> bool:
        """Whether no more should be added. Blocks may also stand for nothing."""
        return self._length >= JOB or len(self._frame) >= 2 * JOB

    def add(self, block: bytes, sql: bytes) -> None:
        """The next block, and what it stands for."""
        self._last = len(self._frame)
        self._frame += block
        self._parts.append(sql)
        self._length += len(sql)

    def piece(self, last: bool) -> Piece | None:
        """All of it; None for nothing. `last`: the stream ends here."""
        if not self._length:
            return None
        sql = b"".join(self._parts)
        if not self._cuttable or not (last or self._length == JOB):
            return Piece(sql)
        self._frame[self._head - 4 : self._head] = self._length.to_bytes(4, "little")
        self._frame[self._last] |= 1
        return Piece(sql, bytes(self._frame))


def _gzip(read: Callable[[], bytes]) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
    while not decompressor.eof:
        packed = decompressor.unconsumed_tail or read()
        if not packed:
            raise UnpackError("the gzip stream is cut off")
        try:
            piece = decompressor.decompress(packed, _PIECE)
        except zlib.error as error:
            raise UnpackError(f"the gzip stream is damaged: {error}") from error
        if piece:
            yield piece
    if decompressor.unused_data or read():
        raise UnpackError("the gzip stream goes on after its end")
