"""What the server packed is unpacked exactly, or said to be damaged; a bomb does not fill the memory."""

import gzip
import random
import resource
from collections.abc import Callable

import pytest
import zstandard

from tuibackup.database.unpack import UnpackError, unpacked

SQL = b"".join(b"INSERT INTO `x` VALUES (%d);\n" % number for number in range(50_000))
PACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "gzip": gzip.compress,
    "": bytes,
}


def unpack(data: bytes, packer: str) -> bytes:
    """All of `data`, that comes in chunks of many sizes."""
    rest, sizes = data, random.Random(len(data))

    def read() -> bytes:
        nonlocal rest
        size = sizes.choice([1, 100, 5000, 70_000])
        chunk, rest = rest[:size], rest[size:]
        return chunk

    piece = unpacked(read, packer)
    return b"".join(iter(piece, b""))


@pytest.mark.parametrize("packer", ["zstd", "gzip", ""])
def test_it_comes_back_as_it_was(packer: str) -> None:
    assert unpack(PACK[packer](SQL), packer) == SQL
    assert unpack(PACK[packer](b""), packer) == b""


@pytest.mark.parametrize("packer", ["zstd", "gzip"])
def test_every_damage_is_noticed(packer: str) -> None:
    packed = PACK[packer](SQL)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 8
    for wrong in (
        b"", packed[:1], packed[:-1], packed[: len(packed) // 2], packed + b"x", packed + packed, bytes(flipped),
        b"sh: 1: zstd: not found\n", SQL,
    ):  # fmt: skip
        with pytest.raises(UnpackError):
            unpack(wrong, packer)


@pytest.mark.parametrize("packer", ["zstd", "gzip"])
def test_a_bomb_comes_in_bounded_pieces(packer: str) -> None:
    zeros = bytes(64 << 20)
    if packer == "zstd":
        packing = zstandard.ZstdCompressor().compressobj()
        bomb = b"".join(packing.compress(zeros) for _ in range(16)) + packing.flush()
    else:
        bomb = gzip.compress(zeros, 1)
    chunks = iter([bomb])
    piece = unpacked(lambda: next(chunks, b""), packer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = longest = 0
    while data := piece():
        total, longest = total + len(data), max(longest, len(data))
    assert total == len(zeros) * (16 if packer == "zstd" else 1)
    assert longest <= 9 * (128 << 10)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10
