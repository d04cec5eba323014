"""What a server packed is stored as it came only where it stands for just what the archive would hold."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vault.archive.entries import entry, small_frames
from tuibackup.vault.archive import tarheader
from tuibackup.vault.archive.archive import ArchiveWriter, Came
from tuibackup.vault.archive.read import ArchiveReader

PIECE = 8192


class Sent(NamedTuple):
    """A member of a server's stream."""

    size: int
    header: str = "ours"  # or "other", "longer"
    padding: bytes = b"\0"
    fate: str = "stored"  # or "left out", "cut": it is begun and taken out again


def packed(data: bytes) -> bytearray:
    """A frame that stands for `data`, as `zstdjobs` makes it: with room for its checksum."""
    frame = zstandard.ZstdCompressor(write_checksum=False, write_content_size=True).compress(data)
    return bytearray(frame + bytes(4))


def write(path: Path, sent: Sequence[Sent]) -> tuple[dict[bytes, bytes], list[Came]]:
    """Store what was sent as a run does; what should be in the archive, and the pieces of the stream."""
    stream = bytearray()
    members = []
    for number, one in enumerate(sent):
        name, content = b"f/%d" % number, os.urandom(one.size // 2) + bytes(one.size - one.size // 2)
        head = tarheader.header(name, entry(one.size))
        theirs = head
        if one.header == "other":
            theirs = tarheader.header(name, entry(one.size, mode=0o4777))
        elif one.header == "longer":
            theirs = tarheader.header(name, entry(one.size), extra={b"SCHILY.xattr.user.x": b"y"})
        members.append((one, name, len(stream) + len(theirs), content))
        stream += theirs + content + one.padding * tarheader.padding(one.size)
    data = bytes(stream + tarheader.END)
    pieces = [
        Came(at, data[at : at + PIECE], packed(data[at : at + PIECE])) for at in range(0, len(data), PIECE)
    ]
    kept = {}
    told = 0

    def used(place: int) -> None:
        """The stream was used up to here."""
        nonlocal told
        while told < len(pieces) and place > pieces[told].start + len(pieces[told].data):
            writer.came(pieces[told])
            told += 1

    with small_frames(PIECE), ArchiveWriter(path) as writer:
        for one, name, start, content in members:
            used(start)
            if one.fate == "left out":
                continue
            writer.begin(name, entry(one.size), at=start)
            length = one.size // 3 if one.fate == "cut" else one.size
            for at in range(0, length, 1000):
                part = content[at : min(at + 1000, length)]
                used(start + at + len(part))
                writer.write(part)
            if one.fate == "cut":
                writer.abort_member()
            else:
                writer.end()
                kept[name] = content
        used(len(data) + 1)
        writer.close()
    return kept, pieces


sizes = st.one_of(st.integers(0, 3000), st.integers(5000, 40_000))
members = st.builds(
    Sent,
    sizes,
    st.sampled_from(["ours", "ours", "ours", "other", "longer"]),
    st.sampled_from([b"\0", b"\0", b"\0", b"x"]),
    st.sampled_from(["stored", "stored", "stored", "left out", "cut"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(st.lists(members, max_size=14))
def test_whatever_came_the_archive_holds_what_was_written(tmp_path: Path, sent: list[Sent]) -> None:
    path = tmp_path / "a.tar.zst"
    path.unlink(missing_ok=True)
    kept, _ = write(path, sent)
    expected = b"".join(
        tarheader.header(name, entry(len(content))) + content + bytes(tarheader.padding(len(content)))
        for name, content in kept.items()
    )
    with ArchiveReader(path) as reader:
        assert b"".join(reader.frames()) == expected + tarheader.END


def stored_as_they_came(path: Path, pieces: Sequence[Came]) -> list[bool]:
    """Of each piece, whether its blocks lie in the file as the server packed them (the header tells of a checksum)."""
    file = path.read_bytes()
    return [piece.packed[9:-4] in file for piece in pieces]


def test_what_is_the_same_is_stored_as_it_came(tmp_path: Path) -> None:
    _, pieces = write(tmp_path / "a.tar.zst", [Sent(30_000), *[Sent(2000)] * 12, Sent(40_000), Sent(7)])
    *whole, _last = stored_as_they_came(tmp_path / "a.tar.zst", pieces)
    assert all(whole)
    assert len(whole) > 8


@pytest.mark.parametrize(
    "odd",
    [
        Sent(2000, header="other"),
        Sent(2000, header="longer"),
        Sent(2001, padding=b"x"),
        Sent(2000, fate="left out"),
    ],
    ids=lambda one: f"{one.header} {one.padding!r} {one.fate}",
)
def test_what_differs_is_packed_here_and_the_rest_is_not(tmp_path: Path, odd: Sent) -> None:
    _, pieces = write(tmp_path / "a.tar.zst", [*[Sent(2000)] * 5, odd, *[Sent(2000)] * 20])
    assert pieces[2].start < 5 * 3584 < pieces[3].start
    *before, third, fourth, fifth, _last = stored_as_they_came(tmp_path / "a.tar.zst", pieces)[:6]
    assert all(before)
    assert not third
    assert fourth
    assert fifth


def test_a_long_member_that_is_taken_out_again_leaves_what_lay_before(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.zst"
    sent = [*[Sent(2000)] * 6, Sent(100_000, fate="cut"), *[Sent(2000)] * 6]
    kept, _ = write(path, sent)
    with ArchiveReader(path) as reader:
        assert [one.name.encode() for one in reader.members()] == list(kept)
