"""Entries go into an index by columns, or one by one where one of them is odd: what is in it then is the same."""

import tempfile
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Index, IndexWriter, Problem
from tuibackup.vault.index.rows import Rows

PART = st.sampled_from([b"a", b"a", b"b", b"b", b"c", b"..", b"", b"nul\0", b"n" * 256])
FOLDER = {"kind": Kind.FOLDER}
VALUES = {
    "kind": [Kind.SYMLINK, Kind.FIFO, "x"],
    "size": [0, -1, 1 << 46, (1 << 46) + 1, 1 << 63],
    "mode": [0o7777, 0o10000],
    "uid": [7, -1],
    "gid": [1 << 63],
    "user": [b"", b"www"],
    "mtime_ns": [-5, 1 << 63],
    "ctime_ns": [-(1 << 63)],
    "device": [7, -1, (1 << 64) - 1, 1 << 64],
    "inode": [7, (1 << 64) - 1, 1 << 64, -1],
    "links": [2, -1],
    "fstype": [b"xfs"],
    "target": [b"to", b"nul\0", b"t" * 5000],
}
CHANGES: list[dict[str, object]] = [{key: value} for key, values in VALUES.items() for value in values]
CHANGES += [{"path": b"b" * 256}, {"path": b"/x"}]
CHANGES += [{"kind": Kind.SYMLINK, "target": target} for target in (b"to", b"", b"nul\0", b"t" * 5000)]
CHANGED = st.one_of(st.just(FOLDER), st.just(FOLDER), st.just({}), st.just({}), st.sampled_from(CHANGES))
PLAIN = Entry(b"", Kind.FILE, 0o644, 0, 0, b"root", b"root", 5, 1, 2, 3, 4, 1, b"ext4")


def held(entries: list[Entry], pieces: int) -> tuple[list[Entry], list[Problem], tuple[int, int]]:
    """What an index holds that was made of `entries`, so many at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i"
        writer = IndexWriter(path)
        root = writer.add_root(b"/srv", b"/srv")
        for at in range(0, len(entries), pieces):
            writer.add(root, entries[at : at + pieces])
        listed = writer.listed_totals(root)
        archive = writer.add_archive("a.tar.zst")
        for at, wanted in zip(count(), writer.wanted(), strict=False):
            writer.stored(wanted.id, archive, at, wanted.entry.size, bytes(32))
        writer.finish()
        with Index(path) as index:
            return [one.entry for one in index.walk()], list(index.problems()), listed


def one_by_one(entries: list[Entry], pieces: int) -> tuple[list[Entry], list[Problem], tuple[int, int]]:
    """The same without columns."""
    with patch.object(Rows, "plain", lambda *_: None):
        return held(entries, pieces)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(st.lists(PART, max_size=3), CHANGED), max_size=8), st.integers(1, 12))
def test_columns_of_entries_are_taken_as_one_after_the_other(
    given_entries: list[tuple[list[bytes], dict[str, object]]], pieces: int
) -> None:
    entries = [PLAIN._replace(kind=Kind.FOLDER)]
    entries += [
        PLAIN._replace(**{"path": b"/".join(parts)} | odd)  # type: ignore[arg-type]
        for parts, odd in given_entries
    ]
    assert held(entries, pieces) == one_by_one(entries, pieces)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_one_odd_entry_among_plain_ones_is_what_it_is_alone(change: dict[str, object]) -> None:
    top = PLAIN._replace(kind=Kind.FOLDER)
    entries = [
        top,
        PLAIN._replace(path=b"a"),
        PLAIN._replace(**{"path": b"b"} | change),
        PLAIN._replace(path=b"c"),
    ]  # type: ignore[arg-type]
    assert held(entries, 10) == one_by_one(entries, 10)


def test_what_lies_in_a_folder_that_cannot_be_lies_nowhere() -> None:
    """The folder was entered while columns were made, before its name was looked at."""
    top = PLAIN._replace(kind=Kind.FOLDER)
    found, problems, _ = held(
        [top, top._replace(path=b".."), PLAIN._replace(path=b"../x"), PLAIN._replace(path=b"a")], 10
    )
    assert [one.path for one in found] == [b"", b"a"]
    assert [one.path for one in problems] == [b"/srv/..", b"/srv/../x"]


def test_too_long_a_path_is_refused_in_a_folder_that_is_not() -> None:
    top = PLAIN._replace(kind=Kind.FOLDER)
    paths = [b"/".join([b"d" * 200] * depth) for depth in range(1, 22)]
    found, problems, _ = held([top, *(top._replace(path=path) for path in paths)], 50)
    assert [one.path for one in found[1:]] == paths[:20]
    assert [one.reason for one in problems] == ["has too long a name to be restored"]


def test_an_ordinary_inventory_is_taken_by_columns() -> None:
    """Should it not be, nothing would tell but the time."""
    inside = [
        PLAIN._replace(path=b"d", kind=Kind.FOLDER),
        PLAIN._replace(path=b"d/l", kind=Kind.SYMLINK, target=b"x"),
    ]
    inside += [PLAIN._replace(path=path, inode=(1 << 64) - 1) for path in (b"d/f", b"g")]
    by_columns = []
    plain = Rows.plain

    def noted(self: Rows, root: int, batch: list[Entry]) -> object:
        made = plain(self, root, batch)
        by_columns.append(made is not None)
        return made

    with patch.object(Rows, "plain", noted):
        found, problems, _ = held([PLAIN._replace(kind=Kind.FOLDER), *inside], 10)
    assert [one.path for one in found] == [b"", b"d", b"d/f", b"d/l", b"g"]
    assert problems == []
    assert by_columns == [False, True]  # a root's own entry is like no other
