"""A dump as the server packed it, unpacked again in bounded pieces: a hostile server's may grow 32,768-fold."""

import zlib
from collections.abc import Callable, Iterator

import zstandard

from tuibackup.remote.zstdblocks import Slices

_PIECE = 128 << 10  # unpacked bytes that are handed on at once
_WINDOW = 8 << 20  # the most a zstd frame may make us remember: more than `zstd -1` to `-9` ask for


class UnpackError(Exception):
    """What comes is not packed that way, or is cut off."""


def unpacked(read: Callable[[], bytes], packer: str) -> Callable[[], bytes]:
    """`read` with the packing ("zstd", "gzip" or "") undone; both give b"" at the end. Raises UnpackError."""
    if packer == "zstd":
        return _piecewise(_zstd(read))
    if packer == "gzip":
        return _piecewise(_gzip(read))
    return read


def _piecewise(pieces: Iterator[bytes]) -> Callable[[], bytes]:
    return lambda: next(pieces, b"")


def _zstd(read: Callable[[], bytes]) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    slices = Slices()
    while not decompressor.eof:
        packed = read()
        try:
            for part in slices.cut(packed) if packed else filter(None, [slices.rest()]):
                if piece := decompressor.decompress(part):  # what comes after the end is refused here too
                    yield piece
        except zstandard.ZstdError as error:
            raise UnpackError(f"the zstd stream is damaged: {error}") from error
        if not (packed or decompressor.eof):
            raise UnpackError("the zstd stream is cut off")
    if decompressor.unused_data or read():
        raise UnpackError("the zstd stream goes on after its end")


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
