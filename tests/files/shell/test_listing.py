"""The inventory's records: what find prints of real trees, and what a hostile server might."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files.shell.odd_tree import OddTree
from tuibackup.files.shell.listing import FORMAT, STRANGE, Listing, ListingError, Stamps
from tuibackup.vault.archive.entry import Entry


def find(folder: Path) -> bytes:
    command = [b"find", os.fsencode(folder), b"-printf", FORMAT]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"LC_ALL": "C"}).stdout


def parse(data: bytes, piece: int = 1 << 20) -> list[Entry]:
    listing = Listing()
    found: list[Entry] = []
    for at in range(0, len(data), piece):
        found.extend(listing.feed(data[at : at + piece]))
    listing.close()
    return found


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_a_real_tree_is_listed_as_lstat_sees_it(tmp_path: Path, piece: int) -> None:
    tree = OddTree(tmp_path / "tree", dangling=b"dangling", target=b"nowhere \n\xff", odd=b"-odd \n\x1b\xff")
    tree.is_listed_as_lstat_sees_it(parse(find(tmp_path / "tree"), piece))


def record(**changes: bytes) -> bytes:
    fields = {
        "kind": b"f", "mode": b"644", "uid": b"0", "gid": b"33", "size": b"10", "blocks": b"8",
        "mtime": b"1.5000000000", "ctime": b"2.0000000000", "device": b"1", "inode": b"2", "links": b"1",
        "fstype": b"ext4", "user": b"root", "group": b"33", "path": b"a", "target": b"",
    } | changes  # fmt: skip
    values = list(fields.values())
    return b" ".join(values[:12]) + b"\0" + b"\0".join(values[12:]) + b"\0"


def test_a_number_in_place_of_a_name_is_no_name() -> None:
    [entry] = parse(record())
    assert (entry.user, entry.group) == (b"root", b"")


def test_a_find_that_knows_whole_seconds_only_is_understood() -> None:
    [entry] = parse(record(mtime=b"12", ctime=b"-3"))
    assert (entry.mtime_ns, entry.ctime_ns) == (12_000_000_000, -3_000_000_000)


def test_holes_are_not_counted_as_room() -> None:
    listing = Listing()
    list(listing.feed(record(size=b"1000000", blocks=b"8") + record(size=b"10", blocks=b"8")))
    assert listing.allocated == 4096 + 10


def test_what_is_of_no_known_kind_is_set_apart() -> None:
    listing = Listing()
    assert list(listing.feed(record(kind=b"D", path=b"door"))) == []
    assert listing.strange == [(b"door", STRANGE)]


@pytest.mark.parametrize(
    "data",
    [
        record(size=b"x"),
        record(mode=b"999"),
        record(mtime=b""),
        record(mtime=b"9" * 5000),
        record(links=b""),
        b"\0" * 5,
        record()[:-1],
        b"f 644",
    ],
)
def test_records_that_cannot_be_read_end_the_inventory(data: bytes) -> None:
    with pytest.raises(ListingError):
        parse(data)


def test_a_record_without_end_is_refused_while_it_comes() -> None:
    with pytest.raises(ListingError, match="without end"):
        parse(b"x" * 1_000_000, 4096)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_a_listing_or_a_clear_error(data: bytes, piece: int) -> None:
    with contextlib.suppress(ListingError):
        parse(data, piece)


def test_an_owner_with_an_endless_name_is_no_listing(tmp_path: Path) -> None:
    user = find(tmp_path).split(b"\0")[1]
    with pytest.raises(ListingError):
        parse(find(tmp_path).replace(b"\0" + user + b"\0", b"\0" + b"x" * 5000 + b"\0", 1))


FIELD_BY_FIELD = record(kind=b"D", path=b"door")  # beside such a one, no record is read by columns
STATUS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from([b"f", b"f", b"d", b"l", b"s"]),
        "mode": st.sampled_from([b"0", b"7777", b"0644"]),
        "size": st.sampled_from([b"0", b"4097", b"007", b"9" * 30]),
        "blocks": st.sampled_from([b"0", b"9999"]),
        "mtime": st.sampled_from(
            [b"1700000000.1234567890", b"-7.2500000000", b"9223372035.0000000000", b"9223372037.0000000000"]
        ),
        "ctime": st.sampled_from([b"1700000000.1234567890", b"0.5"]),
        "inode": st.sampled_from([b"18446744073709551615"]),
        "fstype": st.sampled_from([b"nfs", b"", b"fuse.a b"]),
        "user": st.sampled_from([b"", b"www"]),
        "path": st.binary(max_size=5).filter(lambda path: b"\0" not in path),
        "target": st.sampled_from([b"", b"to"]),
    },
)


@given(st.lists(STATUS, max_size=6))
def test_records_read_by_columns_are_what_they_are_field_by_field(changes: list[dict[str, bytes]]) -> None:
    found = []
    for more in (b"", FIELD_BY_FIELD):
        listing = Listing()
        data = b"".join(record(**{"user": b"", "group": b""} | one) for one in changes) + more
        entries = list(listing.feed(data))
        strange = [one for one in listing.strange if one[0] != b"door"]
        found.append((entries, listing.allocated, strange, listing.records - bool(more)))
    assert found[0] == found[1]


@given(st.lists(st.sampled_from([b"10", b"x", b"1 "]), max_size=4), st.integers(1, 60))
def test_a_second_look_is_read_in_any_pieces(sizes: list[bytes], piece: int) -> None:
    data = b"".join(b"f %b 1700000000.5000000000 1700000000.5000000000\0/a\0" % size for size in sizes)

    def read(piece: int, begin: bytes = b"") -> object:
        stamps, all_of_it = Stamps(), begin + data
        try:
            pieces = (all_of_it[at : at + piece] for at in range(0, len(all_of_it), piece))
            return [stamp for part in pieces for stamp in stamps.feed(part)]
        except ListingError:
            return None

    whole = read(1 << 20)
    assert whole == (
        [(b"/a", (10, *[1_700_000_000_500_000_000] * 2))] * len(sizes) if set(sizes) <= {b"10"} else None
    )
    assert read(piece) == whole
    by_field = read(1 << 20, b"d 0 0 0\0/d\0")
    assert by_field == (None if whole is None else [(b"/d", None), *whole])


def test_what_find_prints_of_ordinary_files_is_read_by_columns(tmp_path: Path) -> None:
    """Should it not be, nothing would tell but the time."""
    (tmp_path / "f").touch()
    (tmp_path / "l").symlink_to("f")
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Listing, "_entry")
        assert [entry.path for entry in sorted(parse(find(tmp_path)))] == [b"", b"f", b"l"]
