"""What a database server holds: active databases, their tables, views, triggers, routines and events.

Names are identifiers in the server's own UTF-8; rows and bytes are its estimates.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiomysql

from tuibackup.database.channel import Connection
from tuibackup.text import count, printable, size
from tuibackup.words import ngettext

SYSTEM = frozenset(
    {
        "mysql",
        "sys",
        "information_schema",
        "performance_schema",
        "ndbinfo",
        "lost+found",
        "#mysql50#lost+found",
    }
)
TRANSACTIONAL = frozenset(
    {"innodb", "rocksdb", "tokudb", "ndbcluster", "sequence", "view", "memory", "blackhole", ""}
)
# Looking into the views of sys takes the server longer than all the rest.
_OURS = "{} NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', 'ndbinfo')"
_INVALID = (1356, 1146, 1054, 1449, 1142, 1143, 1305)  # what SHOW COLUMNS says of a view that cannot be read


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table or sequence. `floats` are its FLOAT columns."""

    name: str
    kind: str  # BASE TABLE, SEQUENCE, SYSTEM VERSIONED
    engine: str
    rows: int
    bytes: int
    floats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """One active database. `rows` and `bytes` are the sums over its tables; `broken` maps views to the error."""

    name: str
    tables: tuple[TableInfo, ...] = ()
    views: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    triggers: int = 0
    routines: int = 0
    events: int = 0

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables)

    def __str__(self) -> str:
        """In one line: "siakad: 12 tables (InnoDB 11, MyISAM 1), about 35,000 rows, 12.0 MB, 2 views"."""
        engines = Counter(table.engine or table.kind.lower() for table in self.tables)
        named = ", ".join(f"{printable(engine)} {count(number)}" for engine, number in engines.most_common())
        counts = {
            "views": len(self.views),
            "triggers": self.triggers,
            "routines": self.routines,
            "events": self.events,
        }
        parts = [
            tables(len(self.tables)) + (f" ({named})" if named else ""),
            f"about {count(self.rows)} rows",
            size(self.bytes),
            *(f"{count(number)} {what}" for what, number in counts.items() if number),
        ]
        return f"{printable(self.name)}: {', '.join(parts)}"


def tables(number: int) -> str:
    """ "1 table", "1,204 tables"."""
    return ngettext("{count} table", "{count} tables", number).format(count=count(number))


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return f"`{name.replace('`', '``')}`"


async def take(connection: Connection, exclude: frozenset[str]) -> tuple[DatabaseInfo, ...]:
    """All active databases but those excluded, by name."""
    names = sorted(
        name
        for (name,) in await connection.rows("SHOW DATABASES")
        if name not in SYSTEM and name not in exclude
    )
    floats = await _floats(connection)
    tables: dict[str, list[TableInfo]] = defaultdict(list)
    views: dict[str, list[str]] = defaultdict(list)
    for schema, name, kind, engine, rows, bytes_ in await connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS,"
        " COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES"
        f" WHERE {_OURS.format('TABLE_SCHEMA')}"
    ):
        if kind == "VIEW":
            views[schema].append(name)
        elif kind != "SYSTEM VIEW":
            columns = tuple(floats.get((schema, name), ()))
            tables[schema].append(
                TableInfo(name, kind, str(engine or ""), int(rows or 0), int(bytes_ or 0), columns)
            )
    triggers = await _counts(connection, "TRIGGER_SCHEMA", "TRIGGERS")
    routines = await _counts(connection, "ROUTINE_SCHEMA", "ROUTINES")
    events = await _counts(connection, "EVENT_SCHEMA", "EVENTS")
    return tuple(
        [
            DatabaseInfo(
                name,
                tuple(sorted(tables[name], key=lambda table: table.name)),
                tuple(sorted(views[name])),
                await _broken(connection, name, views[name]),
                triggers.get(name, 0),
                routines.get(name, 0),
                events.get(name, 0),
            )
            for name in names
        ]
    )


async def _floats(connection: Connection) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for schema, table, column in await connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
        f" WHERE DATA_TYPE = 'float' AND {_OURS.format('TABLE_SCHEMA')}"
    ):
        found[schema, table].append(column)
    return found


async def _counts(connection: Connection, column: str, table: str) -> dict[str, int]:
    where = _OURS.format(column)
    query = f"SELECT {column}, COUNT(*) FROM information_schema.{table} WHERE {where} GROUP BY 1"
    return {str(schema): int(count) for schema, count in await connection.rows(query)}


async def _broken(connection: Connection, schema: str, views: Iterable[str]) -> dict[str, str]:
    """The views that cannot be read. The dump tool asks the same of each, and stops at the first of them."""
    found = {}
    for view in views:
        try:
            await connection.rows(f"SHOW COLUMNS FROM {quoted(schema)}.{quoted(view)}")
        except aiomysql.MySQLError as error:
            if error.args[0] not in _INVALID:
                raise
            found[view] = str(error.args[1])
    return found
