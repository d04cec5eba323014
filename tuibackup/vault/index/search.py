"""Looks for names in an index, and for paths that another index had: quick with a million names, and in little memory.

The names are read from `entry_by_name` alone, a third of what there is to read, and SQLite itself passes over most.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import inf
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from tuibackup.errors import VaultError
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.pattern import NamePattern
from tuibackup.vault.index.schema import Paths, Root
from tuibackup.words import sentence

_BATCH = 5000  # names that are looked at together
_NAMES = "SELECT id, parent, name FROM entry"
_NAMES_WITH = _NAMES + " WHERE instr(name, ?) > 0"
# The casts take no time: a blob becomes text, of which SQLite makes the letters of ASCII small.
_NAMES_LIKE = _NAMES + " WHERE instr(CAST(lower(CAST(name AS TEXT)) AS BLOB), ?) > 0"
_STEPS = 20_000  # of SQLite's machine between two looks at the clock: some milliseconds
_SEEN = """
    SELECT e.kind, e.size, e.mtime_ns, coalesce(c.sha256, k.sha256), e.target
    FROM entry e LEFT JOIN content c ON c.entry = e.id
        LEFT JOIN hardlink h ON h.entry = e.id LEFT JOIN content k ON k.entry = h.carrier
    """
_BY_ID = _SEEN + "WHERE e.id = ?"
_BY_NAME = _SEEN + "WHERE e.parent = ? AND e.name = ?"
_ID = "SELECT id FROM entry WHERE parent = ? AND name = ?"


class Seen(NamedTuple):
    """What lay at a path: `size` and `sha256` are of regular files, `target` of symbolic links."""

    kind: Kind
    size: int
    mtime_ns: int
    sha256: bytes | None
    target: bytes | None

    @property
    def version(self) -> object:
        """Equal for what is the same version of a path. A folder has none: its time changes with every name in it."""
        return self.kind if self.kind is Kind.FOLDER else self


class LateError(Exception):
    """The time for a search was over."""


class Search:
    """Over the index at `path`, to be closed; for one thread. Raises VaultError for a damaged one.

    `until`: by `monotonic`; after it whatever is asked raises LateError, also where nothing was found yet.

    Its connection keeps compiled statements, which that of `Index` must not: a million looks cost 200 s otherwise.
    """

    def __init__(self, path: Path, roots: Iterable[Root], until: float = inf) -> None:
        self._until = until
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        if until != inf:
            self._db.set_progress_handler(self._is_late, _STEPS)
        self._path = path
        self._roots = {root.folder: root.id for root in roots}
        self._folders: dict[bytes, int | None] = {}

    def close(self) -> None:
        self._db.close()

    def matching(self, pattern: NamePattern) -> Iterator[tuple[bytes, Seen]]:
        """The paths that match, by the folder they lie in, and what lies there."""
        with self._errors():
            paths = Paths(self._db)
            for rows in self._named(pattern):
                for number, path in self._chosen(rows, pattern, paths):
                    yield path, _seen(self._db.execute(_BY_ID, (number,)).fetchone())

    def at(self, paths: Sequence[bytes]) -> list[Seen | None]:
        """What lies at each of these absolute paths; None where nothing does. Quick for paths of the same folders."""
        with self._errors():
            self._folders.clear()
            return [self._at(path) for path in paths]

    def _named(self, pattern: NamePattern) -> Iterator[list[tuple[int, int, bytes]]]:
        with_ = _NAMES_LIKE if pattern.ignore_case else _NAMES_WITH
        query, values = (with_, (pattern.literal,)) if pattern.literal else (_NAMES, ())
        rows = self._db.execute(query, values)
        while batch := list(islice(rows, _BATCH)):
            if self._is_late():
                raise LateError
            yield batch

    def _chosen(
        self, rows: list[tuple[int, int, bytes]], pattern: NamePattern, paths: Paths
    ) -> list[tuple[int, bytes]]:
        if not pattern.of_paths:  # a configured folder has its whole path as its name
            rows = [row for row in rows if pattern.matches(row[2].rpartition(b"/")[2])]
        whole = paths.all_below((parent, name) for _number, parent, name in rows)
        return [
            (row[0], path)
            for row, path in zip(rows, whole, strict=True)
            if not pattern.of_paths or pattern.matches(path)
        ]

    def _at(self, path: bytes) -> Seen | None:
        if path in self._roots:
            parent: int | None = -self._roots[path]
            name = path
        else:
            folder, _, name = path.rpartition(b"/")
            parent = self._folder(folder or b"/")
        row = None if parent is None else self._db.execute(_BY_NAME, (parent, name)).fetchone()
        return None if row is None else _seen(row)

    def _folder(self, path: bytes) -> int | None:
        """The id of the entry at `path`, with all above it remembered."""
        below: list[tuple[bytes, bytes]] = []
        while path not in self._folders:
            if path in self._roots:
                self._folders[path] = self._id(-self._roots[path], path)
            elif path == b"/":
                self._folders[path] = None  # above every configured folder
            else:
                above, _, name = path.rpartition(b"/")
                below.append((path, name))
                path = above or b"/"
        found = self._folders[path]
        for path, name in reversed(below):
            found = self._folders[path] = None if found is None else self._id(found, name)
        return found

    def _id(self, parent: int, name: bytes) -> int | None:
        row: tuple[int] | None = self._db.execute(_ID, (parent, name)).fetchone()
        return row[0] if row else None

    def _is_late(self) -> bool:
        return monotonic() > self._until

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise LateError from None
            raise VaultError(
                sentence("{path}: the index is damaged: {error}", path=self._path, error=error)
            ) from error
        except KeyError as error:
            raise VaultError(
                sentence(
                    "{path}: the index is damaged: entry {error} is missing", path=self._path, error=error
                )
            ) from error


def _seen(row: Sequence[object]) -> Seen:
    kind, size, mtime_ns, sha256, target = row
    return Seen(Kind(kind), size, mtime_ns, sha256, target)  # type: ignore[arg-type] # as _SEEN says
