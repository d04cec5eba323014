"""The lists of restore.sh are taken from the older snapshot where they would be the same, and only there."""
# ruff: noqa: E501 - what changes stands beside what follows

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.vault.taking import take
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.same import same
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.restore.script import Lists, write_files

NAMES, LINKS, FOLDERS = "001.names.zst", "links.tar.zst", "folders.tar.zst"
ALL = {NAMES, LINKS, FOLDERS}
_NEW = """INSERT INTO entry SELECT (SELECT max(id) + 1 FROM entry), root, parent, x'6e6577', kind, mode, owner, size,
    mtime_ns, ctime_ns, filesystem, inode, links, target FROM entry WHERE id = ({})"""
_EMPTY = "SELECT id FROM entry WHERE CAST(name AS TEXT) = 'empty'"
_LINK = "SELECT id FROM entry WHERE CAST(name AS TEXT) = 'relative'"
_FIFO = "SELECT id FROM entry WHERE kind = 'p'"
# What changes in the index, and which lists are the same afterwards.
CHANGES = {
    "nothing": ("SELECT 1", ALL),
    "a file's times": ("UPDATE entry SET mtime_ns = 5, size = 1, inode = 7 WHERE kind = 'f' AND links = 1", ALL),
    "a file is fetched again": ("DELETE FROM content WHERE entry = (SELECT min(entry) FROM content)", set()),
    "two files change places": (
        """UPDATE content SET offset = (SELECT sum(offset) FROM content WHERE entry IN (
            SELECT entry FROM content ORDER BY entry LIMIT 2)) - offset
        WHERE entry IN (SELECT entry FROM content ORDER BY entry LIMIT 2)""",
        {LINKS, FOLDERS},
    ),
    "a file has another's number": ("UPDATE entry SET name = x'6e6577' WHERE id = (SELECT min(entry) FROM content)", set()),
    "a folder has another's number": (f"UPDATE entry SET name = x'6e6577' WHERE id = ({_EMPTY})", set()),
    "a file lies elsewhere": (f"UPDATE entry SET parent = ({_EMPTY}) WHERE id = (SELECT max(entry) FROM content)", set()),
    "a link became a FIFO": (f"UPDATE entry SET kind = 'p' WHERE id = ({_LINK})", set()),
    "a folder's mode": (f"UPDATE entry SET mode = 1 WHERE id = ({_EMPTY})", {NAMES, LINKS}),
    "a folder's time": (f"UPDATE entry SET mtime_ns = 1 WHERE id = ({_EMPTY})", {NAMES, LINKS}),
    "a new folder": (_NEW.format(_EMPTY), {NAMES, LINKS}),
    "a folder is gone": (f"DELETE FROM entry WHERE id = ({_EMPTY})", {NAMES, LINKS}),
    "a new folder, another is gone": (f"{_NEW.format(_EMPTY)}; DELETE FROM entry WHERE id = ({_EMPTY})", {NAMES, LINKS}),
    "a link leads elsewhere": (f"UPDATE entry SET target = x'78' WHERE id = ({_LINK})", {NAMES, FOLDERS}),
    "a FIFO's owner": (f"UPDATE entry SET owner = owner % 2 + 1 WHERE id = ({_FIFO})", {NAMES, FOLDERS}),
    "a new FIFO": (_NEW.format(_FIFO), {NAMES, FOLDERS}),
    "a FIFO is gone": (f"DELETE FROM entry WHERE id = ({_FIFO})", {NAMES, FOLDERS}),
    "a hard link's mode": ("UPDATE entry SET mode = 1 WHERE id IN (SELECT entry FROM hardlink)", {NAMES, FOLDERS}),
    "a hard link less": ("DELETE FROM hardlink WHERE entry = (SELECT max(entry) FROM hardlink)", {NAMES, FOLDERS}),
    "an owner's name": ("UPDATE owner SET user = x'78'", set()),
    "an attribute": ("UPDATE xattr SET value = x'78'", {NAMES}),
    "another archive": ("UPDATE archive SET name = 'x.tar.zst'", set()),
}  # fmt: skip


def lists(index: Path, folder: Path, older: Snapshot | None = None) -> dict[str, bytes]:
    """What is written for an index."""
    folder.mkdir()
    with Index(index) as opened:
        write_files(folder, opened, Lists(older.path, older.name, opened) if older else None)
    return {path.name: path.read_bytes() for path in (folder / "restore").iterdir()}


@pytest.fixture
def older(vault: Vault, tricky: Path) -> Snapshot:
    return take(vault, tricky)


def changed(older: Snapshot, folder: Path, statements: str) -> Path:
    """The index of the next snapshot, which began as a copy of the older one's."""
    index = folder / "index.sqlite"
    shutil.copyfile(older.path / "index.sqlite", index)
    with closing(sqlite3.connect(index)) as db:
        db.execute("UPDATE archive SET snapshot = ?", (older.name,))
        db.executescript(statements)
        db.commit()
    return index


@pytest.mark.parametrize("change", CHANGES)
def test_a_list_is_the_same_only_where_it_would_be_written_so(
    older: Snapshot, place: Path, change: str
) -> None:
    statements, wanted = CHANGES[change]
    index = changed(older, place, statements)
    found = same(index, older.path / "index.sqlite", older.name)
    said = {NAMES} if found.archives else set()
    said |= {name for name, known in ((LINKS, found.links), (FOLDERS, found.folders)) if known}
    assert said == wanted
    fresh = lists(index, place / "fresh")
    assert all(fresh[name] == (older.path / "restore" / name).read_bytes() for name in said)
    assert lists(index, place / "new", older) == fresh


def test_a_list_that_is_not_what_the_older_snapshot_says_is_written_anew(
    older: Snapshot, place: Path
) -> None:
    index = changed(older, place, "SELECT 1")
    fresh = lists(index, place / "fresh")
    (older.path / "restore").chmod(0o700)
    for name in (NAMES, LINKS):
        (older.path / "restore" / name).chmod(0o600)
    (older.path / "restore" / NAMES).write_bytes(b"x")
    (older.path / "restore" / LINKS).unlink()
    assert lists(index, place / "new", older) == fresh


def test_an_index_that_cannot_be_read_has_nothing_in_common(older: Snapshot, place: Path) -> None:
    index = changed(older, place, "SELECT 1")
    (place / "damaged").write_bytes(index.read_bytes()[:8192] + b"x" * 8192)
    assert not same(index, place / "damaged", older.name).archives
    assert not same(index, place / "missing", older.name).archives
