"""Reading an index: what a snapshot holds, from a folder's listing to where a file's bytes lie.

An index is a SQLite file; its tables are described in docs/vault-format.md and made by `indexwriter`. Names
in it came from a server: they are bytes, and nothing here uses them as local paths.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.archive.read import Member
from tuibackup.vault.index.schema import (
    APPLICATION_ID,
    FORMAT,
    UNSIGNED,
    Archive,
    Paths,
    Problem,
    Root,
    Totals,
    join,
    totals,
)
from tuibackup.vault.index.search import Search
from tuibackup.vault.index.wanted import Wanted
from tuibackup.vault.index.write import IndexWriter
from tuibackup.words import sentence

__all__ = ["Archive", "Index", "IndexEntry", "IndexWriter", "Problem", "Root", "Totals", "Wanted", "join"]

_ROWS = 2_000  # that are read before their paths are put together
_SELECT = """
    SELECT e.id, e.kind, e.mode, o.uid, o.gid, o.user, o."group", e.size, e.mtime_ns, e.ctime_ns, f.device,
        e.inode, e.links, f.type, e.target, h.carrier, coalesce(c.archive, k.archive),
        coalesce(c.offset, k.offset), coalesce(c.length, k.length), coalesce(c.sha256, k.sha256),
        e.name, e.parent, e.root
    FROM entry e JOIN owner o ON o.id = e.owner JOIN filesystem f ON f.id = e.filesystem
        LEFT JOIN content c ON c.entry = e.id
        LEFT JOIN hardlink h ON h.entry = e.id LEFT JOIN content k ON k.entry = h.carrier
    """
_IN_FOLDER = _SELECT + "WHERE e.parent = ? ORDER BY e.name"
# Joined only for the rows of the page, not for all before it.
_IDS = "SELECT id FROM entry WHERE parent = ? ORDER BY name LIMIT ? OFFSET ?"
_PAGE = f"{_SELECT} WHERE e.id IN ({_IDS}) ORDER BY e.name"
_BY_NAME = _SELECT + "WHERE e.parent = ? AND e.name = ?"
_HARD_LINKS = _SELECT + "WHERE h.carrier IS NOT NULL ORDER BY e.id"
_CHOSEN_FILES = _SELECT + "WHERE e.id IN temp.chosen AND e.kind = 'f' ORDER BY 17, 18, e.id"
_CHOSEN_LINKS = _SELECT + "WHERE e.id IN temp.chosen AND e.kind NOT IN ('f', 'd') ORDER BY e.id"
_CHOSEN_FOLDERS = _SELECT + "WHERE e.id IN temp.chosen AND e.kind = 'd' ORDER BY e.id DESC"
_CHOOSE = """
    WITH RECURSIVE below (id) AS (
        SELECT ? UNION ALL SELECT e.id FROM below b JOIN entry e ON e.parent = b.id
    ) INSERT OR IGNORE INTO temp.chosen SELECT id FROM below
    """


class IndexEntry(NamedTuple):
    """One name in a snapshot. `path` is absolute; `entry.path` relative to its root.

    `carrier` is set for a further name of an inode whose content (`archive`, `member`) it shares.
    """

    id: int
    root: int
    path: bytes
    entry: Entry
    carrier: int | None
    archive: int | None
    member: Member | None


class Index:
    """An index opened for reading. Raises VaultError when it is damaged or newer than this program.

    `tops`: the paths, and the configured folders below them, that `choose` picked everything of.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tops: tuple[bytes, ...] = ()
        if not path.is_file():
            raise VaultError(sentence("{path}: the index is missing", path=path))
        # immutable: the file is read-only in a read-only folder; SQLite must not look for a journal there.
        # No statements kept for later: verify asks from several threads, and Python 3.13 gave two of them the same
        # one at a time. Each then got rows of the other's archive, and a sound snapshot was called damaged.
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?immutable=1",
            uri=True,
            check_same_thread=False,
            cached_statements=0,
        )
        try:
            (version,) = self._one("PRAGMA user_version")
            (application,) = self._one("PRAGMA application_id")
            if application != APPLICATION_ID:
                raise VaultError(sentence("{path}: is no index of tuibackup", path=path))
            if version > FORMAT:
                raise VaultError(
                    sentence(
                        "{path}: has format {version}, this program knows {format}",
                        path=path,
                        version=version,
                        format=FORMAT,
                    ),
                    sentence("install a newer tuibackup"),
                )
            self.roots = tuple(
                Root(number, folder, resolved, started, tuple(json.loads(excludes)))
                for number, folder, resolved, started, excludes in self._all("SELECT * FROM root ORDER BY id")
            )
            self.archives = tuple(Archive(*row) for row in self._all("SELECT * FROM archive ORDER BY id"))
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, path: bytes) -> IndexEntry | None:
        """The entry at the absolute `path`."""
        path = path.rstrip(b"/") or b"/"
        for root in sorted(self.roots, key=lambda one: len(one.folder), reverse=True):
            if path != root.folder and not path.startswith(root.folder.rstrip(b"/") + b"/"):
                continue
            found = self._child(root, -root.id, root.folder, b"")
            relative = path[len(root.folder) :].strip(b"/")
            done = b""
            for part in relative.split(b"/") if relative else ():
                if found is None:
                    return None
                done = join(done, part) if done else part
                found = self._child(root, found.id, part, done)
            return found
        return None

    def holds(self, path: bytes) -> bool:
        """Whether there is something at the absolute `path`, or below it."""
        return self.get(path) is not None or bool(self._roots_below(path))

    def child(self, folder: IndexEntry, name: bytes) -> IndexEntry | None:
        """The entry of that name in a folder."""
        return self._child(
            self._root(folder.root),
            folder.id,
            name,
            join(folder.entry.path, name) if folder.entry.path else name,
        )

    def listing(self, path: bytes = b"") -> Iterator[IndexEntry]:
        """What lies directly in the folder at `path`, by name; at once, however large the snapshot.

        Without a path, and for a folder above the configured ones, those configured folders. Nothing for a
        path that is no folder of the snapshot.
        """
        if path and (folder := self.get(path)):
            yield from self._children(self._root(folder.root), folder)
            yield from self._mounted(folder)
            return
        for root in self._roots_below(path):
            if found := self._child(root, -root.id, root.folder, b""):
                yield found

    def page(self, path: bytes, offset: int, most: int) -> tuple[int, list[IndexEntry]]:
        """How much lies directly in the folder at `path`, and of that, by name, at most `most` from `offset` on.

        As `listing`, for a folder of any size; configured folders that lie in it come last.
        """
        folder = self.get(path) if path else None
        if folder is None:
            found = list(self.listing(path))
            return len(found), found[offset : offset + most]
        (inside,) = self._one("SELECT count(*) FROM entry WHERE parent = ?", folder.id)
        root, base = self._root(folder.root), folder.entry.path
        rows = [
            _index_entry(root, row, base + b"/" + row[20] if base else row[20])
            for row in self._all(_PAGE, folder.id, most, offset)
        ]
        mounted = list(self._mounted(folder))
        start = max(0, offset - inside)
        return inside + len(mounted), [*rows, *mounted[start : start + most - len(rows)]]

    def position(self, path: bytes) -> int:
        """The number that the entry at `path` has in the listing of the folder it lies in."""
        folder, _, name = path.rpartition(b"/")
        above = self.get(folder) if folder else None
        if above is None or any(root.folder == path for root in self.roots):
            return next((at for at, one in enumerate(self.listing(folder)) if one.path == path), 0)
        (before,) = self._one("SELECT count(*) FROM entry WHERE parent = ? AND name < ?", above.id, name)
        return int(before)

    def walk(self, path: bytes = b"") -> Iterator[IndexEntry]:
        """Everything at and below `path` (or all): a folder, then what it holds by name, depth first.

        The order is the same in every index, so that two can be compared side by side in little memory.
        """
        if path and (start := self.get(path)):
            yield start
            yield from self._below(self._root(start.root), start)
        for root in self._roots_below(path):
            if found := self._child(root, -root.id, root.folder, b""):
                yield found
                yield from self._below(root, found)

    def of_kinds(self, *kinds: Kind) -> Iterator[IndexEntry]:
        """Entries of these kinds, folders before what they hold."""
        places = ", ".join("?" * len(kinds))
        return self._with_paths(f"{_SELECT} WHERE e.kind IN ({places}) ORDER BY e.id", *map(str, kinds))

    def hard_links(self) -> Iterator[IndexEntry]:
        """Further names of inodes (`carrier` is set)."""
        return self._with_paths(_HARD_LINKS)

    def choose(self, paths: Iterable[bytes] = ()) -> tuple[int, int]:
        """Pick everything at and below each of `paths` (all without any) for the `chosen_…` methods.

        Returns the number of files and their bytes (of each name, linked or not). VaultError for a path that
        is not in the snapshot.
        """
        starts: list[IndexEntry] = []
        for path in paths or (b"",):
            exact = self.get(path) if path else None
            roots = (self.get(root.folder) for root in self._roots_below(path))
            found = [entry for entry in (exact, *roots) if entry]
            if path and not found:
                raise VaultError(
                    sentence("{path}: is not in this snapshot", path=printable(path)),
                    sentence("see tuibackup ls"),
                )
            starts += found
        self._run("DROP TABLE IF EXISTS temp.chosen")
        self._run("CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY)")
        for start in starts:
            self._run(_CHOOSE, start.id)
        self.tops = tuple(dict.fromkeys(start.path for start in starts))
        files, size = self._one(
            "SELECT count(*), total(size) FROM entry WHERE id IN temp.chosen AND kind = 'f'"
        )
        return files, int(size)

    def is_chosen(self, entry: int) -> bool:
        """Whether `choose` picked the entry with this id."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM temp.chosen WHERE id = ?)", entry)[0])

    def chosen_ids(self) -> Iterator[int]:
        """The ids of everything that was picked."""
        for (number,) in self._all("SELECT id FROM temp.chosen ORDER BY id"):
            yield number

    def chosen_files(self) -> Iterator[IndexEntry]:
        """Regular files as their content lies in the archives; names of one inode behind one another."""
        return self._with_paths(_CHOSEN_FILES)

    def chosen_links(self) -> Iterator[IndexEntry]:
        """Everything that is neither file nor folder."""
        return self._with_paths(_CHOSEN_LINKS)

    def chosen_folders(self) -> Iterator[IndexEntry]:
        """Folders, each after what it holds."""
        return self._with_paths(_CHOSEN_FOLDERS)

    def xattrs(self, entry: int) -> dict[bytes, bytes]:
        """Extended attributes of an entry as pax records of GNU tar."""
        return dict(self._all("SELECT key, value FROM xattr WHERE entry = ?", entry))

    def has_xattrs(self) -> bool:
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM xattr)")[0])

    def problems(self) -> Iterator[Problem]:
        """What was listed while the snapshot was made."""
        folders = {root.id: root.folder for root in self.roots}
        for root, path, reason, missing in self._all(
            "SELECT root, path, reason, missing FROM problem ORDER BY id"
        ):
            yield Problem(join(folders.get(root, b""), path), reason, bool(missing))

    def contents(self, archive: int) -> Iterator[tuple[int, Member]]:
        """Entry ids and members of one archive, in the order in which they lie there."""
        for entry, *member in self._all(
            "SELECT entry, offset, length, sha256 FROM content WHERE archive = ? ORDER BY offset", archive
        ):
            yield entry, Member(*member)

    def names(self, archive: int) -> Iterator[list[bytes]]:
        """The paths of the members of one archive, in the order in which they lie there; some thousands at a time."""
        paths = self.paths()
        rows = self._all(
            """SELECT e.parent, e.name FROM content c JOIN entry e ON e.id = c.entry
            WHERE c.archive = ? ORDER BY c.offset""",
            archive,
        )
        while batch := paths.all_below(islice(rows, _ROWS)):
            yield batch

    def paths(self) -> "Paths":
        """Finds absolute paths by entry id, for ids that come roughly in order."""
        return Paths(self._db)

    def search(self, until: float = inf) -> Search:
        """Looks for names, and for many paths at a time; to be closed."""
        return Search(self.path, self.roots, until)

    def totals(self) -> Totals:
        """Counts over the whole snapshot."""
        return totals(self._db)

    def check(self) -> None:
        """SQLite's own integrity check (reads the whole file). Raises VaultError."""
        (answer,) = self._one("PRAGMA quick_check(1)")
        if answer != "ok":
            raise VaultError(
                sentence("{path}: the index is damaged: {answer}", path=self.path, answer=answer)
            )

    def _with_paths(self, query: str, *values: object) -> Iterator[IndexEntry]:
        paths = self.paths()
        roots = {root.id: root for root in self.roots}
        rows = self._all(query, *values)
        while batch := list(islice(rows, _ROWS)):
            whole = paths.all_below([(row[-2], row[-3]) for row in batch])
            for row, path in zip(batch, whole, strict=True):
                root = roots[row[-1]]
                yield _index_entry(root, row, path[len(root.folder) :].lstrip(b"/"))

    def _mounted(self, folder: IndexEntry) -> Iterator[IndexEntry]:
        """Configured folders of their own that lie directly in `folder`."""
        start = folder.path.rstrip(b"/") + b"/"
        for root in self._roots_below(folder.path):
            if b"/" not in root.folder.removeprefix(start) and (
                found := self._child(root, -root.id, root.folder, b"")
            ):
                yield found

    def _root(self, number: int) -> Root:
        return next(root for root in self.roots if root.id == number)

    def _roots_below(self, path: bytes) -> list[Root]:
        prefix = path.rstrip(b"/") + b"/"
        return sorted(
            (root for root in self.roots if root.folder.startswith(prefix) and root.folder != path),
            key=lambda root: root.folder,
        )

    def _children(self, root: Root, folder: IndexEntry) -> Iterator[IndexEntry]:
        base = folder.entry.path
        for row in self._all(_IN_FOLDER, folder.id):
            yield _index_entry(root, row, base + b"/" + row[20] if base else row[20])

    def _below(self, root: Root, folder: IndexEntry) -> Iterator[IndexEntry]:
        stack = [self._children(root, folder)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                continue
            yield child
            if child.entry.kind == Kind.FOLDER:
                stack.append(self._children(root, child))

    def _child(self, root: Root, parent: int, name: bytes, relative: bytes) -> IndexEntry | None:
        rows = self._all(_BY_NAME, parent, name)
        row = next(rows, None)
        return _index_entry(root, row, relative) if row else None

    def _all(self, query: str, *values: object) -> Iterator[tuple]:  # type: ignore[type-arg] # rows are what the query says
        try:
            yield from self._db.execute(query, values)
        except sqlite3.DatabaseError as error:
            raise VaultError(
                sentence("{path}: the index is damaged: {error}", path=self.path, error=error)
            ) from error

    def _run(self, query: str, *values: object) -> None:
        for _ in self._all(query, *values):
            pass

    def _one(self, query: str, *values: object) -> tuple:  # type: ignore[type-arg] # as above
        return next(self._all(query, *values))


def _index_entry(root: Root, row: tuple, relative: bytes) -> IndexEntry:  # type: ignore[type-arg] # see _SELECT
    (number, kind, mode, uid, gid, user, group, size, mtime, ctime, device, inode, links, fstype, target) = (
        row[:15]
    )
    carrier, archive, offset, length, sha256 = row[15:20]
    device, inode = device & UNSIGNED, inode & UNSIGNED
    entry = Entry(
        relative,
        Kind(kind),
        mode,
        uid,
        gid,
        user,
        group,
        size,
        mtime,
        ctime,
        device,
        inode,
        links,
        fstype,
        target,
    )
    member = None if archive is None else Member(offset, length, sha256)
    return IndexEntry(number, root.id, join(root.folder, relative), entry, carrier, archive, member)
