"""How the work of a dump is divided among a few programs that run at the same time, balanced by size.

The sizes are the server's own estimates (information_schema), and rough. One program takes several whole databases; a
database that is larger than a fair share gives tables to other programs. What a program takes is a `Share`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tuibackup.database.inventory import DatabaseInfo, TableInfo

PROGRAMS = 3  # at the same time: more are no faster, and each takes memory here and a core there
_LEAST = 32 << 20  # bytes: a smaller database is not divided
_TABLE = 20_000  # bytes that a table counts beyond its size: it takes time even if it is empty
_ROW = 80  # bytes that a row counts beyond its content: a million short rows take longer than a few long ones
_APART = 2  # databases at most that are divided
_LOCKED_BYTES, _LOCKED_TABLES = 4 << 20, 100  # at most that are read under the lock, while everybody waits
_LOCKABLE = ("myisam", "aria")

Tables = frozenset[str]
_NONE: Tables = frozenset()


@dataclass(frozen=True, slots=True)
class Share:
    """What one program takes: whole `databases` without the tables `left_out`, or the `tables` of a single one."""

    databases: tuple[DatabaseInfo, ...]
    tables: tuple[str, ...] = ()
    left_out: Mapping[str, Tables] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether it takes whole databases."""
        return not self.tables

    def expected(self) -> int:
        """How many tables it will dump."""
        if self.tables:
            return len(self.tables)
        return sum(len(one.tables) - len(self.left_out.get(one.name, _NONE)) for one in self.databases)


def locked(databases: Iterable[DatabaseInfo]) -> tuple[Share, ...]:
    """Tables without transactions that are small enough to be read under the lock: they are of its instant."""
    found = [
        (table.bytes, one.name, table.name)
        for one in databases
        for table in one.tables
        if table.engine.lower() in _LOCKABLE and table.kind == "BASE TABLE"
    ]
    total = 0
    chosen: dict[str, list[str]] = {}
    for size, database, table in sorted(found)[:_LOCKED_TABLES]:
        total += size
        if total > _LOCKED_BYTES:
            break
        chosen.setdefault(database, []).append(table)
    return _of_each(databases, chosen)


def inexact(databases: Iterable[DatabaseInfo], but: Mapping[str, Tables]) -> tuple[Share, ...]:
    """Tables with values that dump programs cut short (FLOAT) or may lose (`TableInfo.fragile`)."""
    chosen = {
        one.name: [
            table.name
            for table in one.tables
            if (table.floats or table.fragile) and table.name not in but.get(one.name, _NONE)
        ]
        for one in databases
    }
    return _of_each(databases, chosen)


def taken_by(shares: Iterable[Share]) -> dict[str, Tables]:
    """The tables that these shares take, by database."""
    found: dict[str, Tables] = {}
    for share in shares:
        for one in share.databases:
            found[one.name] = found.get(one.name, _NONE) | frozenset(share.tables)
    return found


def _of_each(databases: Iterable[DatabaseInfo], chosen: Mapping[str, list[str]]) -> tuple[Share, ...]:
    return tuple(Share((one,), tuple(sorted(chosen[one.name]))) for one in databases if chosen.get(one.name))


@dataclass(slots=True)
class _Bin:
    weight: int = 0
    databases: list[DatabaseInfo] = field(default_factory=list)
    tables: dict[str, list[str]] = field(default_factory=dict)


def shared(
    databases: Iterable[DatabaseInfo],
    apart: Mapping[str, Tables] | None = None,
    *,
    programs: int = PROGRAMS,
    least: int = _LEAST,
) -> tuple[Share, ...]:
    """Shares for about `programs` programs; a connection of ours takes the tables `apart`.

    Every database is whole in exactly one share, so that even objects that are not in the inventory are dumped.
    """
    apart = apart or {}
    infos = tuple(databases)
    weights = {one.name: _weight(one, apart.get(one.name, _NONE)) for one in infos}
    fair = sum(weights.values()) / max(1, programs)
    large = sorted(
        (one for one in infos if weights[one.name] > max(fair, least)), key=lambda one: -weights[one.name]
    )[:_APART]
    bins = [_Bin() for _ in range(max(1, programs))]
    work: list[tuple[int, DatabaseInfo, TableInfo | None]] = []
    for one in infos:
        given = [] if one not in large else [t for t in one.tables if _may_go(t, apart.get(one.name, _NONE))]
        work.append((weights[one.name] - sum(_cost(table) for table in given), one, None))
        work += [(_cost(table), one, table) for table in given]
    # The heaviest first, each to the program with the least work.
    for weight, one, table in sorted(work, key=lambda item: -item[0]):
        least_bin = min(bins, key=lambda found: found.weight)
        least_bin.weight += weight
        if table is None:
            least_bin.databases.append(one)
        else:
            least_bin.tables.setdefault(one.name, []).append(table.name)
    return _shares(bins, {one.name: one for one in infos}, apart)


def _shares(
    bins: list[_Bin], infos: Mapping[str, DatabaseInfo], apart: Mapping[str, Tables]
) -> tuple[Share, ...]:
    shares, elsewhere = [], {name: set(tables) for name, tables in apart.items()}
    for one in bins:
        own = {info.name for info in one.databases}
        for name, tables in one.tables.items():
            if name not in own:
                elsewhere.setdefault(name, set()).update(tables)
                shares.append(Share((infos[name],), tuple(sorted(tables))))
    for one in bins:
        if one.databases:
            whole = tuple(sorted(one.databases, key=lambda info: info.name))
            left_out = {i.name: frozenset(elsewhere[i.name]) for i in whole if elsewhere.get(i.name)}
            shares.append(Share(whole, (), left_out))
    return tuple(reversed(shares))


def _may_go(table: TableInfo, apart: Tables) -> bool:
    """Whether another program may take it by name and that pays. Sequences stay before the tables that use them."""
    plain = table.name.isascii() and table.name.replace("_", "").isalnum()
    return plain and table.kind != "SEQUENCE" and table.bytes > _LEAST // 64 and table.name not in apart


def _weight(database: DatabaseInfo, apart: Tables) -> int:
    return sum(_cost(table) for table in database.tables if table.name not in apart) + _TABLE


def _cost(table: TableInfo) -> int:
    return table.bytes + table.rows * _ROW + _TABLE
