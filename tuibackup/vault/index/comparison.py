"""What differs between two indexes, folder by folder, in little memory: SQLite passes over what is the same.

What cannot be restored is not compared: times of change, inode and device numbers, the sizes of folders.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from tuibackup.errors import VaultError
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.schema import join
from tuibackup.words import sentence

_SECOND = 10**9  # nanoseconds

# The columns of `Side`, and those that make a difference; {db} is the index, {those} its entries.
_SIDE = """
    SELECT e.id, e.name, e.kind, e.mode, w.uid, w.gid, w.user, w."group" AS grp, e.size, e.mtime_ns, e.target,
        coalesce(c.sha256, k.sha256) AS sha256, coalesce(h.carrier, e.id) AS carrier
    FROM {db}.entry e JOIN {db}.owner w ON w.id = e.owner LEFT JOIN {db}.content c ON c.entry = e.id
        LEFT JOIN {db}.hardlink h ON h.entry = e.id LEFT JOIN {db}.content k ON k.entry = h.carrier
    WHERE {those}
    """
_COLUMNS = """{0}.id, {0}.kind, {0}.mode, {0}.uid, {0}.gid, {0}.user, {0}.grp, {0}.size, {0}.mtime_ns, {0}.target,
    {0}.sha256"""
_COMPARED = (
    "({0}.kind, {0}.mode, {0}.uid, {0}.gid, {0}.user, {0}.grp, {0}.mtime_ns / {1}, {0}.target, {0}.sha256)"
)
_XATTRS = """(
    EXISTS (SELECT key, value FROM old.xattr WHERE entry = o.carrier
        EXCEPT SELECT key, value FROM main.xattr WHERE entry = n.carrier)
    OR EXISTS (SELECT key, value FROM main.xattr WHERE entry = n.carrier
        EXCEPT SELECT key, value FROM old.xattr WHERE entry = o.carrier))"""
_WIDTH = 11
_SOME = 1000  # rows of a folder in memory


class Side(NamedTuple):
    """An entry as it is in one of the two."""

    id: int
    kind: Kind
    mode: int
    uid: int
    gid: int
    user: bytes
    group: bytes
    size: int
    mtime_ns: int
    target: bytes | None
    sha256: bytes | None


class Difference(NamedTuple):
    """A path that differs: None where it is not. `differs`: *type*, *content*, *target*, *mode*, *owner*, *time*,
    *attributes*; nothing of a path that is in one only."""

    path: bytes
    before: Side | None
    after: Side | None
    differs: tuple[str, ...] = ()


class Comparison:
    """Two open indexes. `whole_seconds`: times are known no finer in one; `xattrs`: both know extended attributes."""

    def __init__(
        self, before: Index, after: Index, *, whole_seconds: bool = False, xattrs: bool = True
    ) -> None:
        self._before, self._after = before, after
        self._unit = _SECOND if whole_seconds else 1
        self._xattrs = xattrs and (before.has_xattrs() or after.has_xattrs())
        self._children = self._query("{1}.parent = {0}", "n.name = o.name")
        self._itself = self._query("{1}.id = {0}", "1")

    def differences(self, path: bytes = b"") -> Iterator[Difference]:
        """At and below `path` (or everywhere), a folder before what it holds. Raises VaultError.

        A configured folder that lies in another one is a turn of its own, also where it is one in one of the two only.
        """
        folders = {root.folder for index in (self._before, self._after) for root in index.roots}
        starts = {one for one in folders if not path or one.startswith(path.rstrip(b"/") + b"/")}
        starts |= {path} if path else set()
        uri = f"{self._after.path.absolute().as_uri()}?immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as db:
                db.execute("ATTACH ? AS old", (f"{self._before.path.absolute().as_uri()}?immutable=1",))
                for start in sorted(starts, key=lambda one: one.replace(b"/", b"\0")):
                    yield from self._from(db, start, starts)
        except sqlite3.DatabaseError as error:
            names = sentence("{path} or {path2}", path=self._before.path, path2=self._after.path)
            raise VaultError(
                sentence("{names}: the index is damaged: {error}", names=names, error=error)
            ) from error

    def _from(self, db: sqlite3.Connection, start: bytes, starts: set[bytes]) -> Iterator[Difference]:
        there = [index.get(start) for index in (self._before, self._after)]
        ids = [one.id if one else 0 for one in there]
        stack = [self._pairs(db, self._itself, ids[0], ids[1], start, whole=True)]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
                continue
            path, before, after, attributes = found
            if path in starts and path != start:
                continue
            differs = self._differs(before, after, attributes=attributes)
            if differs or before is None or after is None:
                yield Difference(path, before, after, differs)
            old, new = (one.id if one and one.kind is Kind.FOLDER else 0 for one in (before, after))
            if old or new:
                stack.append(self._pairs(db, self._children, old, new, path))

    def _pairs(
        self, db: sqlite3.Connection, query: str, old: int, new: int, folder: bytes, *, whole: bool = False
    ) -> Iterator[tuple[bytes, Side | None, Side | None, bool]]:
        """What may differ: entries of one side alone, those that are not equal, and all folders. No entry has id 0."""
        rows = db.execute(query, {"old": old, "new": new})
        # Read to the end, for most folders: else the statement is in use, and the folders below compile it anew.
        while some := rows.fetchmany(_SOME):
            for name, attributes, *sides in some:
                before, after = _side(sides[:_WIDTH]), _side(sides[_WIDTH:])
                yield folder if whole else join(folder, name), before, after, bool(attributes)

    def _query(self, those: str, same: str) -> str:
        """`those`: which entries of one index; `same`: which of `o` and `n` belong together."""
        old, new = those.format(":old", "e"), those.format(":new", "e")
        sides = _SIDE.format(db="old", those=old), _SIDE.format(db="main", those=new)
        one, other = f"{those.format(':old', 'o')} AND {same}", f"{those.format(':new', 'n')} AND {same}"
        attributes = _XATTRS if self._xattrs else "0"
        unequal = f"{_COMPARED.format('o', self._unit)} IS NOT {_COMPARED.format('n', self._unit)}"
        none = ", ".join(["NULL"] * _WIDTH)
        return f"""
            WITH o AS NOT MATERIALIZED ({sides[0]}), n AS NOT MATERIALIZED ({sides[1]})
            SELECT o.name AS name, {attributes}, {_COLUMNS.format("o")}, {_COLUMNS.format("n")} FROM o JOIN n ON {same}
                WHERE o.kind = 'd' OR n.kind = 'd' OR {unequal} OR o.sha256 IS NULL OR {attributes}
            UNION ALL SELECT o.name, 0, {_COLUMNS.format("o")}, {none} FROM o
                WHERE NOT EXISTS (SELECT 1 FROM main.entry n WHERE {other})
            UNION ALL SELECT n.name, 0, {none}, {_COLUMNS.format("n")} FROM n
                WHERE NOT EXISTS (SELECT 1 FROM old.entry o WHERE {one})
            ORDER BY name"""  # noqa: S608 # constants

    def _differs(self, before: Side | None, after: Side | None, *, attributes: bool) -> tuple[str, ...]:
        if before is None or after is None:
            return ()
        if before.kind != after.kind:
            return ("type",)
        told = {
            "content": before.kind is Kind.FILE
            and (before.sha256 != after.sha256 or (before.sha256 is None and before.size != after.size)),
            "target": before.target != after.target,
            "mode": before.mode != after.mode,
            "owner": before[3:7] != after[3:7],
            "time": before.mtime_ns // self._unit != after.mtime_ns // self._unit,
            "attributes": attributes,
        }
        return tuple(word for word, true in told.items() if true)


def _side(row: list[object]) -> Side | None:
    if row[0] is None:
        return None
    side = Side(*row)  # type: ignore[arg-type] # as _COLUMNS says
    return side._replace(kind=Kind(side.kind))
