"""A zstd stream of a server in slices that stand for little: four of its bytes may unpack to 128 KiB.

Only where blocks begin is looked at (RFC 8878, section 3.1.1); whether they are right, the decompressor tells.
"""

from collections.abc import Iterator

import zstandard
from xxhash import xxh64

LARGEST = 128 << 10  # bytes that one block stands for, at most
_LONGEST_HEADER = 18  # bytes of a frame's header
REPEATED, COMPRESSED, RESERVED = (
    1,
    2,
    3,
)  # types of blocks: one byte many times; what may refer to others; not in use


def checksum(content: xxh64) -> bytes:
    """What stands at the end of a frame of this content (RFC 8878, section 3.1.1: Content_Checksum)."""
    return (content.intdigest() & 0xFFFFFFFF).to_bytes(4, "little")


class Slices:
    """Cuts the bytes of one frame, which come in pieces of any size, after every so many `blocks`."""

    def __init__(self, blocks: int = 8) -> None:
        self._blocks = blocks
        self._head = b""  # the frame's header as far as it came, then a block's
        self._skip = -1  # bytes until the next block's header; -1: the frame's has not come whole
        self._last = False  # what is skipped is the end of the frame
        self._checksum = 0  # bytes of it

    def cut(self, data: bytes) -> Iterator[bytes]:
        """`data` in slices, each with no more beginnings of blocks than were asked for.

        What follows the frame is one slice. Raises zstandard.ZstdError for what is no frame.
        """
        if self._skip < 0:
            self._head += data
            if len(self._head) < _LONGEST_HEADER:
                return
            data, self._head = self._head, b""
            self._skip = zstandard.frame_header_size(data)
            self._checksum = 4 if zstandard.get_frame_parameters(data).has_checksum else 0
        begin = at = begun = 0
        while not self._last:
            if at + self._skip >= len(data):
                self._skip -= len(data) - at
                break
            at += self._skip
            self._skip = 0
            needed = 3 - len(self._head)
            self._head += data[at : at + needed]
            at = min(at + needed, len(data))
            if len(self._head) < 3:
                break
            self._begin_block()
            begun += 1
            if begun == self._blocks:
                yield data[begin:at]
                begin, begun = at, 0
        if begin < len(data):
            yield data[begin:]

    def rest(self) -> bytes:
        """At the stream's end: what never became a frame's header."""
        return self._head if self._skip < 0 else b""

    def _begin_block(self) -> None:
        header = int.from_bytes(self._head, "little")
        self._head = b""
        kind, size = header >> 1 & 3, header >> 3
        if kind == RESERVED or size > LARGEST:
            raise zstandard.ZstdError("zstd decompress error: Data corruption detected")
        self._last = bool(header & 1)
        self._skip = (1 if kind == REPEATED else size) + (self._checksum if self._last else 0)
