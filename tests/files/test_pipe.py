"""Bytes between event loop and thread: whole, in order, bounded; unpacked without trusting them."""

import asyncio
import gzip
import os
import threading
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.files import pipe
from tuibackup.files.pipe import Pipe, StoppedError, Unpacker, in_thread, unpacked
from tuibackup.files.shell.tarstream import StreamError


async def test_everything_arrives_in_order_and_little_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "_HELD", 1000)
    between = Pipe()
    pieces = [os.urandom(300) for _ in range(100)]
    held: list[int] = []

    def read() -> list[bytes]:
        return list(iter(between.read, b""))

    reading = asyncio.create_task(in_thread(read))
    for piece in [*pieces, b""]:
        await between.put(piece)
        held.append(between._held)
    assert await reading == pieces
    assert max(held) <= 1000 + 300


async def test_a_reader_that_is_stopped_gives_up() -> None:
    between = Pipe()
    reading = asyncio.create_task(in_thread(between.read, stop=between.stop))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert reading.cancelled()


async def test_cancelling_waits_until_the_thread_has_ended() -> None:
    ended = threading.Event()
    go = threading.Event()

    def work() -> None:
        go.wait(5)
        ended.set()

    task = asyncio.create_task(in_thread(work, stop=go.set))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def feeding(data: bytes, piece: int) -> Callable[[], bytes]:
    pieces = iter([data[at : at + piece] for at in range(0, len(data), piece)])
    return lambda: next(pieces, b"")


PACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor(1).compress,
    "gzip": gzip.compress,
    "": bytes,
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["zstd", "gzip", ""]), st.binary(max_size=5000), st.integers(1, 400))
def test_what_was_packed_is_unpacked(packed: str, data: bytes, piece: int) -> None:
    read = unpacked(feeding(PACK[packed](data), piece), packed)
    assert b"".join(iter(read, b"")) == data


@pytest.mark.parametrize("packed", ["zstd", "gzip"])
def test_a_bomb_is_unpacked_in_small_pieces(packed: str) -> None:
    read = unpacked(feeding(PACK[packed](bytes(64 << 20)), 1 << 20), packed)
    sizes = [len(data) for data in iter(read, b"")]
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("packed", ["zstd", "gzip"])
def test_a_cut_stream_ends_early_and_garbage_is_refused(packed: str) -> None:
    data = os.urandom(200_000)
    whole = PACK[packed](data)
    assert len(b"".join(iter(unpacked(feeding(whole[:-50_000], 999), packed), b""))) < len(data)
    with pytest.raises(StreamError, match="damaged"):
        list(iter(unpacked(feeding(data, 999), packed), b""))


def test_a_frame_that_wants_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packer.compress(os.urandom(1000)) + packer.flush()
    with pytest.raises(StreamError, match="damaged"):
        list(iter(unpacked(feeding(data, 999), "zstd"), b""))


def test_what_follows_a_gzip_stream_is_refused() -> None:
    with pytest.raises(StreamError, match="goes on after its end"):
        list(iter(unpacked(feeding(gzip.compress(b"x") + b"more", 999), "gzip"), b""))


async def test_reading_after_the_end_stays_at_the_end() -> None:
    between = Pipe()
    await between.put(b"")
    assert [between.read(), between.read()] == [b"", b""]
    between.stop()
    between.read()
    with pytest.raises(StoppedError):
        between.read()


@pytest.mark.parametrize(
    ("packed", "pack"),
    [
        ("zstd", lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data)),
        ("gzip", gzip.compress),
        ("", bytes),
    ],
)
@pytest.mark.parametrize("data", [b"", b"x" * 3_000_000, os.urandom(300_000)])
def test_what_is_handed_over_is_unpacked_in_bounded_pieces(
    packed: str, pack: Callable[[bytes], bytes], data: bytes
) -> None:
    stream, unpacker = pack(data), Unpacker(packed)
    pieces = [piece for at in range(0, len(stream), 1000) for piece in unpacker.feed(stream[at : at + 1000])]
    pieces += unpacker.close()
    assert b"".join(pieces) == data
    assert max(map(len, pieces), default=0) <= 9 << 20


@pytest.mark.parametrize(("packed", "pack"), [("zstd", zstandard.compress), ("gzip", gzip.compress)])
def test_a_stream_that_ends_early_or_goes_on_is_refused(packed: str, pack: Callable[[bytes], bytes]) -> None:
    stream = pack(os.urandom(10_000))
    cut = Unpacker(packed)
    list(cut.feed(stream[:-10]))
    with pytest.raises(StreamError, match="cut off"):
        list(cut.close())
    with pytest.raises(StreamError, match="goes on after its end"):
        list(Unpacker(packed).feed(stream + b"more"))
    whole = Unpacker(packed)
    list(whole.feed(stream))
    with pytest.raises(StreamError, match="goes on after its end"):
        list(whole.feed(b"more"))
    with pytest.raises(StreamError, match="damaged"):
        list(Unpacker(packed).feed(b"no such stream at all" * 20))
