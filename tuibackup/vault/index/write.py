"""Writing an index: first what the inventory saw (`indexintake`), then where each file's content was stored."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index import difference
from tuibackup.vault.index.base import BATCH
from tuibackup.vault.index.intake import IndexIntake
from tuibackup.vault.index.rows import signed
from tuibackup.vault.index.schema import DISTRUSTED, FORMAT, LACKING, Paths, Totals, totals
from tuibackup.vault.index.wanted import SEEN, Wanted, WantedRows
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_ONE = f"SELECT {SEEN} FROM entry e WHERE e.id = ?"  # noqa: S608 # ours


class Lacking(NamedTuple):
    """A folder that listed fewer names than it `had`, though it was not changed; `files` are lacking with them."""

    folder: Wanted
    had: int
    has: int
    files: int


class IndexWriter(IndexIntake):
    """Makes an index. One thread at a time; raises VaultError (vault full, file exists, what `guard` raises).

    Order of use: `add_root`, `add` for each root; `wanted` gives the files to fetch; `stored`, `drop`,
    `problem`, `xattrs` as they come; `finish`. Several roots may be added before or between.
    """

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

    def archive_written(self, archive: int, root: int, stored_bytes: int, sha256: bytes) -> None:
        """An archive of our own is closed and on the disk. What is known so far outlives this process now, and the
        machine: the next run may take it over (see `vault.unfinished`).
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

    def take_over(self, older: Path, snapshot: str, damaged: Collection[tuple[str, str]] = ()) -> int:
        """Let unchanged files point into the archives of an older snapshot; how many (see `difference`).

        `older` is the index of `snapshot`; nothing points into its `damaged` archives (snapshot, name). Call it once,
        when the inventory is complete and before `wanted`.
        """
        if self._renewed is not None:
            return self._renewed
        self._find_hard_links()
        with self._errors():
            self._db.execute("COMMIT")
            taken, self._fewer = difference.take_over(self._db, older, snapshot, damaged)
            self._db.execute("BEGIN")
        return taken

    def compare(self, older: Path) -> None:
        """In the place of `take_over`, where nothing is to be taken over: only for `lacking`."""
        with self._errors():
            self._db.execute("COMMIT")
            self._fewer = difference.compare(self._db, older)
            self._db.execute("BEGIN")

    def lacking(self) -> list[Lacking]:
        """After `take_over`: the folders of which that index knows more names, for no reason that is known."""
        rows, found = WantedRows(self._db, self._rows.folders, self._resolved), []
        with self._errors():
            for one in self._fewer:
                (folder,) = rows(self._db.execute(_ONE, (one.id,)).fetchall())
                found.append(Lacking(folder, one.had, one.has, one.files))
        return found

    def record_lacking(self, found: Lacking) -> None:
        """Note that `found` is so: the next run compares this folder with what it had before."""
        self._lacking.append((found.folder.root, found.folder.entry.path.hex(), found.had, found.files))
        with self._errors():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (LACKING, json.dumps(self._lacking))
            )

    def take_over_unfinished(self, older: Path, names: Mapping[str, str]) -> list[str]:
        """Let files point into the complete archives that an interrupted run left; those that are used.

        `older` is its index; `names` are its archives, and what they are called here. Call it when the inventory is
        complete, and before `take_over`: what the archives of both hold is then taken from here.
        """
        self._find_hard_links()
        self._make_lasting()
        with self._errors():
            self._db.execute("COMMIT")
            used = difference.take_over_unfinished(self._db, older, names)
            self._db.execute("BEGIN")
        return used

    def folders_known(self, root: int) -> bool:
        """Whether `wanted` with `folders` would give no folder of this root."""
        with self._errors():
            row = self._db.execute(
                """SELECT EXISTS (SELECT 1 FROM entry e WHERE e.root = ? AND e.kind = 'd'
                AND NOT EXISTS (SELECT 1 FROM temp.same s WHERE s.new = e.id))""",
                (root,),
            ).fetchone()
        return not row[0]

    def wanted(
        self, root: int | None = None, *, folders: bool = False, empty: bool = False
    ) -> Iterator[Wanted]:
        """Regular files that have no content yet, each inode once, in the order of the inventory.

        At first that is every file; called again, what is still missing: cut, or promoted (see `drop`).
        `stored` and `drop` may be called while this runs. With `folders`, these after the files, each time, for their
        extended attributes (not those of which `take_over` knows them). `empty`: only files of no size.
        """
        self._find_hard_links()
        as_wanted = WantedRows(self._db, self._rows.folders, self._resolved)
        for kind in (Kind.FILE, *((Kind.FOLDER,) if folders else ())):
            last = 0
            while True:
                with self._errors():
                    found = as_wanted(self._lacking_rows(kind, last, root, empty=empty))
                if not found:
                    break
                yield from found
                last = found[-1].id

    def _lacking_rows(
        self, kind: Kind, after: int, root: int | None, *, empty: bool
    ) -> list[tuple[Any, ...]]:
        self._flush()
        lacking = "NOT EXISTS (SELECT 1 FROM temp.same s WHERE s.new = e.id)"
        if kind is Kind.FILE:
            lacking = """NOT EXISTS (SELECT 1 FROM content c WHERE c.entry = e.id)
                AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)"""
        return self._db.execute(
            f"""SELECT {SEEN} FROM entry e
            WHERE e.id > ? AND e.kind = ? AND (? IS NULL OR e.root = ?) AND {lacking}
                AND (e.size = 0 OR NOT ?)
            ORDER BY e.id LIMIT 2000""",  # noqa: S608 # ours
            (after, kind, root, root, empty),
        ).fetchall()

    def wanted_totals(self, root: int | None = None) -> tuple[int, int]:
        """How many files, and bytes, `wanted` would give now."""
        count, size = self._of_wanted("SELECT count(*), total(size)", root)
        return count, int(size)  # total(), not sum(): sizes that a server invents may overflow

    def any_wanted(self, root: int | None = None) -> bool:
        """Whether there are such files: to find the first of them is enough."""
        return self._of_wanted("SELECT 1", root) is not None

    def _of_wanted(self, what: str, root: int | None) -> Any:
        with self._errors():
            self._find_hard_links()
            self._flush()
            return self._db.execute(
                f"""{what} FROM entry e WHERE e.kind = 'f' AND (? IS NULL OR e.root = ?)
                    AND NOT EXISTS (SELECT 1 FROM content c WHERE c.entry = e.id)
                    AND NOT EXISTS (SELECT 1 FROM hardlink h WHERE h.entry = e.id)
                LIMIT 1""",  # noqa: S608 # ours
                (root, root),
            ).fetchone()

    def stored(self, entry: int, archive: int, offset: int, length: int, sha256: bytes) -> None:
        """The content of a wanted file lies there; call as `stored(id, archive, *member)`.

        Storing a file again (it had changed while it was read) replaces the place, and must be in another
        archive: GNU tar would extract the first of two members of one name. VaultError otherwise.
        """
        # SQLite's module takes bytearrays as they are; for bytes it looks for somebody to translate them.
        self._stored.append((entry, archive, offset, length, bytearray(sha256)))
        if len(self._stored) >= BATCH:
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

    def add_problem(self, root: int, path: bytes, reason: str) -> int:
        """List what is not as it should be, at `path` relative to the root. The number is for `remove_problems`.

        A file of which there is one is fetched again by the next run, whatever it looks like then.
        """
        with self._errors():
            return self._list(root, path, reason, missing=False)

    def remove_problems(self, problems: Iterable[int]) -> None:
        """Take these problems out of the list: what they were about came again, as it should be."""
        with self._errors():
            self._db.executemany("DELETE FROM problem WHERE id = ?", [(number,) for number in problems])

    def distrust(self, root: int) -> None:
        """More of this root is doubtful than can be listed: nothing of it is taken over by the next run."""
        self._distrusted.add(root)
        with self._errors():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                (DISTRUSTED, json.dumps(sorted(self._distrusted))),
            )

    def kind(self, entry: int) -> Kind:
        """The kind of an entry that is there."""
        with self._errors():
            (kind,) = self._db.execute("SELECT kind FROM entry WHERE id = ?", (entry,)).fetchone()
        return Kind(kind)

    def xattrs(self, entry: int, records: Mapping[bytes, bytes]) -> None:
        """Extended attributes of an entry, as pax records of GNU tar (`SCHILY.xattr.user.x` and so on)."""
        if self._guard is not None:
            self._guard.coming(sum([len(value) for value in records.values()]))
        with self._errors():
            self._db.executemany(
                "INSERT OR REPLACE INTO xattr VALUES (?, ?, ?)",
                [(entry, key, value) for key, value in records.items()],
            )

    def _make_way(self) -> None:
        """A configured folder may lie in another, which leaves it out. Above it there are folders and nothing else:
        a link there would lead a restore astray.
        """
        roots = self._rows.folders
        for outer, folder in roots.items():
            start = folder.rstrip(b"/") + b"/"
            for inner in roots.values():
                if inner == folder or not inner.startswith(start):
                    continue
                relative = inner.removeprefix(start)
                if self.find(outer, relative) is not None:
                    raise VaultError(
                        sentence(
                            "folder {inner} was listed within {folder}, too",
                            inner=printable(inner),
                            folder=printable(folder),
                        )
                    )
                ends = [at for at, sign in enumerate(relative) if sign == ord("/")]
                for path in (relative[:end] for end in ends):
                    self._leave_out_unless_folder(outer, path, inner)

    def _leave_out_unless_folder(self, root: int, path: bytes, inner: bytes) -> None:
        number = self.find(root, path)
        if number is None:
            return
        with self._errors():
            (kind,) = self._db.execute("SELECT kind FROM entry WHERE id = ?", (number,)).fetchone()
        if kind != Kind.FOLDER:
            name = printable(inner)
            self.drop(
                number,
                sentence(
                    "is no folder, and {name} is stored below it: name that one by its real path", name=name
                ),
            )

    def totals(self, root: int | None = None) -> Totals:
        """What is in it so far; `content_bytes` counts what is stored."""
        with self._errors():
            self._flush()
            return totals(self._db, root)

    def finish(self) -> Totals:
        """Leave out what has no content (listed), check that every parent is a folder, sync to the disk.

        Raises VaultError when a configured folder was listed within another, too.
        """
        with self._errors():
            self._flush()
            self._drop_orphans()
        self._make_way()
        while self.any_wanted():  # again, because a drop may promote another name
            for missing in self.wanted():
                self.drop(missing.id, sentence("its content was not fetched"))
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
