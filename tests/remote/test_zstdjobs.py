"""A job's frame is given only where it stands for just what came of the job, whatever a server's zstd does."""

import random
import shutil
import subprocess
from collections.abc import Sequence

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.remote.test_unpack import feeding
from tuibackup.remote import packers
from tuibackup.remote.unpack import UnpackError
from tuibackup.remote.zstdjobs import JOB, unpacked_parts

TEXT = b"".join(b"%d apples, %d pears;\n" % (number, number * 7919 % 1000) for number in range(200_000))
NOISE = random.Random(7).randbytes(2 * JOB)
IN_JOBS = packers.zstd(1, JOB)
Job = tuple[bytes, bytes]  # what came of it, and its frame


def packed(data: bytes, command: str) -> bytes:
    return subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=True).stdout


def jobs(stream: bytes) -> list[Job]:
    """What comes of a stream, at the one moment faster than it is used up and at the next not."""
    found: list[Job] = []
    data = b""
    dice = random.Random(len(stream))
    slow = True

    def waits() -> bool:
        nonlocal slow
        slow = slow if dice.random() < 0.95 else not slow
        return slow

    for part in unpacked_parts(feeding(stream, 100_000), "zstd", JOB, waits):
        data += part.data
        if part.ends:
            found.append((data, bytes(part.frame[:-4])))  # without the room for a checksum
            data = b""
    assert not data
    return found


def kept(found: Sequence[Job]) -> list[bool]:
    """Which jobs have a frame that stands for them, at once, in pieces, and for the zstd program."""
    stands = []
    for data, frame in found:
        try:
            same = bool(frame) and zstandard.ZstdDecompressor().decompress(frame) == data
        except zstandard.ZstdError:
            same = False
        if same:
            assert b"".join(zstandard.ZstdDecompressor().read_to_iter(frame, read_size=999)) == data
            assert packed(frame, "zstd -q -dc") == data
        stands.append(same)
    return stands


@pytest.mark.parametrize(
    "data",
    [TEXT, NOISE, NOISE + TEXT, TEXT + NOISE + TEXT, bytes(3 * JOB), b"x", TEXT[:JOB], TEXT[: JOB + 1]],
    ids=["text", "noise", "noise, text", "text, noise, text", "zeros", "a byte", "a job", "a job and a byte"],
)
@pytest.mark.parametrize("level", [1, 3, 6])
def test_jobs_that_do_not_look_back_all_have_frames(data: bytes, level: int) -> None:
    found = jobs(packed(data, packers.zstd(level, JOB)))
    assert b"".join(one for one, _ in found) == data
    assert all(kept(found))
    assert [len(one) for one, _ in found[:-1]] == [JOB] * (-(-len(data) // JOB) - 1)


def test_what_looks_back_seldom_is_not_taken_for_jobs() -> None:
    """One stretch may be unpacked by itself by chance; then others may not, or to something else."""
    records = b"".join(random.Random(at).randbytes(1000) * 4 for at in range(3000))
    data = TEXT[:JOB] + NOISE[: JOB * 3 // 4] + records + NOISE[JOB:] + TEXT + records
    for level in (1, 3, 6):
        found = jobs(packed(data, f"zstd -q -{level} -c --single-thread"))
        assert b"".join(one for one, _ in found) == data


@pytest.mark.parametrize("data", [TEXT, NOISE + TEXT, TEXT + NOISE + TEXT], ids=["1", "2", "3"])
@pytest.mark.parametrize("how", ["", "-T1 -B1048576", "--long=20", "--single-thread -3"])
def test_of_jobs_that_look_back_none_has_a_frame_that_is_wrong(data: bytes, how: str) -> None:
    found = jobs(packed(data, f"zstd -q -1 -c {how}"))
    assert b"".join(one for one, _ in found) == data
    assert sum(kept(found)) <= 5  # those that have nothing to look back at


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([TEXT, NOISE, bytes(JOB)]), st.integers(1, 2 * JOB)), max_size=4),
    st.sampled_from([IN_JOBS, "zstd -q -1 -c"]),
)
def test_whatever_was_packed_it_comes_exactly(pieces: list[tuple[bytes, int]], how: str) -> None:
    data = b"".join(content[:length] for content, length in pieces)
    found = jobs(packed(data, how))
    assert b"".join(one for one, _ in found) == data
    assert how != IN_JOBS or all(kept(found))


def test_a_window_that_is_too_short_deceives_nobody() -> None:
    """A frame may claim that its blocks look back less far than they do; then pieces are not what the whole is."""
    far = NOISE[:JOB] + NOISE[:JOB] + TEXT[:JOB] * 3
    parameters = zstandard.ZstdCompressionParameters(window_log=22, compression_level=3)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stream = bytearray(packer.compress(far) + packer.flush())
    assert stream[4] & 0x23 == 0
    stream[5] = 7 << 3  # a window of 128 KiB
    try:
        found = jobs(bytes(stream))
    except UnpackError:
        return
    kept(found)


def test_damage_is_said() -> None:
    stream = packed(TEXT * 2, IN_JOBS)
    for wrong in (stream[: len(stream) // 2], stream + b"x", stream[:-1]):
        with pytest.raises(UnpackError):
            jobs(wrong)
    for at in (len(stream) // 2, len(stream) * 3 // 4, len(stream) - 2):
        flipped = bytearray(stream)
        flipped[at] ^= 8
        with pytest.raises(UnpackError, match="damaged"):
            jobs(bytes(flipped))


def test_what_came_before_a_cut_is_there() -> None:
    stream = packed(TEXT * 3, IN_JOBS)
    parts: list[bytes] = []
    found = unpacked_parts(feeding(stream[:-9_000], 100_000), "zstd", JOB, lambda: False)
    with pytest.raises(UnpackError, match="cut off"):
        parts.extend(part.data for part in found)
    came = b"".join(parts)
    assert len(TEXT * 3) - JOB < len(came) < len(TEXT * 3)
    assert (TEXT * 3).startswith(came)


def test_the_zstd_of_these_tests_packs_in_jobs() -> None:
    assert shutil.which("zstd")
    assert len(jobs(packed(TEXT, IN_JOBS))) == -(-len(TEXT) // JOB)
