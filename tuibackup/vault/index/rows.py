"""From an inventory's entries to rows of an index: what can be a row, and below which folder it lies.

Entries come from a server and may be hostile. What cannot be a path below its folder gets a reason instead.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import TypeVar

from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.schema import UNSIGNED, join
from tuibackup.words import sentence

MAX = (1 << 63) - 1  # of an INTEGER in SQLite

# Its values are in the order of the table's columns.
Row = tuple[int, int, int, bytes | bytearray, str, *tuple[int | bytes | None, ...]]
COLUMNS = (
    "id", "root", "parent", "name", "kind", "mode", "owner", "size", "mtime_ns", "ctime_ns", "filesystem", "inode",
    "links", "target",
)  # fmt: skip

_Key = TypeVar("_Key")

_KINDS = frozenset(Kind)
_REMEMBERED = 10_000  # owners, or file systems
_FOLDERS = 50_000  # that are remembered of an inventory that is not depth first
# What Linux takes, and so what can be read and restored. Beyond, restore.sh would stop at the name.
LONGEST_NAME = 255
LONGEST_PATH = 4095
LARGEST = 1 << 46  # bytes of one file: a hole costs the server nothing, and us a second for every GiB
_NO_NAMES = frozenset((b"", b".", b".."))


class Rows:
    """Makes rows, and numbers entries, owners and file systems. Raises sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.next = 1  # id of the next entry
        self.folders: dict[int, bytes] = {}  # of roots
        self._db = db
        self._places: dict[int, _Place] = {}
        self._owners: dict[tuple[int, int, bytes, bytes], int] = {}
        self._filesystems: dict[tuple[int, bytes], int] = {}
        self._numbers = 0  # of owners and file systems, given so far

    def add_root(self, root: int, folder: bytes) -> None:
        self.folders[root] = folder
        self._places[root] = _Place()

    def relative(self, root: int, path: bytes) -> bytes:
        """An absolute path as seen from its root."""
        return path[len(self.folders[root]) :].lstrip(b"/")

    def row(self, root: int, entry: Entry) -> Row | str:
        """The row of table `entry`, or why there can be none."""
        path, kind, mode, uid, gid, user, group, size, mtime, ctime, device, inode, links, fstype, target = (
            entry
        )
        place = self._places[root]
        if not path:
            parent = -root
            name = self.folders[root]
            if kind != Kind.FOLDER:
                return sentence("is not a folder")
        else:
            folder, _, name = path.rpartition(b"/")
            if name in _NO_NAMES or b"\0" in name or path.startswith(b"/"):
                return sentence("is no possible name")
            if len(name) > LONGEST_NAME or len(path) + len(self.folders[root]) >= LONGEST_PATH:
                return sentence("has too long a name to be restored")
            above = place.folder(folder)
            if above is None:
                above = self._remembered(place, root, folder)
            if above is None:
                return sentence("lies in no folder of the inventory")
            parent = above
        if fault := self.fault(entry):
            return fault
        number = self.next
        self.next += 1
        if kind == Kind.FOLDER:
            place.enter(path, number)
        owner = self.owner(uid, gid, user, group)
        filesystem = self.filesystem(device, fstype)
        times = mtime, ctime
        return (
            number,
            root,
            parent,
            name,
            str(kind),
            mode,
            owner,
            size,
            *times,
            filesystem,
            signed(inode),
            links,
            target,
        )

    def plain(self, root: int, batch: Sequence[Entry]) -> list[Row] | None:
        """What `row` gives for each of `batch`; None, and nothing is done, where one of them is not plain.

        A third of the time: what is to hold for every entry is looked at for a whole column of them. `batch` is not
        empty, and all before it was `written`. Where nothing has a target, the rows end before it.
        """
        place = self._places[root]
        if place.known is not None:
            return None
        paths, kinds, modes, uids, gids, users, groups, sizes, *more = zip(*batch, strict=True)
        mtimes, ctimes, devices, inodes, links, fstypes, targets = more
        numbers = (
            (sizes, 0, LARGEST), (modes, 0, 0o7777), (uids, 0, MAX), (gids, 0, MAX), (mtimes, -MAX, MAX),
            (ctimes, -MAX, MAX), (devices, 0, UNSIGNED), (inodes, 0, UNSIGNED), (links, 0, MAX),
        )  # fmt: skip
        if set(map(type, kinds)) != {Kind} or any(
            min(column) < least or max(column) > most for column, least, most in numbers
        ):
            return None
        pointing = Kind.SYMLINK in kinds or any(targets)
        if pointing and any(self.fault(one) for one in batch if one.kind is Kind.SYMLINK or one.target):
            return None
        before = place.mark()
        names, parents = self._placed(place, paths, kinds)
        if not names or _odd(names, paths) or max(map(len, paths)) + len(self.folders[root]) >= LONGEST_PATH:
            place.back_to(before)
            return None
        owners = _each(self.owner, uids, gids, users, groups)
        filesystems = _each(self.filesystem, devices, fstypes)
        first, self.next = self.next, self.next + len(batch)
        # SQLite's module takes these as they are; for bytes and enumerations it looks for somebody to translate them.
        called, letters = map(bytearray, names), "".join(kinds)
        numbered = inodes if max(inodes) <= MAX else map(signed, inodes)
        columns = modes, owners, sizes, mtimes, ctimes, filesystems, numbered, links
        ends = (targets,) if pointing else ()
        return list(
            zip(
                range(first, self.next), repeat(root), parents, called, letters, *columns, *ends, strict=False
            )
        )

    def _placed(
        self, place: "_Place", paths: Sequence[bytes], kinds: Sequence[Kind]
    ) -> tuple[list[bytes], list[int]]:
        """Names, and the ids of the folders that they lie in; nothing where one of these is not above its name."""
        names: list[bytes] = []
        parents: list[int] = []
        number, last, parent = self.next, None, 0
        for path, kind in zip(paths, kinds, strict=True):
            folder, _, name = path.rpartition(b"/")
            if folder != last:
                found = place.folder(folder)
                if found is None:
                    return [], []
                parent, last = found, folder
            names.append(name)
            parents.append(parent)
            if kind is Kind.FOLDER:
                place.enter(path, number)
                last = None  # what lies in the same folder as this one is no longer below it
            number += 1
        return names, parents

    @staticmethod
    def fault(entry: Entry) -> str:
        """Why an entry, whatever it is called, can be no row; "" when it can."""
        _, kind, mode, uid, gid, _, _, size, mtime, ctime, device, inode, links, _, target = entry
        if kind not in _KINDS:
            return sentence("is of an unknown kind")
        if kind == Kind.SYMLINK and (not target or b"\0" in target):
            return sentence("is a symbolic link without a target")
        if target is not None and len(target) > LONGEST_PATH:
            return sentence("is a symbolic link with an impossible target")
        if size > LARGEST and kind == Kind.FILE:
            return sentence("has an impossible size: more than 64 TiB")
        if not (0 <= size <= MAX and 0 <= mode <= 0o7777 and 0 <= links <= MAX):
            return sentence("has an impossible size, mode or number of links")
        if not (0 <= uid <= MAX and 0 <= gid <= MAX and -MAX <= mtime <= MAX and -MAX <= ctime <= MAX):
            return sentence("has an impossible owner or time")
        if not (0 <= device <= UNSIGNED and 0 <= inode <= UNSIGNED):
            return sentence("has an impossible device or inode")
        return ""

    def copied(self) -> None:
        """The database was filled from an older index."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()
        self.next = last + 1
        for owner in self._db.execute(
            'SELECT uid, gid, user, "group", id FROM owner LIMIT ?', (_REMEMBERED,)
        ):
            self._owners[owner[:4]] = owner[4]
        for device, fstype, number in self._db.execute(
            "SELECT device, type, id FROM filesystem LIMIT ?", (_REMEMBERED,)
        ):
            self._filesystems[device & UNSIGNED, fstype] = number
        (self._numbers,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(id) FROM owner), 0), coalesce((SELECT max(id) FROM filesystem), 0))"
        ).fetchone()

    def forget(self) -> None:
        """The database was emptied again, but for the roots."""
        self.next = 1
        self._owners.clear()
        self._filesystems.clear()
        self._numbers = 0
        self._places = {root: _Place() for root in self._places}

    def written(self, root: int) -> None:
        """The rows made so far are in the database now."""
        self._places[root].recent.clear()

    def owner(self, *owner: *tuple[int, int, bytes, bytes]) -> int:
        """The id of uid, gid, user and group."""
        number = self._owners.get(owner)
        if number is None:
            number = self._number(self._owners, owner)
            self._db.execute("INSERT INTO owner VALUES (?, ?, ?, ?, ?)", (number, *owner))
        return number

    def filesystem(self, device: int, fstype: bytes) -> int:
        """The id of a file system."""
        number = self._filesystems.get((device, fstype))
        if number is None:
            number = self._number(self._filesystems, (device, fstype))
            self._db.execute("INSERT INTO filesystem VALUES (?, ?, ?)", (number, signed(device), fstype))
        return number

    def _number(self, known: dict[_Key, int], key: _Key) -> int:
        """The next number, remembered for `key`. A server may invent owners without end: what is forgotten then
        only stands in its table twice.
        """
        if len(known) >= _REMEMBERED:
            known.clear()
        self._numbers += 1
        known[key] = self._numbers
        return self._numbers

    def _remembered(self, place: "_Place", root: int, folder: bytes) -> int | None:
        """The id of a folder in an inventory that is not depth first: remembered, or else in the database."""
        if place.known is None:
            place.known = {}
        found = place.known.get(folder) or place.recent.get(folder) or self._looked_up(place, root, folder)
        if found is not None:
            place.remember(folder, found)
        return found

    def _looked_up(self, place: "_Place", root: int, folder: bytes) -> int | None:
        """The folder's id, found from the root on, name by name."""
        if b"//" in folder or folder.endswith(b"/"):
            return None
        number, path = -root, b""
        for name in (self.folders[root], *(folder.split(b"/") if folder else ())):
            if number > 0:
                path = join(path, name) if path else name
            recent = place.recent.get(path)
            row = (recent,) if recent is not None else self._folder_in(number, name)
            if row is None:
                return None
            (number,) = row
        return number

    def _folder_in(self, parent: int, name: bytes) -> tuple[int] | None:
        found: tuple[int] | None = self._db.execute(
            "SELECT id FROM entry WHERE parent = ? AND name = ? AND kind = 'd'", (parent, name)
        ).fetchone()
        return found


def _odd(names: Sequence[bytes], paths: Sequence[bytes]) -> bool:
    """Whether one of these is no possible name, or too long a one, or its path begins in a slash."""
    return (
        max(map(len, names)) > LONGEST_NAME
        or not _NO_NAMES.isdisjoint(names)
        or b"\0" in b"".join(names)
        or b"\0/" in b"\0" + b"\0".join(paths)
    )


def _each(number: Callable[..., int], *columns: Sequence[object]) -> Iterable[int]:
    """The `number` of each row of `columns`; it is asked once for rows that are the same."""
    if all(len(set(column)) == 1 for column in columns):
        return repeat(number(*(column[0] for column in columns)))
    keys = list(zip(*columns, strict=True))
    known = {key: number(*key) for key in dict.fromkeys(keys)}
    return [known[key] for key in keys]


def signed(number: int) -> int:
    """An unsigned number of 64 bits as SQLite can keep it; `schema.UNSIGNED` masks it back."""
    return number - (1 << 64) if number > MAX else number


class _Place:
    """Where an inventory is: the folders above the entry that comes next, while it is depth first."""

    def __init__(self) -> None:
        self.recent: dict[bytes, int] = {}  # folders that are not in the database yet
        self.known: dict[bytes, int] | None = None  # some of the folders, once the order was not depth first
        self._chain: list[tuple[bytes, int]] = []

    def mark(self) -> list[tuple[bytes, int]]:
        """For `back_to`, while nothing is `recent`."""
        return list(self._chain)

    def back_to(self, mark: list[tuple[bytes, int]]) -> None:
        """Forget what came since `mark`."""
        self._chain = mark
        self.recent.clear()

    def enter(self, path: bytes, number: int) -> None:
        self.recent[path] = number
        if self.known is None:
            self._chain.append((path, number))
        else:
            self.remember(path, number)

    def remember(self, path: bytes, number: int) -> None:
        assert self.known is not None
        if len(self.known) >= _FOLDERS:
            self.known.clear()
        self.known[path] = number

    def folder(self, path: bytes) -> int | None:
        """The id of the folder at `path`; None when it is not one of those above."""
        if self.known is not None:
            return self.known.get(path)
        while self._chain and self._chain[-1][0] != path:
            self._chain.pop()
        return self._chain[-1][1] if self._chain else None
