"""What the inventory saw goes into the index: entry by entry, or as the changes since an older index.

The entries come from a server and may be hostile: what cannot be a path below its folder is listed as a problem and
left out. A million are taken in little memory and about ten seconds.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index import listing, renewal
from tuibackup.vault.index.base import BATCH, IndexBase
from tuibackup.vault.index.listing import KeptListing
from tuibackup.vault.index.renewal import Known
from tuibackup.vault.index.rows import COLUMNS, MAX, Row
from tuibackup.vault.index.schema import FILE_NAME, Paths, join
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

OWNERS = 10_000  # that are named at once: a server may invent them without end
_ROW_BYTES = 200  # that an entry takes on the disk besides its name, roughly


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """So many at a time. A root's own entry comes alone: it is like no other."""
    source = iter(entries)
    while batch := list(islice(source, BATCH)):
        if not batch[0].path:
            yield batch[:1]
            del batch[:1]
        if batch:
            yield batch


class IndexIntake(IndexBase):
    """The first half of making an index."""

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
        self._resolved[root] = resolved
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

    def add(self, root: int, entries: Iterable[Entry]) -> None:
        """Take entries of an inventory, the root's own (path b"") first, folders before what they hold.

        Cheapest when depth first, as `find` lists. What cannot be is listed as a problem instead of taken:
        names such as `..`, paths below something that is no folder of the inventory, a name that came before.
        """
        for batch in _batches(entries):
            if self._guard is not None:  # an inventory without end would else fill the disk
                self._guard.coming(sum([len(entry.path) + _ROW_BYTES for entry in batch]))
            first = self._rows.next
            with self._errors():
                rows = self._rows.plain(root, batch)
                if rows is None:
                    rows = self._one_by_one(root, batch)
                if rows and self._insert("entry", COLUMNS[: len(rows[0])], rows) < len(rows):
                    self._list_twins(root, first, rows)
            self._rows.written(root)

    def _one_by_one(self, root: int, batch: Iterable[Entry]) -> list[Row]:
        """The rows of `batch`; what can be none is listed."""
        rows: list[Row] = []
        for entry in batch:
            row = self._rows.row(root, entry)
            if isinstance(row, str):
                self._list(root, entry.path, row, missing=True)
                if entry.kind == Kind.FILE:
                    files, size = self._refused.get(root, (0, 0))
                    self._refused[root] = files + 1, size + max(0, min(entry.size, MAX))
            else:
                rows.append(row)
        return rows

    def _list_twins(self, root: int, first: int, rows: list[Row]) -> None:
        """List the rows that were not taken because their name was there already."""
        self._twins = True
        taken = {number for (number,) in self._db.execute("SELECT id FROM entry WHERE id >= ?", (first,))}
        for number, _, parent, name, *_ in rows:
            if number not in taken:
                self._list(
                    root,
                    self._path_of(root, parent, bytes(name)),
                    sentence("came twice in the inventory"),
                    missing=True,
                )

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

    def symlinks(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Of each symbolic link: the folder that it lies in on the server, its configured path, and its target."""
        with self._errors():
            rows = self._db.execute(
                "SELECT root, parent, name, target FROM entry WHERE kind = 'l' ORDER BY id"
            )
            paths = Paths(self._db)
            for root, parent, name, target in rows:
                path = paths.below(parent, name)
                above = self._rows.relative(root, path).rpartition(b"/")[0]
                yield join(self._resolved[root], above), path, target

    def listed_totals(self, root: int) -> tuple[int, int]:
        """How many regular files, and bytes, the inventory has, each inode once: also those that are no entries."""
        self._find_hard_links()
        with self._errors():
            row: tuple[int, int] = self._db.execute(
                """SELECT count(*), coalesce(sum(size), 0) FROM entry e WHERE e.kind = 'f' AND e.root = ?
                    AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)""",
                (root,),
            ).fetchone()
        refused = self._refused.get(root, (0, 0))
        return row[0] + refused[0], row[1] + refused[1]

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
        """Begin as a copy of the older index; then `update`, `remove`, `add` and `finish_renewal`, or `start_over`."""
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
        self._refused.clear()
        self._rows.forget()
        self._linked = 0

    def update(self, root: int, entry: Entry) -> bool:
        """After `renew`: change a name that is there to what `entry` says; False when it is not there.

        Raises UnrenewableError for what cannot be said that way.
        """
        number = self.find(root, entry.path)
        if number is None:
            return False
        with self._errors():
            if renewal.update(self._db, self._rows, number, entry):
                for table, key in (("content", "entry"), ("xattr", "entry"), ("temp.same", "new")):
                    self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))  # noqa: S608 # fixed
        return True

    def remove(self, root: int, path: bytes) -> None:
        """After `renew`: take out a name; what lies below it goes before it."""
        number = self.find(root, path)
        if number is not None:
            with self._errors():
                self._delete(number)

    def finish_renewal(self) -> None:
        """After `renew`, when all differences are in."""
        with self._errors():
            self._renewed = renewal.finish(self._db)

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
