"""What the server packed is unpacked exactly, or said to be damaged; a bomb does not fill the memory."""

import gzip
import os
import random
import resource
import shlex
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.database.dump.tool import PACKERS
from tuibackup.database.sql.sqlfile import SqlFile
from tuibackup.remote.unpack import CutOffError, Unpacker, UnpackError, unpacked
from tuibackup.remote.zstdjobs import JOB, Piece, unpacked_jobs

SQL = b"".join(b"INSERT INTO `x` VALUES (%d);\n" % number for number in range(50_000))
PACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "gzip": gzip.compress,
    "": bytes,
}


def unpack(data: bytes, packer: str) -> bytes:
    """All of `data`, that comes in chunks of many sizes."""
    return b"".join(piece.sql for piece in pieces(data, packer))


def pieces(data: bytes, packer: str) -> Sequence[Piece]:
    rest, sizes = data, random.Random(len(data))

    def read() -> bytes:
        nonlocal rest
        size = sizes.choice([1, 100, 5000, 70_000])
        chunk, rest = rest[:size], rest[size:]
        return chunk

    return list(unpacked_jobs(read, packer))


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
    bomb_pieces = unpacked_jobs(lambda: next(chunks, b""), packer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = longest = 0
    for piece in bomb_pieces:
        total, longest = total + len(piece.sql), max(longest, len(piece.sql))
    assert total == len(zeros) * (16 if packer == "zstd" else 1)
    assert longest <= 9 * (128 << 10)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


# Noise first: its blocks stand for themselves, whatever packed them.
LONG = random.Random(1).randbytes(JOB + 5) + SQL * 3 + b"the end\n"


def packed_by(command: str) -> bytes:
    return subprocess.run(["sh", "-c", command], input=LONG, capture_output=True, check=True).stdout


def stored(tmp_path: Path, found: Sequence[Piece]) -> bytes:
    with ThreadPoolExecutor(2) as pool:
        file = SqlFile(tmp_path / "dump.sql.zst", pool)
        for piece in found:
            file.write(*piece)
        file.close()
    assert file.length == len(LONG)
    return file.path.read_bytes()


def frames(file: bytes) -> list[bytes]:
    """The frames of a stored dump by its seek table, each unpacked by itself, its checksum looked at."""
    count = int.from_bytes(file[-9:-5], "little")
    entries, at, found = len(file) - 9 - 8 * count, 0, []
    for number in range(count):
        entry = file[entries + 8 * number : entries + 8 * number + 8]
        packed, size = int.from_bytes(entry[:4], "little"), int.from_bytes(entry[4:], "little")
        frame = file[at : at + packed]
        told = zstandard.get_frame_parameters(frame)
        assert told.has_checksum
        assert told.content_size == size
        found.append(zstandard.ZstdDecompressor().decompress(frame))
        at += packed
    return found


def test_what_the_server_packed_in_jobs_is_stored_as_it_came(tmp_path: Path) -> None:
    came = packed_by(PACKERS["zstd"])
    found = pieces(came, "zstd")
    file = stored(tmp_path, found)
    assert b"".join(frames(file)) == LONG
    assert [len(one) for one in frames(file)] == [JOB] * (len(LONG) // JOB) + [len(LONG) % JOB]
    # Every block of the server's is in it: all that was added are headers, checksums and the seek table.
    overhead = 14 * len(found) + 8 + 8 * len(found) + 9
    assert len(came) - 10 <= len(file) <= len(came) + overhead
    middle = len(came) // 2
    assert came[middle : middle + 5000] in file
    assert subprocess.run(["zstd", "-tq", tmp_path / "dump.sql.zst"], check=False).returncode == 0


@pytest.mark.parametrize(
    "how",
    [
        "-T1 -B1048576",
        "--single-thread",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("-T2 -B524288 --zstd=ovlog=1", "-19 -T1")),
    ],
)
def test_what_needs_what_lies_before_it_is_packed_anew(tmp_path: Path, how: str) -> None:
    file = stored(tmp_path, pieces(packed_by(f"zstd -q -1 -c {how}"), "zstd"))
    assert b"".join(frames(file)) == LONG


def test_a_frame_that_stands_for_something_else_is_not_taken(tmp_path: Path) -> None:
    found = pieces(packed_by(PACKERS["zstd"]), "zstd")
    wrong = [Piece(piece.sql, found[-1 - at].frame) for at, piece in enumerate(found)]
    assert b"".join(frames(stored(tmp_path, wrong))) == LONG


def test_a_zstd_that_knows_no_jobs_packs_all_the_same(tmp_path: Path) -> None:
    """An older one refuses what it does not know."""
    fake = tmp_path / "zstd"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *ovlog*) exit 1;; esac\nexec {shlex.quote(zstd())} "$@"\n')
    fake.chmod(0o755)
    came = packed_by(f"PATH={shlex.quote(str(tmp_path))}:$PATH; {PACKERS['zstd']}")
    assert b"".join(piece.sql for piece in pieces(came, "zstd")) == LONG


def zstd() -> str:
    return subprocess.run(
        ["sh", "-c", "command -v zstd"], capture_output=True, text=True, check=True
    ).stdout.strip()


def feeding(data: bytes, piece: int) -> Callable[[], bytes]:
    pieces = iter([data[at : at + piece] for at in range(0, len(data), piece)])
    return lambda: next(pieces, b"")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["zstd", "gzip", ""]), st.binary(max_size=5000), st.integers(1, 400))
def test_what_was_packed_is_unpacked(packed: str, data: bytes, piece: int) -> None:
    assert b"".join(unpacked(feeding(PACK[packed](data), piece), packed)) == data


@pytest.mark.parametrize("packed", ["zstd", "gzip"])
def test_a_bomb_is_unpacked_in_small_pieces(packed: str) -> None:
    sizes = [len(data) for data in unpacked(feeding(PACK[packed](bytes(64 << 20)), 1 << 20), packed)]
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize("packed", ["zstd", "gzip"])
def test_what_was_sent_before_a_cut_comes_and_garbage_is_refused(packed: str) -> None:
    data = os.urandom(500_000)
    whole = PACK[packed](data)
    came: list[bytes] = []
    stream = unpacked(feeding(whole[:-50_000], 999), packed)
    with pytest.raises(CutOffError):
        came.extend(stream)
    assert 300_000 < sum(map(len, came)) < len(data)
    with pytest.raises(UnpackError, match="damaged"):
        list(unpacked(feeding(data, 999), packed))


def test_a_frame_that_wants_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packer.compress(os.urandom(1000)) + packer.flush()
    with pytest.raises(UnpackError, match="damaged"):
        list(unpacked(feeding(data, 999), "zstd"))


def test_what_follows_a_gzip_stream_is_refused() -> None:
    with pytest.raises(UnpackError, match="goes on after its end"):
        list(unpacked(feeding(gzip.compress(b"x") + b"more", 999), "gzip"))


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
    with pytest.raises(UnpackError, match="cut off"):
        list(cut.close())
    with pytest.raises(UnpackError, match="goes on after its end"):
        list(Unpacker(packed).feed(stream + b"more"))
    whole = Unpacker(packed)
    list(whole.feed(stream))
    with pytest.raises(UnpackError, match="goes on after its end"):
        list(whole.feed(b"more"))
    with pytest.raises(UnpackError, match="damaged"):
        list(Unpacker(packed).feed(b"no such stream at all" * 20))
