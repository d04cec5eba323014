"""Writing an index: first what the inventory saw, then where each file's content was stored.

A million entries are taken in little memory and about ten seconds. The entries come from a server and may be
hostile: what cannot be a path below its folder is listed as a problem and left out.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault import difference, listing, renewal
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.entry import Entry, Kind
from tuibackup.vault.listing import KeptListing
from tuibackup.vault.output import vault_errors
from tuibackup.vault.renewal import Known, Older
from tuibackup.vault.rows import Row, Rows, signed
from tuibackup.vault.schema import (
    APPLICATION_ID,
    FILE_NAME,
    FORMAT,
    LONGEST_PROBLEM,
    SCHEMA,
    UNSIGNED,
    Paths,
    Totals,
    join,
    totals,
)

_BATCH = 5_000
_KINDS = {str(kind): kind for kind in Kind}
OWNERS = 10_000  # that are named at once: a server may invent them without end
_ROW_BYTES = 200  # that an entry takes on the disk besides its name, roughly


class Wanted(NamedTuple):
    """A regular file to fetch. `path` is absolute, `entry.path` relative to its root."""

    id: int
    root: int
    path: bytes
    entry: Entry

    @property
    def name(self) -> bytes:
        """The path as it stands in an archive: without the leading slash."""
        return self.path.lstrip(b"/")


class IndexWriter:
    """Makes an index. One thread at a time; raises VaultError (vault full, file exists, what `guard` raises).

    Order of use: `add_root`, `add` for each root; `wanted` gives the files to fetch; `stored`, `drop`,
    `problem`, `xattrs` as they come; `finish`. Several roots may be added before or between.
    """

    def __init__(self, path: Path, guard: RoomGuard | None = None) -> None:
        self.path = path
        self.older: Older | None = (
            None  # the snapshot whose unchanged files may be taken over; set by whoever knows it
        )
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
        self._twins = False  # a name came twice: what lies below the second of two folders lies nowhere
        self._linked = 0  # hard links are found among entries up to this id
        self._stored: list[tuple[int, int, int, int, bytes]] = []
        self._lasting = False  # whether what is committed outlives us
        self._renewed: int | None = (
            None  # files with their content from an older index, where we began as its copy
        )
        self._doubtful: set[int] = set()  # entries that are not as the inventory saw them
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

    def add_root(
        self, folder: bytes, resolved: bytes, *, started_ns: int = 0, excludes: Sequence[str] = ()
    ) -> int:
        """A configured folder (absolute), what it resolved to, and when, by the server's clock."""
        with self._errors():
            cursor = self._db.execute(
                "INSERT INTO root (folder, resolved, started_ns, excludes) VALUES (?, ?, ?, ?)",
                (folder, resolved, started_ns, json.dumps(list(excludes))),
            )
        root = cursor.lastrowid
        assert root is not None
        self._rows.add_root(root, folder)
        return root

    def restart(self) -> None:
        """Forget everything, for another inventory; only before the first archive."""
        self.abandon()
        with vault_errors(self.path):
            self.path.unlink()
            for kept in self._listings:
                kept.path.unlink()
        self._listings.clear()
        self._begin()

    def archive_written(self, archive: int, root: int, stored_bytes: int, sha256: bytes) -> None:
        """An archive of our own is closed and on the disk. What is known so far outlives this process now, and the
        machine: the next run may take it over (see `leftover`).
        """
        with self._errors():
            self._flush()
            self._db.execute("INSERT INTO written VALUES (?, ?, ?, ?)", (archive, root, stored_bytes, sha256))
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")

    def archives_written(self, root: int) -> list[tuple[str, int]]:
        """Name and bytes of our own archives of a root, in the order of their making."""
        with self._errors():
            return self._db.execute(
                """SELECT a.name, w.bytes FROM written w JOIN archive a ON a.id = w.archive
                WHERE w.root = ? ORDER BY a.id""",
                (root,),
            ).fetchall()

    def add_archive(self, name: str, snapshot: str = "") -> int:
        """An archive to point into, by file name; `snapshot` names an older snapshot of the same server."""
        if not snapshot:
            self._make_lasting()
        with self._errors():
            self._db.execute("INSERT OR IGNORE INTO archive (snapshot, name) VALUES (?, ?)", (snapshot, name))
            row = self._db.execute(
                "SELECT id FROM archive WHERE snapshot = ? AND name = ?", (snapshot, name)
            ).fetchone()
        return int(row[0])

    def add(self, root: int, entries: Iterable[Entry]) -> None:
        """Take entries of an inventory, the root's own (path b"") first, folders before what they hold.

        Cheapest when depth first, as `find` lists. What cannot be is listed as a problem instead of taken:
        names such as `..`, paths below something that is no folder of the inventory, a name that came before.
        """
        source = iter(entries)
        while batch := list(islice(source, _BATCH)):
            if self._guard is not None:  # an inventory without end would else fill the disk
                self._guard.coming(sum([len(entry.path) + _ROW_BYTES for entry in batch]))
            first = self._rows.next
            rows: list[Row] = []
            with self._errors():
                for entry in batch:
                    row = self._rows.row(root, entry)
                    if isinstance(row, str):
                        self._list(root, entry.path, row, missing=True)
                    else:
                        rows.append(row)
                cursor = self._db.executemany(
                    "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
                if cursor.rowcount < len(rows):
                    self._list_twins(root, first, rows)
            self._rows.written(root)

    def listing(self, root: int, header: bytes) -> tuple[KeptListing, Iterator[bytes] | None]:
        """Where the inventory of a root is kept as it comes, and the older snapshot's, if it can be compared."""
        name = listing.file_name(root)
        kept = KeptListing(self.path.with_name(name), header, self._guard)
        self._listings.append(kept)
        return kept, listing.older(self.older.path / name, header) if self.older else None

    def known(self) -> Known | None:
        """What the older index knows, where it can be renewed: when all roots are added, and nothing else."""
        if self.older is None:
            return None
        with self._outside_transaction():
            return renewal.known(self._db, self.older.path / FILE_NAME)

    def renew(self) -> None:
        """Begin as a copy of the older index; then `changed`, `gone` and `add`, and `settle`, or `start_over`."""
        assert self.older is not None
        with self._outside_transaction():
            renewal.copy(self._db, self.older, self.older.path / FILE_NAME)
        with self._errors():
            self._rows.copied()
        self._linked = self._rows.next - 1

    def start_over(self) -> None:
        """Forget the copy: the inventory is read as a whole."""
        with self._errors():
            renewal.clear(self._db)
        self._rows.forget()
        self._linked = 0

    def changed(self, root: int, entry: Entry) -> bool:
        """After `renew`: a name that is there is now as `entry` says; False when it is not there.

        Raises UnrenewableError for what cannot be said that way.
        """
        number = self.find(root, entry.path)
        if number is None:
            return False
        with self._errors():
            if renewal.changed(self._db, self._rows, number, entry):
                for table, key in (("content", "entry"), ("xattr", "entry"), ("temp.same", "new")):
                    self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))  # noqa: S608 # fixed
        return True

    def gone(self, root: int, path: bytes) -> None:
        """After `renew`: a name is not there any more; what lies below it before it."""
        number = self.find(root, path)
        if number is not None:
            with self._errors():
                self._delete(number)

    def settle(self) -> None:
        """After `renew`: that was all."""
        with self._errors():
            self._renewed = renewal.settle(self._db)

    def mounts(self, root: int) -> list[bytes]:
        """Folders, by path relative to the root, on another device than the root itself."""
        with self._errors():
            found = self._db.execute(
                """SELECT e.id FROM entry e JOIN filesystem f ON f.id = e.filesystem
                WHERE e.root = ? AND e.kind = 'd' AND f.device <> (SELECT g.device FROM entry t
                    JOIN filesystem g ON g.id = t.filesystem WHERE t.parent = ?) ORDER BY e.id""",
                (root, -root),
            ).fetchall()
        paths = Paths(self._db)
        return [self._rows.relative(root, paths(number)) for (number,) in found]

    def listed_totals(self, root: int) -> tuple[int, int]:
        """How many regular files, and bytes, the inventory has, each inode once."""
        self._find_hard_links()
        with self._errors():
            row: tuple[int, int] = self._db.execute(
                """SELECT count(*), coalesce(sum(size), 0) FROM entry e WHERE e.kind = 'f' AND e.root = ?
                    AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)""",
                (root,),
            ).fetchone()
        return row

    @contextmanager
    def _outside_transaction(self) -> Iterator[None]:
        with self._errors():
            self._flush()
            self._db.execute("COMMIT")
            try:
                yield
            finally:
                self._db.execute("BEGIN")

    def unnamed_owners(self, above: tuple[int, int] = (-1, -1)) -> tuple[list[int], list[int]]:
        """The next users and groups, by number, of which only the numbers are known so far."""
        found = []
        with self._errors():
            for column, number, least in (("user", "uid", above[0]), ('"group"', "gid", above[1])):
                rows = self._db.execute(
                    f"""SELECT DISTINCT {number} FROM owner WHERE {column} = x'' AND {number} > ?
                    ORDER BY {number} LIMIT {OWNERS}""",  # noqa: S608 # ours
                    (least,),
                )
                found.append([one for (one,) in rows])
        return found[0], found[1]

    def name_owners(self, users: Mapping[int, bytes], groups: Mapping[int, bytes]) -> None:
        """Give names to numbers of `unnamed_owners`; before `take_over` compares them with older ones."""
        with self._errors():
            self._db.execute("CREATE TEMP TABLE called (number INTEGER PRIMARY KEY, name BLOB NOT NULL)")
            for column, number, names in (("user", "uid", users), ('"group"', "gid", groups)):
                self._db.executemany("INSERT INTO temp.called VALUES (?, ?)", names.items())
                self._db.execute(
                    f"""UPDATE owner SET {column} = c.name FROM temp.called c
                    WHERE c.number = owner.{number} AND owner.{column} = x''"""  # noqa: S608 # ours
                )
                self._db.execute("DELETE FROM temp.called")
            self._db.execute("DROP TABLE temp.called")

    def wanted(self, root: int | None = None, *, folders: bool = False) -> Iterator[Wanted]:
        """Regular files that have no content yet, each inode once, in the order of the inventory.

        At first that is every file; called again, what is still missing: cut, or promoted (see `drop`).
        `stored` and `drop` may be called while this runs. With `folders`, these too, each time, for their
        extended attributes (not those of which `take_over` knows them).
        """
        self._find_hard_links()
        paths = Paths(self._db)
        last = 0
        while True:
            with self._errors():
                self._flush()
                rows = self._db.execute(
                    """SELECT e.id, e.root, e.parent, e.name, e.kind, e.mode, o.uid, o.gid, o.user, o."group",
                        e.size, e.mtime_ns, e.ctime_ns, f.device, e.inode, e.links, f.type
                    FROM entry e JOIN owner o ON o.id = e.owner JOIN filesystem f ON f.id = e.filesystem
                    WHERE e.id > ? AND (e.kind = 'f' OR ? AND e.kind = 'd') AND (? IS NULL OR e.root = ?)
                        AND NOT EXISTS (SELECT 1 FROM content c WHERE c.entry = e.id)
                        AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)
                        AND NOT (e.kind = 'd' AND EXISTS (SELECT 1 FROM temp.same s WHERE s.new = e.id))
                    ORDER BY e.id LIMIT 2000""",
                    (last, folders, root, root),
                ).fetchall()
            if not rows:
                return
            for number, of, parent, name, kind, *status, device, inode, links, fstype in rows:
                path = paths.below(parent, name)
                seen = (*status, device & UNSIGNED, inode & UNSIGNED, links, fstype, None)
                entry = Entry(self._rows.relative(of, path), _KINDS[kind], *seen)
                yield Wanted(number, of, path, entry)
            last = rows[-1][0]

    def take_over(self, older: Path, snapshot: str) -> int:
        """Let unchanged files point into the archives of an older snapshot; how many (see `difference`).

        `older` is the index of `snapshot`. Call it once, when the inventory is complete and before `wanted`.
        """
        if self._renewed is not None:
            return self._renewed
        self._find_hard_links()
        with self._errors():
            self._db.execute("COMMIT")
            taken = difference.take_over(self._db, older, snapshot)
            self._db.execute("BEGIN")
        return taken

    def take_over_leftover(self, older: Path, names: Mapping[str, str]) -> list[str]:
        """Let files point into the complete archives that an interrupted run left; those that are used.

        `older` is its index; `names` are its archives, and what they are called here. Call it when the inventory is
        complete, and before `take_over`: what the archives of both hold is then taken from here.
        """
        self._find_hard_links()
        self._make_lasting()
        with self._errors():
            self._db.execute("COMMIT")
            used = difference.take_over_leftover(self._db, older, names)
            self._db.execute("BEGIN")
        return used

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

    def folders_known(self, root: int) -> bool:
        """Whether `wanted` with `folders` would give no folder of this root."""
        with self._errors():
            row = self._db.execute(
                """SELECT EXISTS (SELECT 1 FROM entry e WHERE e.root = ? AND e.kind = 'd'
                AND NOT EXISTS (SELECT 1 FROM temp.same s WHERE s.new = e.id))""",
                (root,),
            ).fetchone()
        return not row[0]

    def stored(self, entry: int, archive: int, offset: int, length: int, sha256: bytes) -> None:
        """The content of a wanted file lies there; call as `stored(id, archive, *member)`.

        Storing a file again (it had changed while it was read) replaces the place, and must be in another
        archive: GNU tar would extract the first of two members of one name. VaultError otherwise.
        """
        self._stored.append((entry, archive, offset, length, sha256))
        if len(self._stored) >= _BATCH:
            with self._errors():
                self._flush()

    def seen_again(self, entry: int, seen: Entry) -> None:
        """A file of the inventory was looked at once more; it is stored as `seen` says, but for the path."""
        owner, filesystem = seen[3:7], (seen.device, seen.fstype)
        self._doubtful.add(entry)
        with self._errors():
            self._db.execute(
                """UPDATE entry SET mode = ?, owner = ?, size = ?, mtime_ns = ?, ctime_ns = ?, filesystem = ?,
                    inode = ?, links = ? WHERE id = ? AND kind = 'f'""",
                (
                    seen.mode,
                    self._rows.owner(*owner),
                    seen.size,
                    seen.mtime_ns,
                    seen.ctime_ns,
                    self._rows.filesystem(*filesystem),
                    signed(seen.inode),
                    seen.links,
                    entry,
                ),
            )

    def drop(self, entry: int, reason: str) -> None:
        """Leave a file out of the snapshot, and list it with the reason.

        When other names of the same inode are there, the next one becomes its carrier and is wanted now.
        """
        with self._errors():
            self._find_hard_links()
            self._flush()
            path = Paths(self._db)(entry)
            (root,) = self._db.execute("SELECT root FROM entry WHERE id = ?", (entry,)).fetchone()
            heir = self._db.execute("SELECT min(entry) FROM hardlink WHERE carrier = ?", (entry,)).fetchone()[
                0
            ]
            if heir is not None:
                self._db.execute("DELETE FROM hardlink WHERE entry = ?", (heir,))
                self._db.execute("UPDATE hardlink SET carrier = ? WHERE carrier = ?", (heir, entry))
            self._delete(entry)
            self._list(root, self._rows.relative(root, path), reason, missing=True)

    def problem(self, root: int, path: bytes, reason: str) -> None:
        """List what is not as it should be, at `path` relative to the root."""
        with self._errors():
            self._list(root, path, reason, missing=False)

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

    def xattrs(self, entry: int, records: Mapping[bytes, bytes]) -> None:
        """Extended attributes of an entry, as pax records of GNU tar (`SCHILY.xattr.user.x` and so on)."""
        if self._guard is not None:
            self._guard.coming(sum([len(value) for value in records.values()]))
        with self._errors():
            self._db.executemany(
                "INSERT OR REPLACE INTO xattr VALUES (?, ?, ?)",
                [(entry, key, value) for key, value in records.items()],
            )

    def totals(self, root: int | None = None) -> Totals:
        """What is in it so far; `content_bytes` counts what is stored."""
        with self._errors():
            self._flush()
            return totals(self._db, root)

    def wanted_totals(self, root: int | None = None) -> tuple[int, int]:
        """How many files, and bytes, `wanted` would give now."""
        with self._errors():
            self._find_hard_links()
            self._flush()
            count, size = self._db.execute(
                """SELECT count(*), total(size) FROM entry e
                WHERE e.kind = 'f' AND (? IS NULL OR e.root = ?)
                    AND NOT EXISTS (SELECT 1 FROM content c WHERE c.entry = e.id)
                    AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)""",
                (root, root),
            ).fetchone()
        return count, int(size)  # total(), not sum(): sizes that a server invents may overflow

    def finish(self) -> Totals:
        """Leave out what has no content (listed), check that every parent is a folder, sync to the disk.

        Raises VaultError when configured folders lie in one another.
        """
        folders = sorted(folder.rstrip(b"/") + b"/" for folder in self._rows.folders.values())
        for folder, following in pairwise(folders):
            if following.startswith(folder):
                raise VaultError(f"folder {printable(following)} lies in folder {printable(folder)}")
        with self._errors():
            self._flush()
            self._drop_orphans()
        while any(self.wanted_totals()):  # again, because a drop may promote another name
            for missing in self.wanted():
                self.drop(missing.id, "its content was not fetched")
        with self._errors():
            result = totals(self._db)
            self._note_doubtful()
            self._db.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
            self._db.execute("COMMIT")
            self._db.close()
        for kept in self._listings:
            kept.close()
        with vault_errors(self.path):
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        return result

    def abandon(self) -> None:
        """Close without finishing. May be called twice, and after `finish`."""
        self._db.close()
        for kept in self._listings:
            kept.abandon()

    def _note_doubtful(self) -> None:
        """Let the next run know which entries are not what the listing says."""
        if not self._doubtful:
            return
        paths = Paths(self._db)
        said = []
        for number in sorted(self._doubtful)[: renewal.MOST_DOUBTFUL + 1]:
            row = self._db.execute("SELECT root FROM entry WHERE id = ?", (number,)).fetchone()
            if row is not None:
                said.append([row[0], self._rows.relative(row[0], paths(number)).hex()])
        self._db.execute("INSERT INTO meta VALUES (?, ?)", (renewal.DOUBTFUL, json.dumps(said)))

    def _list_twins(self, root: int, first: int, rows: list[Row]) -> None:
        """List the rows that were not taken because their name was there already."""
        self._twins = True
        taken = {number for (number,) in self._db.execute("SELECT id FROM entry WHERE id >= ?", (first,))}
        for number, _, parent, name, *_ in rows:
            if number not in taken:
                self._list(
                    root, self._path_of(root, parent, name), "came twice in the inventory", missing=True
                )

    def _path_of(self, root: int, parent: int, name: bytes) -> bytes:
        """The relative path of `name` in the folder `parent`, as far as it is known."""
        if parent < 0:
            return b""
        try:
            return self._rows.relative(root, join(Paths(self._db)(parent), name))
        except KeyError:
            return name

    def _find_hard_links(self) -> None:
        """Further names of an inode point to its first one. Same size and time too: inodes may be reused."""
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
                            AND x.mtime_ns = e.mtime_ns
                    ) AS carrier
                    FROM entry e WHERE e.id > ? AND e.links > 1 AND e.inode <> 0 AND e.kind IN ('f', 'l')
                ) WHERE carrier <> id""",
                (self._linked,),
            )
        self._linked = self._rows.next - 1

    def _flush(self) -> None:
        """Write the places of content that are still in memory."""
        rows, self._stored = self._stored, []
        try:
            self._db.executemany("INSERT INTO content VALUES (?, ?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError:
            for row in rows:
                self._store_again(row)

    def _store_again(self, row: tuple[int, int, int, int, bytes]) -> None:
        before = self._db.execute("SELECT * FROM content WHERE entry = ?", row[:1]).fetchone()
        if before is not None and before != row and before[1] == row[1]:
            raise VaultError(f"{self.path}: a file was stored twice in one archive (entry {row[0]})")
        self._db.execute("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?)", row)

    def _delete(self, entry: int) -> None:
        for table, key in (("content", "entry"), ("hardlink", "entry"), ("xattr", "entry"), ("entry", "id")):
            self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (entry,))  # noqa: S608 # fixed names

    def _list(self, root: int, path: bytes, reason: str, *, missing: bool) -> None:
        self._db.execute(
            "INSERT INTO problem (root, path, reason, missing) VALUES (?, ?, ?, ?)",
            (root, path[:LONGEST_PROBLEM], reason, missing),
        )

    def _drop_orphans(self) -> None:
        """Take out what lies below a name that was listed instead of taken (a hostile listing has such)."""
        self._db.execute("CREATE TEMP TABLE orphan (id INTEGER PRIMARY KEY)")
        self._db.execute(
            """INSERT INTO temp.orphan WITH RECURSIVE lost (id) AS (
                SELECT e.id FROM entry e WHERE e.parent > 0
                    AND NOT EXISTS (SELECT 1 FROM entry p WHERE p.id = e.parent AND p.kind = 'd')
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
                self._list(root, path, "lies in no folder of the inventory", missing=True)
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
                raise VaultError(f"vault full: no room for {self.path}", "free some room there") from error
            raise VaultError(f"{self.path}: {error}") from error
