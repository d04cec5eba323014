"""A zstd frame cut into slices: nothing is lost, and none stands for more than it may."""

import os
import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.remote.zstdblocks import LARGEST, Slices


def pieces(data: bytes, seed: int) -> list[bytes]:
    sizes, found = random.Random(seed), []
    while data:
        size = sizes.choice([1, 2, 3, 17, 5000, 200_000])
        found.append(data[:size])
        data = data[size:]
    return found


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("sized", [True, False])
@settings(max_examples=30, deadline=None)
@given(
    size=st.sampled_from([0, 1, 5, 1000, 131_072, 2_000_000]),
    kind=st.sampled_from(["zeros", "noise", "text"]),
)
def test_slices_are_the_frame_and_each_unpacks_to_little(
    checksum: bool, sized: bool, size: int, kind: str
) -> None:
    content = {"zeros": bytes(size), "noise": os.urandom(size), "text": (b"a line of text\n" * size)[:size]}[
        kind
    ]
    packing = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=sized)
    packed = packing.compress(content)
    slices, unpacking = Slices(3), zstandard.ZstdDecompressor().decompressobj()
    cut = [part for piece in pieces(packed, size) for part in slices.cut(piece)]
    cut.append(slices.rest())
    assert b"".join(cut) == packed
    parts = [unpacking.decompress(part) for part in cut if part]
    assert unpacking.eof
    assert b"".join(parts) == content
    assert max(map(len, parts)) <= 4 * LARGEST


def test_what_follows_the_frame_is_given_too() -> None:
    slices = Slices()
    packed = zstandard.compress(b"x" * 1000)
    assert b"".join(slices.cut(packed + b"more")) == packed + b"more"
    assert list(slices.cut(b"and more")) == [b"and more"]


@pytest.mark.parametrize("wrong", [b"no zstd stream at all", b"\x28\xb5\x2f\xfd\x00\x58" + b"\xff" * 20])
def test_what_is_no_frame_is_refused(wrong: bytes) -> None:
    with pytest.raises(zstandard.ZstdError):
        list(Slices().cut(wrong))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_nothing_else_is_raised(data: bytes) -> None:
    slices = Slices(2)
    try:
        for begin in (b"\x28\xb5\x2f\xfd", data, data):
            list(slices.cut(begin))
    except zstandard.ZstdError:
        return
    assert slices.rest() is not None
