"""What a database server holds: active databases, their tables, views, triggers, routines and events.

Names are identifiers in the server's own UTF-8; rows and bytes are its estimates.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiomysql

from tuibackup.database.channel import Connection
from tuibackup.database.looking import Apart, Place, arranged
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
# Character sets of which every byte that the server lets in comes back through utf8mb4, as dump programs write it.
_WHOLE_SETS = "'utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii', 'binary'"
_INVALID = (1356, 1146, 1054, 1449, 1142, 1143, 1305)  # what SHOW COLUMNS says of a view that cannot be read


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table or sequence. `floats` are its FLOAT columns.

    `fragile`: it may hold other values that dump programs do not bring back (bytes that are no character of their
    column's set, an ENUM's two kinds of empty value), or is one that they write wrong (every column generated).
    """

    name: str
    kind: str  # BASE TABLE, SEQUENCE, SYSTEM VERSIONED
    engine: str
    rows: int
    bytes: int
    floats: tuple[str, ...] = ()
    fragile: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """One active database. `rows` and `bytes` are the sums over its tables; `broken` maps views to the error.

    `triggers`, `routines` and `events` are names as information_schema has them: a package and its body are two
    routines of one name. `apart`: the views that are written behind everything else (see `looking`).
    """

    name: str
    tables: tuple[TableInfo, ...] = ()
    views: tuple[str, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    routines: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    packages: int = 0  # of the routines
    apart: Apart = field(default_factory=Apart)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables)

    @property
    def sequences(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.tables if table.kind == "SEQUENCE")

    @property
    def versioned(self) -> tuple[str, ...]:
        """Tables whose old rows the server keeps."""
        return tuple(table.name for table in self.tables if table.kind == "SYSTEM VERSIONED")

    def __str__(self) -> str:
        """In one line: "siakad: 12 tables (InnoDB 11, MyISAM 1), about 35,000 rows, 12.0 MB, 2 views"."""
        plain = [table for table in self.tables if table.kind != "SEQUENCE"]
        engines = Counter(table.engine or table.kind.lower() for table in plain)
        named = ", ".join(f"{printable(engine)} {count(number)}" for engine, number in engines.most_common())
        counts = {
            "views": len(self.views),
            "sequences": len(self.sequences),
            "triggers": len(self.triggers),
            "routines": len(self.routines) - self.packages,
            "packages": self.packages,
            "events": len(self.events),
        }
        parts = [
            tables(len(plain)) + (f" ({named})" if named else ""),
            f"about {count(self.rows)} {'row' if self.rows == 1 else 'rows'}",
            size(self.bytes),
            *(
                f"{count(number)} {what if number > 1 else what[:-1]}"
                for what, number in counts.items()
                if number
            ),
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
    floats, fragile = await _floats(connection), await _fragile(connection)
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
                TableInfo(
                    name,
                    kind,
                    str(engine or ""),
                    int(rows or 0),
                    int(bytes_ or 0),
                    columns,
                    (schema, name) in fragile,
                )
            )
    triggers = await _names(connection, "TRIGGER", "TRIGGERS")
    routines = await _names(connection, "ROUTINE", "ROUTINES")
    events = await _names(connection, "EVENT", "EVENTS")
    packages = await _names(connection, "ROUTINE", "ROUTINES", " AND ROUTINE_TYPE LIKE 'PACKAGE%%'")
    broken = {name: await _broken(connection, name, views[name]) for name in names}
    apart = arranged(await _definitions(connection, broken), names)
    return tuple(
        DatabaseInfo(
            name,
            tuple(sorted(tables[name], key=lambda table: table.name)),
            tuple(sorted(views[name])),
            broken[name],
            tuple(triggers[name]),
            tuple(routines[name]),
            tuple(events[name]),
            len(packages[name]),
            apart.get(name, Apart()),
        )
        for name in names
    )


async def _floats(connection: Connection) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for schema, table, column in await connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
        f" WHERE DATA_TYPE = 'float' AND {_OURS.format('TABLE_SCHEMA')}"
    ):
        found[schema, table].append(column)
    return found


async def _fragile(connection: Connection) -> frozenset[tuple[str, str]]:
    found = await connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS"
        f" WHERE {_OURS.format('TABLE_SCHEMA')} GROUP BY TABLE_SCHEMA, TABLE_NAME HAVING"
        f" SUM(COALESCE(CHARACTER_SET_NAME, 'binary') NOT IN ({_WHOLE_SETS})) > 0"
        " OR SUM(DATA_TYPE = 'enum' AND (COLUMN_TYPE LIKE 'enum('''',%' OR COLUMN_TYPE LIKE '%,'''',%'"
        " OR COLUMN_TYPE LIKE '%,'''')')) > 0"
        " OR SUM(EXTRA NOT LIKE '%VIRTUAL GENERATED%' AND EXTRA NOT LIKE '%STORED GENERATED%') = 0"
    )
    return frozenset((str(schema), str(name)) for schema, name in found)


async def _names(connection: Connection, what: str, table: str, more: str = "") -> dict[str, list[str]]:
    """Names by database, sorted."""
    found: dict[str, list[str]] = defaultdict(list)
    where = _OURS.format(f"{what}_SCHEMA") + more
    query = f"SELECT {what}_SCHEMA, {what}_NAME FROM information_schema.{table} WHERE {where}"
    for schema, name in sorted(await connection.rows(query)):
        found[str(schema)].append(str(name))
    return found


async def _definitions(connection: Connection, broken: Mapping[str, Mapping[str, str]]) -> dict[Place, str]:
    """How each view is made; but of databases that are not active, and broken ones (given by database)."""
    return {
        (str(schema), str(view)): str(definition)
        for schema, view, definition in await connection.rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS"
            f" WHERE {_OURS.format('TABLE_SCHEMA')}"
        )
        if schema in broken and view not in broken[schema]
    }


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
