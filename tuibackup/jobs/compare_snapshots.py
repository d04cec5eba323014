"""What differs between two snapshots of one server and clock. Only read, never recorded.

Files are compared by their indexes; databases by tables.json, and where that says the same, by the SQL itself.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuibackup.errors import UsageError
from tuibackup.jobs.stored_names import Name, StoredNames
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.vault.index.comparison import Side
    from tuibackup.vault.layout import Snapshot, Vault
    from tuibackup.vault.restore.dumps import Dump, StoredTable

ADDED, REMOVED, CONTENT, METADATA = "added", "removed", "content", "metadata"
_KINDS = (ADDED, REMOVED, CONTENT, METADATA)
_CONTENT = frozenset({"type", "content", "target", "rows", "size", "checksum", "definition"})
_PIECE = 1 << 20
_DEFINITION = (
    256 << 10
)  # bytes of a table's SQL that surely hold what defines it; a checksum tells of its rows


@dataclass(frozen=True, slots=True)
class Pair:
    """Two snapshots of one server and clock. `only`: a path, DATABASE or DATABASE.TABLE; None: all is compared."""

    before: "Snapshot"
    after: "Snapshot"
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What differs of a path or `Name`: `kind` is *added*, *removed*, *content* or *metadata*.

    `differs` has the words of `vault.index.comparison.Difference`; of a table *rows*, *size*, *checksum*, *definition*,
    *content*; of a database *definition*: its views, programs or settings. `sizes`: bytes before and after, of regular
    files and SQL; None where there is nothing, or nothing that has a size.
    """

    kind: str
    what: bytes | Name
    sizes: tuple[int | None, int | None]
    differs: tuple[str, ...] = ()
    before: "Side | None" = None
    after: "Side | None" = None


@dataclass(slots=True)
class Tally:
    """How much differs. `bytes`: by kind of change, before and after."""

    number: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))
    after: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))

    def add(self, change: Change) -> None:
        """Count one more."""
        self.number[change.kind] += 1
        self.before[change.kind] += change.sizes[0] or 0
        self.after[change.kind] += change.sizes[1] or 0

    @property
    def equal(self) -> bool:
        return not any(self.number.values())

    def document(self) -> dict[str, Any]:
        return {
            kind: {"number": number, "bytes-before": self.before[kind], "bytes-after": self.after[kind]}
            for kind, number in self.number.items()
        }


def plan_comparison(vault: "Vault", before: str, after: str, only: str | None = None) -> Pair:
    """Raises UsageError: no such snapshots, or they cannot be compared; VaultError."""
    pair = Pair(vault.find(before), vault.find(after), only)
    if (pair.before.server, pair.before.clock) != (pair.after.server, pair.after.clock):
        raise UsageError(
            sentence(
                "{before} and {after} are not of one server and clock",
                before=pair.before.spec,
                after=pair.after.spec,
            ),
            sentence("tuibackup snapshots lists them"),
        )
    if pair.after.clock is Clock.FILES and only is not None and not only.startswith("/"):
        raise UsageError(
            sentence("{path}: paths are absolute, as on the server", path=printable(only)),
            sentence("tuibackup ls {snapshot} shows its folders", snapshot=pair.after.spec),
        )
    return pair


def compare_snapshots(pair: Pair) -> Iterator[Change]:
    """What differs, by path or name, as it is found. Raises VaultError; UsageError for a path that neither has."""
    return _files(pair) if pair.after.clock is Clock.FILES else _databases(pair)


def _files(pair: Pair) -> Iterator[Change]:
    from tuibackup.vault.index.comparison import Comparison
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME

    path = os.fsencode(pair.only or "").rstrip(b"/") or (b"/" if pair.only else b"")
    limits = [one for snapshot in (pair.before, pair.after) for one in snapshot.summary.limits]
    with Index(pair.before.path / FILE_NAME) as before, Index(pair.after.path / FILE_NAME) as after:
        if path and not any(index.get(path) or next(index.listing(path), None) for index in (before, after)):
            raise _nothing(pair)
        comparison = Comparison(
            before,
            after,
            whole_seconds=any("times finer" in one for one in limits),
            xattrs=not any("attributes" in one for one in limits),
        )
        for one in comparison.differences(path):
            sizes = _size(one.before), _size(one.after)
            yield Change(
                _kind(one.before, one.after, one.differs), one.path, sizes, one.differs, one.before, one.after
            )


def _size(side: "Side | None") -> int | None:
    return side.size if side is not None and side.kind == "f" else None


def _kind(before: object, after: object, differs: tuple[str, ...]) -> str:
    if before is None:
        return ADDED
    if after is None:
        return REMOVED
    return CONTENT if _CONTENT.intersection(differs) else METADATA


def _nothing(pair: Pair) -> UsageError:
    return UsageError(
        sentence(
            "neither {before} nor {after} has {name}",
            before=pair.before.spec,
            after=pair.after.spec,
            name=printable(pair.only or ""),
        ),
        sentence("tuibackup ls {snapshot} shows what is there", snapshot=pair.after.spec),
    )


def _databases(pair: Pair) -> Iterator[Change]:
    from tuibackup.vault.restore.dumps import dumps_of

    before, after = StoredNames(pair.before).all, StoredNames(pair.after).all
    old, new = dumps_of(pair.before), dumps_of(pair.after)
    names = {one for one in before.keys() | after.keys() if pair.only in (None, one.database, str(one))}
    if pair.only is not None and not names:
        raise _nothing(pair)
    for name in sorted(names, key=lambda one: (one.database, one.name, one.kind)):
        was, now = before.get(name), after.get(name)
        sizes = (was.size if was else None), (now.size if now else None)
        if was is None or now is None:
            yield Change(_kind(was, now, ()), name, sizes)
            continue
        differs: tuple[str, ...] = ()
        if name.kind == "database":
            differs = () if _frame(old[name.database]) == _frame(new[name.database]) else ("definition",)
        elif name.kind == "table":
            differs = _table_differs(old[name.database], new[name.database], name.name)
        if differs:
            yield Change(CONTENT, name, sizes, differs)


def _table_differs(before: "Dump", after: "Dump", name: str) -> tuple[str, ...]:
    one, other = before.tables[name], after.tables[name]
    told = {
        "rows": one.rows != other.rows,
        "size": one.length != other.length,
        "checksum": one.checksum is not None
        and other.checksum is not None
        and one.checksum != other.checksum,
    }
    differs = tuple(word for word, true in told.items() if true)
    if differs:
        return differs
    proven = one.checksum is not None and other.checksum is not None
    if not _same_sql(before, one, after, other, _DEFINITION if proven else one.length):
        return ("definition",) if proven else ("content",)
    return ()


def _same_sql(before: "Dump", one: "StoredTable", after: "Dump", other: "StoredTable", most: int) -> bool:
    end = min(one.length, most)
    for at in range(0, end, _PIECE):
        length = min(_PIECE, end - at)
        if b"".join(before.part(one.offset + at, length)) != b"".join(after.part(other.offset + at, length)):
            return False
    return True


def _frame(dump: "Dump") -> bytes:
    """A hash of what a dump holds beside its tables, without remarks: those name the time."""
    sha256, at, left = hashlib.sha256(), 0, b""
    tables = sorted(dump.tables.values(), key=lambda one: one.offset)
    for start, end in [
        *((one.offset, one.offset + one.length) for one in tables),
        (dump.length, dump.length),
    ]:
        for piece in dump.part(at, start - at):
            *lines, left = (left + piece).split(b"\n")
            for line in lines:
                sha256.update(b"" if line.startswith(b"--") else line + b"\n")
        at = end
    return sha256.digest()
