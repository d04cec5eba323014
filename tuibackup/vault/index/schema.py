"""The tables of an index and the values that its writer and its reader share.

docs/vault-format.md describes them for people; a change that older programs cannot read raises FORMAT.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tuibackup.vault.archive.entry import Kind

FORMAT = 1
FILE_NAME = "index.sqlite"
UNSIGNED = (1 << 64) - 1  # device and inode numbers are unsigned on the server and signed in SQLite
LONGEST_PROBLEM = 4096  # bytes of a path in the list of problems: what a server claims may be longer
DISTRUSTED = "distrusted"  # key in `meta`: a JSON list of roots of which nothing may be taken over
# key in `meta`: a JSON list of folders that listed fewer names than before: root, path (hexadecimal), how many names
# they had when they were whole, how many files are lacking with them
LACKING = "lacking"
APPLICATION_ID = 0x74756962  # "tuib", so that `file` and SQLite tools know it

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE root (
    id INTEGER PRIMARY KEY,
    folder BLOB NOT NULL UNIQUE,       -- as configured, absolute
    resolved BLOB NOT NULL,            -- what it was, when it is a symlink on the server
    started_ns INTEGER NOT NULL,       -- when its inventory began, by the server's clock
    excludes TEXT NOT NULL             -- JSON list of the patterns in force
);
CREATE TABLE archive (
    id INTEGER PRIMARY KEY,
    snapshot TEXT NOT NULL,            -- '' = this snapshot, else the name of an older one of the same server
    name TEXT NOT NULL,                -- file name
    UNIQUE (snapshot, name)
);
CREATE TABLE owner (
    id INTEGER PRIMARY KEY,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    user BLOB NOT NULL,
    "group" BLOB NOT NULL
);
CREATE TABLE filesystem (id INTEGER PRIMARY KEY, device INTEGER NOT NULL, type BLOB NOT NULL);
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,            -- in the order of the inventory: folders before what they hold
    root INTEGER NOT NULL,
    parent INTEGER NOT NULL,           -- entry.id of the folder; -root for a configured folder itself
    name BLOB NOT NULL,                -- last part of the path; the whole path for a configured folder
    kind TEXT NOT NULL,                -- f d l p s b c, as find -printf %y
    mode INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    filesystem INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    links INTEGER NOT NULL,
    target BLOB                        -- of a symlink
);
CREATE UNIQUE INDEX entry_by_name ON entry (parent, name);
CREATE INDEX entry_by_inode ON entry (inode, filesystem, kind, size, mtime_ns) WHERE links > 1 AND inode <> 0;
CREATE TABLE content (                 -- where the bytes of a regular file lie
    entry INTEGER PRIMARY KEY,
    archive INTEGER NOT NULL,
    offset INTEGER NOT NULL,           -- of the content in the unpacked archive
    length INTEGER NOT NULL,
    sha256 BLOB NOT NULL
);
CREATE TABLE hardlink (                -- further names of one inode
    entry INTEGER PRIMARY KEY,
    carrier INTEGER NOT NULL           -- entry.id of the name that has the content
);
CREATE INDEX hardlink_by_carrier ON hardlink (carrier);
CREATE TABLE xattr (
    entry INTEGER NOT NULL,
    key BLOB NOT NULL,                 -- as in GNU tar's pax records: SCHILY.xattr.*, SCHILY.acl.*, …
    value BLOB NOT NULL,
    PRIMARY KEY (entry, key)
) WITHOUT ROWID;
CREATE TABLE written (                 -- this snapshot's own archives, as they were closed
    archive INTEGER PRIMARY KEY,
    root INTEGER NOT NULL,
    bytes INTEGER NOT NULL,            -- on the disk
    sha256 BLOB NOT NULL               -- of the file
);
CREATE TABLE problem (
    id INTEGER PRIMARY KEY,
    root INTEGER NOT NULL,
    path BLOB NOT NULL,                -- relative to the root
    reason TEXT NOT NULL,
    missing INTEGER NOT NULL           -- 1: the name is not in the snapshot
);
CREATE VIEW tree AS                    -- for people with sqlite3; the program does not use it
    WITH RECURSIVE place (id, path) AS (
        SELECT id, CAST(name AS TEXT) FROM entry WHERE parent < 0
        UNION ALL
        SELECT e.id, rtrim(p.path, '/') || '/' || CAST(e.name AS TEXT) FROM place p JOIN entry e ON e.parent = p.id
    )
    SELECT p.path, e.kind, e.mode, o.user, o."group", o.uid, o.gid, e.size,
        datetime(e.mtime_ns / 1000000000, 'unixepoch') AS modified, e.mtime_ns, CAST(e.target AS TEXT) AS target,
        CASE a.snapshot WHEN '' THEN '' ELSE '../' || a.snapshot || '/' END || a.name AS archive,
        c.offset, c.length, lower(hex(c.sha256)) AS sha256, e.id
    FROM place p JOIN entry e ON e.id = p.id JOIN owner o ON o.id = e.owner
        LEFT JOIN hardlink h ON h.entry = e.id
        LEFT JOIN content c ON c.entry = coalesce(h.carrier, e.id)
        LEFT JOIN archive a ON a.id = c.archive;
"""


class Root(NamedTuple):
    """A configured folder in an index."""

    id: int
    folder: bytes
    resolved: bytes
    started_ns: int
    excludes: tuple[str, ...]


class Archive(NamedTuple):
    """An archive that an index points into; `snapshot` is "" for the index's own snapshot."""

    id: int
    snapshot: str
    name: str


class Problem(NamedTuple):
    """What could not be stored, or not as it should be, and why."""

    path: bytes  # absolute
    reason: str
    missing: bool


class Totals(NamedTuple):
    """What a snapshot, or one root of it, holds. `bytes` counts each inode once."""

    entries: int
    files: int
    folders: int
    symlinks: int
    special: int
    content_bytes: int
    problems: int


def join(folder: bytes, relative: bytes) -> bytes:
    """`relative` below `folder`; b"" is the folder itself."""
    if not relative:
        return folder
    return folder.rstrip(b"/") + b"/" + relative


class Paths:
    """Absolute paths of entries by id, for ids that come roughly in the order of the inventory.

    Remembers the folders it met, up to a bound.
    """

    _REMEMBER = 20_000

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._folders: dict[int, bytes] = {}

    def __call__(self, entry: int) -> bytes:
        """The path of entry `entry`. KeyError when there is none."""
        return self.below(*self._row(entry))

    def below(self, parent: int, name: bytes) -> bytes:
        """The path of an entry of which its own row is known."""
        return name if parent < 0 else join(self.folder(parent), name)

    def all_below(self, rows: Iterable[tuple[int, bytes]]) -> list[bytes]:
        """`below` of each row."""
        found = list(rows)
        folders = self.folders({parent for parent, _ in found if parent > 0})
        above = {number: path.rstrip(b"/") + b"/" for number, path in folders.items()}
        return [above[parent] + name if parent > 0 else name for parent, name in found]

    def folders(self, entries: Collection[int]) -> dict[int, bytes]:
        """The paths of some thousands of folders. Looked up together: a query for each took most of the time."""
        rows: dict[int, tuple[int, bytes]] = {}
        missing = [entry for entry in entries if entry not in self._folders]
        while missing:
            found = self._db.execute(
                "SELECT id, parent, name FROM entry WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(missing),),
            ).fetchall()
            rows.update((number, (parent, name)) for number, parent, name in found)
            above = {parent for _, parent, _ in found if parent > 0}
            missing = [entry for entry in above if entry not in rows and entry not in self._folders]
        return {entry: self.folder(entry, rows) for entry in entries}

    def folder(self, entry: int, rows: Mapping[int, tuple[int, bytes]] = MappingProxyType({})) -> bytes:
        """The path of a folder; `rows` are some that are known. KeyError when there is none."""
        if (known := self._folders.get(entry)) is not None:
            return known
        below: list[tuple[int, bytes]] = []  # no recursion: a hostile tree may be very deep
        while (path := self._folders.get(entry)) is None:
            parent, name = rows.get(entry) or self._row(entry)
            if parent < 0:
                path = name
                break
            below.append((entry, name))
            entry = parent
        if len(self._folders) >= self._REMEMBER:
            self._folders.clear()
        for number, name in reversed(below):
            path = self._folders[number] = join(path, name)
        return path

    def _row(self, entry: int) -> tuple[int, bytes]:
        row: tuple[int, bytes] | None = self._db.execute(
            "SELECT parent, name FROM entry WHERE id = ?", (entry,)
        ).fetchone()
        if row is None:
            raise KeyError(entry)
        return row


def totals(db: sqlite3.Connection, root: int | None = None) -> Totals:
    """Counts over one root, or over the whole snapshot."""
    values = (root, root)
    kinds = dict.fromkeys(Kind, 0)
    for kind, count in db.execute(
        "SELECT kind, count(*) FROM entry WHERE ? IS NULL OR root = ? GROUP BY kind", values
    ):
        kinds[Kind(kind)] = count
    (content,) = db.execute(
        """SELECT coalesce(sum(c.length), 0) FROM entry e JOIN content c ON c.entry = e.id
        WHERE ? IS NULL OR e.root = ?""",
        values,
    ).fetchone()
    (problems,) = db.execute("SELECT count(*) FROM problem WHERE ? IS NULL OR root = ?", values).fetchone()
    files, folders, symlinks = kinds[Kind.FILE], kinds[Kind.FOLDER], kinds[Kind.SYMLINK]
    everything = sum(kinds.values())
    return Totals(
        everything, files, folders, symlinks, everything - files - folders - symlinks, content, problems
    )
