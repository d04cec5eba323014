"""The index: listing, hard links, what a hostile inventory may not do, what is left out and why."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuibackup.errors import VaultError
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.index import intake, rows
from tuibackup.vault.index.pattern import NamePattern
from tuibackup.vault.index.read import Index, IndexWriter
from tuibackup.vault.index.search import LateError

SHA = bytes(32)


def one(path: bytes, kind: Kind = Kind.FILE, **more: object) -> Entry:
    values = {
        "mode": 0o644, "uid": 0, "gid": 0, "user": b"root", "group": b"root", "size": 5, "mtime_ns": 7,
        "target": b"x" if kind == Kind.SYMLINK else None,
    } | more  # fmt: skip
    return Entry(path, kind, **values)  # type: ignore[arg-type]


def folder(path: bytes) -> Entry:
    return one(path, Kind.FOLDER)


def store_all(writer: IndexWriter, name: str = "a.tar.zst") -> list[bytes]:
    archive = writer.add_archive(name)
    stored = []
    for position, wanted in enumerate(writer.wanted()):
        writer.stored(wanted.id, archive, position * 1024, wanted.entry.size, SHA)
        stored.append(wanted.path)
    return stored


def made(path: Path, *entries: Entry, root: bytes = b"/var/www") -> Index:
    writer = IndexWriter(path)
    writer.add(writer.add_root(root, root, started_ns=5, excludes=["*.log"]), entries)
    store_all(writer)
    writer.finish()
    return Index(path)


def test_a_search_ends_in_its_time_also_where_it_found_nothing(tmp_path: Path) -> None:
    """The clock was looked at with each find only: none in millions of names, and nobody knew when it would end."""
    index = made(
        tmp_path / "i", folder(b""), *(one(b"n%d" % number) for number in range(3000)), one(b"KRS-1")
    )
    for text, ignore_case in (("*krs*", True), ("*KRS*", False), ("?RS*", False)):
        wanted = NamePattern(text, ignore_case=ignore_case)
        with closing(index.search()) as search:
            assert [path for path, _seen in search.matching(wanted)] == [b"/var/www/KRS-1"]
        with closing(index.search(until=1.0)) as search, pytest.raises(LateError):
            list(search.matching(wanted))


def test_a_folder_is_listed_by_name(tmp_path: Path) -> None:
    entries = [
        folder(b""),
        one(b"z"),
        folder(b"a"),
        one(b"a/2"),
        one(b"a/1"),
        one(b"l", Kind.SYMLINK),
        one(b"b\xff\n"),
    ]
    index = made(tmp_path / "i", *entries)
    assert [found.path for found in index.listing()] == [b"/var/www"]
    assert [found.path for found in index.listing(b"/")] == [b"/var/www"]
    assert [found.path for found in index.listing(b"/var")] == [b"/var/www"]
    assert [found.entry.path for found in index.listing(b"/var/www/")] == [b"a", b"b\xff\n", b"l", b"z"]
    assert [found.path for found in index.listing(b"/var/www/a")] == [b"/var/www/a/1", b"/var/www/a/2"]
    for path in (b"/var/ww", b"/nowhere", b"/var/www/z"):
        assert list(index.listing(path)) == []
    assert [found.entry.path for found in index.walk()] == [b"", b"a", b"a/1", b"a/2", b"b\xff\n", b"l", b"z"]
    assert [found.entry.path for found in index.walk(b"/var/www/a")] == [b"a", b"a/1", b"a/2"]
    found = index.get(b"/var/www/a/1")
    assert found is not None
    assert found.entry == entries[4]
    assert found.member is not None
    assert index.get(b"/var/www/a/3") is None
    assert index.roots[0].excludes == ("*.log",)


def test_the_root_of_the_file_system_may_be_a_folder(tmp_path: Path) -> None:
    index = made(tmp_path / "i", folder(b""), folder(b"etc"), one(b"etc/passwd"), root=b"/")
    assert [found.path for found in index.listing(b"/")] == [b"/etc"]
    assert [found.path for found in index.walk()] == [b"/", b"/etc", b"/etc/passwd"]
    assert index.get(b"/etc/passwd") is not None


IMPOSSIBLE = b"..|../x|a/../x|a/..|.|a/.|a//b|/etc|a/|nul\0|missing/x|file/x|link/x|a/b/c/d/e".split(b"|")


@pytest.mark.parametrize("path", IMPOSSIBLE)
def test_an_impossible_path_is_listed_and_left_out(tmp_path: Path, path: bytes) -> None:
    good = [folder(b""), folder(b"a"), one(b"file"), one(b"link", Kind.SYMLINK)]
    index = made(tmp_path / "i", *good, one(path), one(b"a/after"))
    assert [found.entry.path for found in index.walk()] == [b"", b"a", b"a/after", b"file", b"link"]
    assert [problem.missing for problem in index.problems()] == [True]


def test_impossible_values_are_listed_and_left_out(tmp_path: Path) -> None:
    bad = [
        one(b"1", size=-1), one(b"2", size=2**63), one(b"3", mode=0o10000), one(b"4", mtime_ns=2**80),
        one(b"5", Kind.SYMLINK, target=None), one(b"6", Kind.SYMLINK, target=b""), one(b"7", uid=-1),
        one(b"8")._replace(kind="x"),  # type: ignore[arg-type]
        one(b"9", inode=2**64), one(b"10", device=-1),
    ]  # fmt: skip
    index = made(tmp_path / "i", folder(b""), *bad, one(b"good", inode=2**64 - 1, device=2**64 - 2))
    assert [problem.path for problem in index.problems()] == [
        b"/var/www/%d" % number for number in range(1, 11)
    ]
    good = index.get(b"/var/www/good")
    assert good is not None
    assert (good.entry.inode, good.entry.device) == (2**64 - 1, 2**64 - 2)


def test_more_owners_than_are_remembered_are_all_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_REMEMBERED", 3)
    owners = [b"user%d" % (number % 7) for number in range(50)]
    files = [one(b"%02d" % number, user=user, uid=number) for number, user in enumerate(owners)]
    index = made(tmp_path / "i", folder(b""), *files)
    found = [(entry.entry.user, entry.entry.uid) for entry in index.walk() if entry.entry.path]
    assert found == [(user, number) for number, user in enumerate(owners)]


def test_a_name_that_comes_twice_counts_once(tmp_path: Path) -> None:
    entries = [
        folder(b""),
        folder(b"a"),
        one(b"a/x", size=1),
        folder(b"a"),
        one(b"a/y"),
        one(b"a/x", size=2),
        one(b"a"),
    ]
    index = made(tmp_path / "i", *entries)
    assert [found.entry.path for found in index.walk()] == [b"", b"a", b"a/x"]
    found = index.get(b"/var/www/a/x")
    assert found is not None
    assert found.entry.size == 1
    assert all(problem.missing for problem in index.problems())


def test_a_file_configured_as_a_folder_is_listed(tmp_path: Path) -> None:
    index = made(tmp_path / "i", one(b""), one(b"x"))
    assert list(index.walk()) == []
    assert [problem.path for problem in index.problems()] == [b"/var/www", b"/var/www/x"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_any_order_with_folders_first_is_understood(tmp_path: Path, random: "object", count: int) -> None:
    """Depth first, breadth first, or mixed as SFTP gives it: the same tree."""
    from random import Random

    assert isinstance(random, Random)
    path = tmp_path / "i"
    path.unlink(missing_ok=True)
    folders, entries = [b""], [folder(b"")]
    for number in range(count):
        above = random.choice(folders)
        name = above + b"/" * bool(above) + b"%d" % number
        if random.random() < 0.4:
            folders.append(name)
            entries.append(folder(name))
        else:
            entries.append(one(name))
    index = made(path, *entries)
    assert list(index.problems()) == []
    assert sorted(found.entry.path for found in index.walk()) == sorted(entry.path for entry in entries)


def test_each_inode_is_wanted_once(tmp_path: Path) -> None:
    def name(path: bytes, inode: int = 9, **more: object) -> Entry:
        return one(path, inode=inode, links=3, device=1, **more)

    writer = IndexWriter(tmp_path / "i")
    root = writer.add_root(b"/a", b"/a")
    writer.add(
        root, [folder(b""), name(b"1"), name(b"2"), name(b"other size", size=6), name(b"unknown", inode=0)]
    )
    assert [wanted.path for wanted in writer.wanted(root)] == [b"/a/1", b"/a/other size", b"/a/unknown"]
    second = writer.add_root(b"/b", b"/b")
    writer.add(second, [folder(b""), name(b"3")])
    assert list(writer.wanted(second)) == []
    assert writer.wanted_totals() == (3, 16)
    assert (writer.any_wanted(), writer.any_wanted(root), writer.any_wanted(second)) == (True, True, False)
    assert store_all(writer) == [b"/a/1", b"/a/other size", b"/a/unknown"]
    assert store_all(writer) == []
    totals = writer.finish()
    assert (totals.files, totals.content_bytes) == (5, 16)
    index = Index(tmp_path / "i")
    first, linked = index.get(b"/a/1"), index.get(b"/b/3")
    assert first is not None
    assert linked is not None
    assert (linked.carrier, linked.member) == (first.id, first.member)


def test_a_dropped_carrier_hands_over_to_the_next_name(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    root = writer.add_root(b"/a", b"/a")
    names = [one(b"%d" % number, inode=9, links=3, device=1) for number in range(3)]
    writer.add(root, [folder(b""), *names])
    (first,) = writer.wanted(root)
    writer.drop(first.id, "vanished while it was read")
    assert store_all(writer) == [b"/a/1"]
    writer.finish()
    index = Index(tmp_path / "i")
    assert [found.entry.path for found in index.walk()] == [b"", b"1", b"2"]
    assert all(found.member for found in index.walk() if found.entry.kind == Kind.FILE)
    assert [(problem.path, problem.reason) for problem in index.problems()] == [
        (b"/a/0", "vanished while it was read")
    ]


def test_files_without_content_are_left_out_and_listed(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    root = writer.add_root(b"/a", b"/a")
    names = [one(b"%d" % number, inode=9, links=3, device=1) for number in range(3)]
    writer.add(root, [folder(b""), *names, one(b"alone")])
    assert writer.finish().files == 0
    problems = list(Index(tmp_path / "i").problems())
    assert {problem.reason for problem in problems} == {"its content was not fetched"}
    assert len(problems) == 4


def test_a_file_fetched_again_must_go_into_another_archive(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    root = writer.add_root(b"/a", b"/a")
    writer.add(root, [folder(b""), one(b"x"), one(b"y")])
    store_all(writer)
    x, y = (found for name in (b"x", b"y") if (found := writer.find(root, name)))
    assert writer.find(root, b"z") is None
    again = writer.add_archive("a.2.tar.zst")
    writer.stored(x, again, 0, 3, SHA)
    writer.totals()
    writer.stored(y, 1, 4096, 3, SHA)
    with pytest.raises(VaultError, match="twice in one archive"):
        writer.finish()


def test_a_folder_within_another_is_stored_once(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    roots = (b"/var/www", b"/var/www-data", b"/var/www/a/siakad")
    outer, *_ = [writer.add_root(name, name) for name in roots]
    for number in (1, 2, 3):
        writer.add(number, [folder(b"")])
    writer.add(outer, [folder(b"a"), folder(b"b")])
    writer.finish()
    with Index(tmp_path / "i") as index:
        walked = [b"/var/www", b"/var/www/a", b"/var/www/b", b"/var/www/a/siakad"]
        assert [found.path for found in index.walk(b"/var/www")] == walked
        assert [found.path for found in index.walk()] == [
            b"/var/www",
            *walked[1:3],
            b"/var/www-data",
            walked[3],
        ]
        assert [found.path for found in index.listing(b"/var/www/a")] == [b"/var/www/a/siakad"]
        assert index.get(b"/var/www/a/siakad") is not None


def test_a_folder_that_was_listed_within_another_too_is_refused(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    outer, inner = (writer.add_root(name, name) for name in (b"/var/www", b"/var/www/siakad"))
    writer.add(outer, [folder(b""), folder(b"siakad")])
    writer.add(inner, [folder(b"")])
    with pytest.raises(VaultError, match="/var/www/siakad was listed within /var/www, too"):
        writer.finish()


def test_a_link_above_a_folder_of_its_own_is_left_out(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    outer, inner = (writer.add_root(name, name) for name in (b"/var/www", b"/var/www/a/siakad"))
    writer.add(outer, [folder(b""), one(b"a", Kind.SYMLINK, target=b"/elsewhere")])
    writer.add(inner, [folder(b"")])
    writer.finish()
    with Index(tmp_path / "i") as index:
        assert index.get(b"/var/www/a") is None
        (problem,) = index.problems()
        assert problem.missing
        assert problem.reason.startswith("is no folder, and /var/www/a/siakad is stored below it")


def test_a_newer_index_is_refused_in_plain_words(tmp_path: Path) -> None:
    made(tmp_path / "i", folder(b"")).close()
    with sqlite3.connect(tmp_path / "i") as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(VaultError, match="has format 2, this program knows 1; install a newer tuibackup"):
        Index(tmp_path / "i")


def test_something_else_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 1000)
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE x (y)").connection.close()
    for name in ("text", "other", "missing"):
        with pytest.raises(VaultError, match=r"damaged|no index|missing"):
            Index(tmp_path / name)


def test_a_large_folder_is_listed_at_once(tmp_path: Path) -> None:
    entries = [folder(b"")]
    for number in range(100):
        entries.append(folder(b"%03d" % number))
        entries += [one(b"%03d/%03d" % (number, below)) for below in range(300)]
    index = made(tmp_path / "i", *entries)
    plan = index._db.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM entry WHERE parent = 5 ORDER BY name"
    ).fetchall()
    assert "SEARCH entry USING INDEX entry_by_name" in plan[0][-1]
    assert "TEMP B-TREE" not in str(plan)
    assert len(list(index.listing(b"/var/www/099"))) == 300


def test_names_that_no_file_system_takes_are_listed(tmp_path: Path) -> None:
    """A name of 256 bytes, or a path of 4096, cannot be made again: restore.sh would stop there, for all the rest."""
    long = b"/".join([b"d" * 200] * 21)
    folders = [folder(b"/".join([b"d" * 200] * depth)) for depth in range(1, 22)]
    entries = [folder(b""), *folders, one(b"n" * 255), one(b"n" * 256), one(long + b"/x")]
    entries += [one(b"l", Kind.SYMLINK, target=b"t" * 4096), one(b"huge", size=1 << 60)]
    index = made(tmp_path / "i", *entries)
    paths = {found.path for found in index.walk()}
    assert b"/var/www/" + b"n" * 255 in paths
    assert max(map(len, paths)) < 4096
    reasons = {problem.path: problem.reason for problem in index.problems()}
    assert reasons[b"/var/www/" + b"n" * 256] == "has too long a name to be restored"
    assert reasons[b"/var/www/l"] == "is a symbolic link with an impossible target"
    assert reasons[b"/var/www/huge"] == "has an impossible size: more than 64 TiB"
    assert len(list(index.problems())) == 5


def test_an_inventory_in_no_order_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server could list millions of folders, never depth first: some of them are remembered, the database has all."""
    monkeypatch.setattr(rows, "_FOLDERS", 10)
    monkeypatch.setattr(intake, "BATCH", 20)
    names = [b"%d" % number for number in range(60)]
    entries = [folder(b""), *map(folder, names), *(folder(name + b"/in") for name in reversed(names))]
    entries += [one(name + b"/in/file") for name in names] + [
        one(b"5/nowhere/x"),
        one(b"5//x"),
        one(b"0/in//x"),
    ]
    index = made(tmp_path / "i", *entries)
    assert len(list(index.walk())) == 1 + 60 * 3
    assert len(list(index.problems())) == 3


@pytest.mark.long
def test_sizes_that_overflow_are_added_up_all_the_same(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path / "i")
    root = writer.add_root(b"/srv", b"/srv")
    writer.add(root, [folder(b""), *(one(b"%d" % number, size=1 << 46) for number in range(140_000))])
    count, size = writer.wanted_totals()
    assert count == 140_000
    assert size > 1 << 63
    writer.abandon()


def test_an_inventory_without_end_leaves_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RoomGuard, "EVERY", 100_000)
    writer = IndexWriter(tmp_path / "i", RoomGuard(tmp_path, 1 << 60))
    root = writer.add_root(b"/srv", b"/srv")
    endless = (one(b"%d" % number) for number in range(10_000_000))
    with pytest.raises(VaultError, match="vault nearly full"):
        writer.add(root, itertools.chain([folder(b"")], endless))
    writer.abandon()
