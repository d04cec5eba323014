"""What a server packed, unpacked again in bounded pieces: a hostile server's may grow 32,768-fold.

`Unpacker` takes bytes as they come; `unpacked` reads them where they lie. Who keeps the packing, too: `zstdjobs`.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.zstdblocks import Slices
from tuibackup.words import sentence

_PIECE = 128 << 10  # unpacked bytes of gzip's that are handed on at once
WINDOW = 8 << 20  # the most a zstd frame may make us remember: more than `zstd -1` to `-9` ask for


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
            self._stream = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
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
