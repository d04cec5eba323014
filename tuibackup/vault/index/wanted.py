"""The files of an index that have no content yet, as values: what is asked of a server, and what the answer is held
against. Made for many rows at a time, column by column: there are as many as there are files.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, cast

from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.schema import UNSIGNED, Paths

# All that makes a `Wanted`, of an entry `e`.
SEEN = """e.id, e.root, e.parent, e.name, e.kind, e.mode, e.owner, e.size, e.mtime_ns, e.ctime_ns, e.filesystem,
    e.inode, e.links"""

_KINDS = {str(kind): kind for kind in Kind}
_REMEMBERED = 10_000  # owners, or file systems


class Wanted(NamedTuple):
    """A regular file to fetch. `path` is absolute, `entry.path` relative to its root.

    `place` is where it lies on the server, below what its root resolved to.
    """

    id: int
    root: int
    path: bytes
    entry: Entry
    place: bytes

    @property
    def name(self) -> bytes:
        """The path as it stands in an archive: without the leading slash."""
        return self.path.lstrip(b"/")

    @property
    def turn(self) -> tuple[bool, int]:
        """What they are asked for in the order of: files first, then folders."""
        return self.entry.kind is Kind.FOLDER, self.id


# The values are in order already: the classes' own way to take them costs several times as much.
_as_entry = cast("Callable[[Iterable[object]], Entry]", partial(tuple.__new__, Entry))
_as_wanted = cast("Callable[[Iterable[object]], Wanted]", partial(tuple.__new__, Wanted))


class WantedRows:
    """Makes values of rows that come roughly in the order of the inventory. Raises sqlite3.Error.

    `folders` are the roots as they are configured, `resolved` what they are on the server.
    """

    def __init__(
        self, db: sqlite3.Connection, folders: Mapping[int, bytes], resolved: Mapping[int, bytes]
    ) -> None:
        self._db = db
        self._folders = folders
        self._resolved = resolved
        self._paths = Paths(db)
        self._owners: dict[int, tuple[int, int, bytes, bytes]] = {}
        self._filesystems: dict[int, tuple[int, bytes]] = {}

    def __call__(self, rows: Sequence[tuple[Any, ...]]) -> list[Wanted]:
        """The values of `rows` of `SEEN`."""
        if not rows:
            return []
        ids, roots, parents, names, kinds, modes, owners, sizes, mtimes, ctimes, *more = zip(
            *rows, strict=True
        )
        filesystems, inodes, links = more
        paths, relative, places = self._named(roots, parents, names)
        owned = self._known(self._owners, 'SELECT uid, gid, user, "group" FROM owner WHERE id = ?', owners)
        on = self._known(self._filesystems, "SELECT device, type FROM filesystem WHERE id = ?", filesystems)
        uids, gids, users, groups = zip(*owned, strict=True)
        devices, fstypes = zip(*on, strict=True)
        status = [_KINDS[kind] for kind in kinds], modes, uids, gids, users, groups, sizes, mtimes, ctimes
        identity = _unsigned(devices), _unsigned(inodes), links, fstypes
        entries = map(_as_entry, zip(relative, *status, *identity, repeat(None), strict=False))
        return list(map(_as_wanted, zip(ids, roots, paths, entries, places, strict=True)))

    def _named(
        self, roots: Sequence[int], parents: Sequence[int], names: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Of each name: its path, the same below its root, and where it lies on the server."""
        above = {
            parent: self._above(root, parent)
            for parent, root in dict(zip(parents, roots, strict=True)).items()
        }
        paths = [above[parent][0] + name for parent, name in zip(parents, names, strict=True)]
        relative = [above[parent][1] + name for parent, name in zip(parents, names, strict=True)]
        if all(path == place for path, _, place in above.values()):
            places = list(paths)
        else:
            places = [above[parent][2] + name for parent, name in zip(parents, names, strict=True)]
        if min(parents) < 0:  # a root: its name is its path
            for at in [at for at, parent in enumerate(parents) if parent < 0]:
                paths[at], relative[at], places[at] = names[at], b"", self._resolved[roots[at]]
        return paths, relative, places

    def _above(self, root: int, folder: int) -> tuple[bytes, bytes, bytes]:
        """What stands before a name in this folder, for each of `_named`."""
        if folder < 0:
            return b"", b"", b""
        path = self._paths.folder(folder).rstrip(b"/") + b"/"
        relative = path[len(self._folders[root]) :].lstrip(b"/")
        return path, relative, self._resolved[root].rstrip(b"/") + b"/" + relative

    def _known(
        self, known: dict[int, tuple[Any, ...]], query: str, ids: Sequence[int]
    ) -> list[tuple[Any, ...]]:
        """What `query` tells of each of `ids`, which are mostly the same few."""
        if len(known) >= _REMEMBERED:
            known.clear()
        for number in set(ids) - known.keys():
            known[number] = self._db.execute(query, (number,)).fetchone()
        return [known[number] for number in ids]


def _unsigned(column: Sequence[int]) -> Sequence[int]:
    return column if min(column) >= 0 else [number & UNSIGNED for number in column]
