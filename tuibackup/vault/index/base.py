"""The database of an index that is being made: its file, its transactions, and what every step of the making needs.

What is made of it is in `indexintake` (what the inventory saw) and `indexwriter` (where the contents lie).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.errors import VaultError
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.index.difference import Fewer
from tuibackup.vault.index.listing import KeptListing
from tuibackup.vault.index.renewal import Older
from tuibackup.vault.index.rows import Rows
from tuibackup.vault.index.schema import APPLICATION_ID, FORMAT, LONGEST_PROBLEM, SCHEMA, Paths, join
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

BATCH = 5_000  # rows that are written at once
_AT_ONCE = 50  # of them with one statement; older SQLites take 999 values

_CONTENT = "entry", "archive", "offset", "length", "sha256"


class IndexBase:
    """One connection, one thread at a time; raises VaultError (vault full, file exists)."""

    def __init__(self, path: Path, guard: RoomGuard | None = None) -> None:
        self.path = path
        # the snapshot whose unchanged files may be taken over; set by the download
        self.older: Older | None = None
        self._listings: list[KeptListing] = []
        self._guard = guard
        self._begin()

    def _begin(self) -> None:
        path = self.path
        with vault_errors(path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        # as a URI, so that an older index can be attached as one too (see `take_over`)
        self._db = sqlite3.connect(
            path.absolute().as_uri(), isolation_level=None, check_same_thread=False, uri=True
        )
        self._rows = Rows(self._db)
        self._resolved: dict[int, bytes] = {}  # where each root is read
        self._twins = False  # a name came twice: what lies below the second of two folders lies nowhere
        self._linked = 0  # hard links are found among entries up to this id
        self._stored: list[tuple[int, int, int, int, bytearray]] = []
        self._lasting = False  # whether what is committed outlives us
        # files with their content from an older index, where we began as its copy
        self._renewed: int | None = None
        self._doubtful: set[int] = set()  # entries that are not as the inventory saw them
        self._refused: dict[int, tuple[int, int]] = {}  # by root: files that are no entries, and their bytes
        self._fewer: list[Fewer] = []  # folders that lack names, see `difference`
        self._lacking: list[tuple[int, str, int, int]] = []  # those of them of which it is true
        self._distrusted: set[int] = set()  # roots of which nothing is to be taken over
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        with self._errors():
            # Before the first archive is there, nothing of it is worth keeping: no journal, no fsync.
            for pragma in (
                "journal_mode = OFF",
                "synchronous = OFF",
                "locking_mode = EXCLUSIVE",
                "cache_size = -65536",
            ):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(SCHEMA)
            self._db.execute("CREATE TEMP TABLE same (new INTEGER PRIMARY KEY, old INTEGER NOT NULL)")
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
            self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Close without finishing. May be called twice, and after `finish`."""
        self._db.close()
        for kept in self._listings:
            kept.abandon()

    def find(self, root: int, path: bytes) -> int | None:
        """The id of the entry at `path` relative to the root (b"": the root itself)."""
        names = [self._rows.folders[root], *(path.split(b"/") if path else ())]
        number = -root
        with self._errors():
            for name in names:
                row = self._db.execute(
                    "SELECT id FROM entry WHERE parent = ? AND name = ?", (number, name)
                ).fetchone()
                if row is None:
                    return None
                number = row[0]
        return number

    def _make_lasting(self) -> None:
        """From now on every commit survives a kill or a power cut, by SQLite's own journal."""
        if self._lasting:
            return
        self._lasting = True
        with self._errors():
            self._flush()
            for statement in (
                "COMMIT", "PRAGMA journal_mode = DELETE", "PRAGMA synchronous = FULL", "BEGIN",
            ):  # fmt: skip
                self._db.execute(statement)

    @contextmanager
    def _outside_transaction(self) -> Iterator[None]:
        with self._errors():
            self._flush()
            self._db.execute("COMMIT")
            try:
                yield
            finally:
                self._db.execute("BEGIN")

    def _flush(self) -> None:
        """Write the places of content that are still in memory."""
        rows, self._stored = self._stored, []
        if self._insert("content", _CONTENT, rows) < len(rows):
            for row in rows:
                self._store_again(row)

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> int:
        """How many of `rows` were written: none whose key is there. Many at a time, as after each statement the
        interpreter's lock has to be taken again.
        """
        into = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 # ours
        row = f"({', '.join('?' * len(columns))})"
        whole = len(rows) - len(rows) % _AT_ONCE
        values = (list(chain.from_iterable(rows[at : at + _AT_ONCE])) for at in range(0, whole, _AT_ONCE))
        written = self._db.executemany(into + ", ".join([row] * _AT_ONCE), values).rowcount
        return written + self._db.executemany(into + row, rows[whole:]).rowcount

    def _store_again(self, row: tuple[int, int, int, int, bytearray]) -> None:
        before = self._db.execute("SELECT * FROM content WHERE entry = ?", row[:1]).fetchone()
        if before is not None and before != row and before[1] == row[1]:
            raise VaultError(
                sentence(
                    "{path}: a file was stored twice in one archive (entry {row})", path=self.path, row=row[0]
                )
            )
        self._db.execute("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?)", row)

    def _list(self, root: int, path: bytes, reason: str, *, missing: bool) -> int:
        """The number of the problem."""
        cursor = self._db.execute(
            "INSERT INTO problem (root, path, reason, missing) VALUES (?, ?, ?, ?)",
            (root, path[:LONGEST_PROBLEM], reason, missing),
        )
        return cursor.lastrowid or 0

    def _delete(self, entry: int) -> None:
        for table, key in (("content", "entry"), ("hardlink", "entry"), ("xattr", "entry"), ("entry", "id")):
            self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (entry,))  # noqa: S608 # fixed names

    def _path_of(self, root: int, parent: int, name: bytes) -> bytes:
        """The relative path of `name` in the folder `parent`, as far as it is known."""
        if parent < 0:
            return b""
        try:
            return self._rows.relative(root, join(Paths(self._db)(parent), name))
        except KeyError:
            return name

    def _find_hard_links(self) -> None:
        """Further names of an inode point to its first one.

        All that an inode knows has to agree, and where numbers of inodes are made up, none is believed: two files that
        are taken for one are stored as one.
        """
        if self._linked == self._rows.next - 1:
            return
        if self._twins:
            self._drop_orphans()
        with self._errors():
            self._db.execute(
                """INSERT OR IGNORE INTO hardlink SELECT id, carrier FROM (
                    SELECT e.id AS id, (
                        SELECT min(x.id) FROM entry x WHERE x.links > 1 AND x.inode <> 0 AND x.inode = e.inode
                            AND x.filesystem = e.filesystem AND x.kind = e.kind AND x.size = e.size
                            AND x.mtime_ns = e.mtime_ns AND x.ctime_ns = e.ctime_ns AND x.mode = e.mode
                            AND x.owner = e.owner
                    ) AS carrier
                    FROM entry e WHERE e.id > ? AND e.links > 1 AND e.inode <> 0 AND e.kind IN ('f', 'l')
                        AND e.filesystem NOT IN (SELECT id FROM filesystem WHERE CAST(type AS TEXT) LIKE 'fuse%'
                            OR CAST(type AS TEXT) IN ('9p', 'afs', 'cifs', 'smb3', 'smbfs', 'vboxsf'))
                ) WHERE carrier <> id""",
                (self._linked,),
            )
        self._linked = self._rows.next - 1

    def _drop_orphans(self) -> None:
        """Take out what lies below a name that was listed instead of taken (a hostile listing has such)."""
        self._db.execute("CREATE TEMP TABLE orphan (id INTEGER PRIMARY KEY)")
        self._db.execute(
            """INSERT INTO temp.orphan WITH RECURSIVE lost (id) AS (
                SELECT e.id FROM entry e WHERE e.parent IN (
                    SELECT x.parent FROM entry x WHERE x.parent > 0 GROUP BY x.parent
                    HAVING NOT EXISTS (SELECT 1 FROM entry p WHERE p.id = x.parent AND p.kind = 'd'))
                UNION SELECT c.id FROM lost l JOIN entry c ON c.parent = l.id
            ) SELECT id FROM lost"""
        )
        last = 0
        while rows := self._db.execute(
            """SELECT id, root, parent, name FROM entry WHERE id IN temp.orphan AND id > ?
            ORDER BY id LIMIT 5000""",
            (last,),
        ).fetchall():
            for last, root, parent, name in rows:  # noqa: B007 # the last one is where the next look begins
                path = self._path_of(root, parent, name)
                self._list(root, path, sentence("lies in no folder of the inventory"), missing=True)
        for table, key in (
            ("content", "entry"), ("hardlink", "entry"), ("hardlink", "carrier"), ("xattr", "entry"), ("entry", "id"),
        ):  # fmt: skip
            self._db.execute(f"DELETE FROM {table} WHERE {key} IN temp.orphan")  # noqa: S608 # fixed names
        self._db.execute("DROP TABLE temp.orphan")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise VaultError(
                    sentence("vault full: no room for {path}", path=self.path),
                    sentence("free some room there"),
                ) from error
            raise VaultError(f"{self.path}: {error}") from error
