"""What a database server holds: active databases, their tables, views, triggers, routines and events.

Names are identifiers in the server's own UTF-8; rows and bytes are its estimates.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

import aiomysql

from tuibackup.database.connect.connection import Connection
from tuibackup.database.objects.programs import NOBODY, Unlisted, programs
from tuibackup.database.objects.shown import (
    EVENT,
    SEQUENCE,
    TABLE,
    TRIGGER,
    VIEW,
    WITHOUT_ROWS,
    LeftOut,
    Object,
    left_out,
    refused,
)
from tuibackup.database.objects.shown import quoted as quoted
from tuibackup.database.objects.tablespaces import general_tablespaces
from tuibackup.database.objects.view_order import Apart, Place, arranged, outside
from tuibackup.text import count, printable, size
from tuibackup.words import joined, sentence, sentence_n

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
BY_TRANSACTION = "SYSTEM VERSIONED BY TRANSACTION"
# The server needs longer for the views of sys than for everything else.
_OURS = "{} NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', 'ndbinfo')"
_OF_TABLES = (
    "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS"
    f" WHERE {_OURS.format('TRIGGER_SCHEMA')}"
)
_PASSED = sentence("its time has passed, and a server drops such an event at once")
OLD_NAME = "#mysql50#"
"""The beginning of the name of a database whose folder is not named as a server names folders since MySQL 5.1."""
_NO_NAME = 1102  # the server's number for a name that no database can have
_PLURAL = {TABLE: "tables", SEQUENCE: "tables", VIEW: "views", TRIGGER: "triggers", EVENT: "events"}
# Character sets whose bytes all survive the way through utf8mb4, which dump programs write.
_WHOLE_SETS = "'utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii', 'binary'"


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table or sequence. `floats` are its FLOAT columns.

    `fragile`: dump programs may lose other values of it (bytes that are no character of their column's set, an ENUM's
    two kinds of empty value), write it wrong (every column generated, in a named tablespace, with a hidden primary
    key) or not at all (a history by transactions).
    """

    name: str
    kind: str  # BASE TABLE, SEQUENCE, SYSTEM VERSIONED, or BY_TRANSACTION
    engine: str
    rows: int
    bytes: int
    floats: tuple[str, ...] = ()
    fragile: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """One active database: what a dump can contain, and what is `left_out`. Rows and bytes: sums over its tables.

    `routines` are kinds ("procedure", "package body") and names. `unlisted`: which of triggers, routines and events the
    server does not list at all, with its words. `apart`: the views that are written after everything else
    (see `view_order`).
    """

    name: str
    tables: tuple[TableInfo, ...] = ()
    views: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    routines: tuple[tuple[str, str], ...] = ()
    events: tuple[str, ...] = ()
    apart: Apart = field(default_factory=Apart)
    left_out: tuple[LeftOut, ...] = ()
    unlisted: Mapping[str, Unlisted] = field(default_factory=dict)
    held: frozenset[str] = (
        frozenset()
    )  # tables and views that somebody else had locked when the inventory was taken
    ownerless: bool = False  # some of its objects have no definer

    @property
    def natively(self) -> bool:
        """Whether no dump program can dump it, so that it is read over a connection of ours.

        A dump program cannot leave out a single trigger, routine or event: it stops there. It can leave out all of a
        kind (if the server does not list them), and those of tables that are left out. It would also wait without
        limit for a table that somebody holds, and writes an empty definer, which no server accepts.
        """
        if self.held or self.ownerless:
            return True
        kinds = {one.kind for one in self.left_out if not one.definition} - {TABLE, SEQUENCE, VIEW}
        return any(listed_with(kind) not in self.unlisted for kind in kinds)

    def without(self, found: Iterable[LeftOut]) -> "DatabaseInfo":
        """This database without what could not be read, `found`; a table stays if some of its rows were read."""
        found = tuple(found)
        gone = {(_PLURAL.get(one.kind, one.kind), one.name) for one in found if one.rows is None}
        return replace(
            self,
            tables=tuple(table for table in self.tables if ("tables", table.name) not in gone),
            views=tuple(view for view in self.views if ("views", view) not in gone),
            triggers=tuple(trigger for trigger in self.triggers if ("triggers", trigger) not in gone),
            routines=tuple(routine for routine in self.routines if routine not in gone),
            events=tuple(event for event in self.events if ("events", event) not in gone),
            left_out=(*self.left_out, *found),
        )

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The tables, sequences and views that a dump program is told to leave out."""
        return tuple(one.name for one in self.left_out if one.kind in (TABLE, SEQUENCE, VIEW))

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
        named = joined(
            ", ",
            (joined(" ", (printable(engine), count(number))) for engine, number in engines.most_common()),
        )
        packages = sum(kind.startswith("package") for kind, _name in self.routines)
        views, sequences, events = len(self.views), len(self.sequences), len(self.events)
        triggers, routines = len(self.triggers), len(self.routines) - packages
        counts = {
            sentence_n("{count} view", "{count} views", views): views,
            sentence_n("{count} sequence", "{count} sequences", sequences): sequences,
            sentence_n("{count} trigger", "{count} triggers", triggers): triggers,
            sentence_n("{count} routine", "{count} routines", routines): routines,
            sentence_n("{count} package", "{count} packages", packages): packages,
            sentence_n("{count} event", "{count} events", events): events,
        }
        parts = [
            joined("", (tables(len(plain)), joined("", (" (", named, ")")) if named else "")),
            sentence("about {rows}", rows=sentence_n("{count} row", "{count} rows", self.rows)),
            size(self.bytes),
            *(text for text, number in counts.items() if number),
        ]
        return joined("", (printable(self.name), ": ", joined(", ", parts)))


def listed_with(kind: str) -> str:
    """The list of the server that has objects of `kind`: "tables", "views", "triggers", "routines" or "events"."""
    return _PLURAL.get(kind, "routines")


def tables(number: int) -> str:
    """ "1 table", "1,204 tables"."""
    return sentence_n("{count} table", "{count} tables", number)


async def take(
    connection: Connection, exclude: frozenset[str], feared: Mapping[Object, str]
) -> tuple[DatabaseInfo, ...]:
    """All active databases except those excluded, by name. The objects in `feared` (with the reason) are not read.

    Raises LostAtError if the connection ends at one object.
    """
    names = [
        name
        for (name,) in sorted(await connection.rows("SHOW DATABASES"))
        if name not in SYSTEM and name not in exclude and await _usable(connection, name)
    ]
    tables, objects = await _tables(connection)
    stored = await programs(connection)
    unlisted = stored.unlisted
    there = frozenset(names)
    excluded = {(one.database, one.name) for one in (*objects, *stored.objects) if one.database in exclude}
    objects = sorted({one for one in (*objects, *stored.objects) if one.database in there})
    rowless = {
        Object(database, TABLE, name)
        for (database, name), table in tables.items()
        if table.engine.lower() in WITHOUT_ROWS
    }
    refusals, held = await refused(connection, objects, rowless, feared)
    if "triggers" not in unlisted and any(one.kind == TABLE for one in refusals):
        for schema, name, table in await connection.rows(_OF_TABLES):
            if Object(str(schema), TABLE, str(table)) in refusals:
                trigger = Object(str(schema), TRIGGER, str(name))
                refusals.setdefault(
                    trigger, sentence("its table {table} is left out", table=printable(str(table)))
                )
    views = {(one.database, one.name) for one in objects if one.kind == VIEW and one not in refusals}
    definitions, ownerless = await _definitions(connection, views)
    ownerless |= stored.ownerless
    alone = {
        Object(place[0], VIEW, place[1]): sentence(
            "it looks into {other}, which is excluded from this backup", other=printable(other)
        )
        for place, other in outside(definitions, excluded).items()
    }
    if "events" not in unlisted:
        alone |= {one: _PASSED for one in await _passed(connection) if one not in refusals}
    left: dict[str, list[LeftOut]] = defaultdict(list)
    for one, told in (await left_out(connection, alone | refusals, feared)).items():
        left[one.database].append(told if one in refusals else replace(told, sound=True))
    routines: dict[str, list[tuple[str, str]]] = defaultdict(list)
    sound: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in objects:
        if one in refusals or one in alone:
            continue
        if one.kind in _PLURAL:
            sound[one.database, _PLURAL[one.kind]].append(one.name)
        else:
            routines[one.database].append((one.kind, one.name))
    made_again = {
        place: text for place, text in definitions.items() if Object(place[0], VIEW, place[1]) not in alone
    }
    apart = arranged(made_again, names)
    return tuple(
        [
            DatabaseInfo(
                name,
                tuple(tables[name, table] for table in sorted(sound[name, "tables"])),
                tuple(sound[name, "views"]),
                tuple(sound[name, "triggers"]),
                tuple(routines[name]),
                tuple(sound[name, "events"]),
                apart.get(name, Apart()),
                tuple(left[name]),
                unlisted,
                frozenset(one.name for one in held if one.database == name),
                name in ownerless,
            )
            for name in names
        ]
    )


async def _usable(connection: Connection, name: str) -> bool:
    """Whether it is a database: servers also list a folder like .ssh in their data folder."""
    if not name.startswith(OLD_NAME):
        return True
    [answer] = await connection.each([f"SHOW TABLES FROM {quoted(name)}"])
    return not (isinstance(answer, aiomysql.MySQLError) and answer.args[0] == _NO_NAME)


async def _passed(connection: Connection) -> list[Object]:
    """Events whose time has passed and that are not preserved: only a server that runs no events still has them."""
    return [
        Object(str(schema), EVENT, str(name))
        for schema, name in await connection.rows(
            "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE ON_COMPLETION = 'NOT PRESERVE'"
            " AND CONVERT_TZ(COALESCE(EXECUTE_AT, ENDS), TIME_ZONE, '+00:00') < UTC_TIMESTAMP()"
        )
    ]


async def _tables(connection: Connection) -> tuple[dict[tuple[str, str], TableInfo], list[Object]]:
    """Tables and sequences by database and name; and these and the views as objects to ask about."""
    floats, fragile = await _floats(connection), await _fragile(connection)
    spaces = await general_tablespaces(connection)
    tables: dict[tuple[str, str], TableInfo] = {}
    objects: list[Object] = []
    for schema, name, kind, engine, rows, bytes_ in await connection.rows(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS,"
        " COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES"
        f" WHERE {_OURS.format('TABLE_SCHEMA')}"
    ):
        place = str(schema), str(name)
        if kind == "VIEW":
            objects.append(Object(place[0], VIEW, place[1]))
        elif kind != "SYSTEM VIEW":
            objects.append(Object(place[0], SEQUENCE if kind == "SEQUENCE" else TABLE, place[1]))
            columns = tuple(floats.get(place, ()))
            tables[place] = TableInfo(
                name,
                kind,
                str(engine or ""),
                int(rows or 0),
                int(bytes_ or 0),
                columns,
                place in fragile or spaces.may_hold(*place),
            )
    for place in await _by_transaction(connection, tables.values()):
        if place in tables:
            tables[place] = replace(tables[place], kind=BY_TRANSACTION, fragile=True)
    return tables, objects


async def _by_transaction(connection: Connection, tables: Iterable[TableInfo]) -> list[Place]:
    """Tables whose history has transaction numbers instead of times: dump programs stop at it."""
    if not any(table.kind == "SYSTEM VERSIONED" for table in tables):
        return []  # old servers do not even have the column that is asked for
    return [
        (str(schema), str(name))
        for schema, name in await connection.rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS"
            f" WHERE {_OURS.format('TABLE_SCHEMA')} AND DATA_TYPE = 'bigint' AND GENERATION_EXPRESSION = 'ROW START'"
        )
    ]


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
        # A primary key that MySQL made by itself and hides from sessions that do not ask for it, as ours do.
        " /*!80030 OR (SUM(COLUMN_NAME = 'my_row_id' AND EXTRA LIKE '%INVISIBLE%') > 0"
        " AND NOT @@global.show_gipk_in_create_table_and_information_schema) */"
    )
    return frozenset((str(schema), str(name)) for schema, name in found)


async def _definitions(
    connection: Connection, views: Container[Place]
) -> tuple[dict[Place, str], frozenset[str]]:
    """The definition of each of `views`, and the databases in which one has no definer."""
    found = [
        ((str(schema), str(view)), str(definition), str(definer))
        for schema, view, definition, definer in await connection.rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, DEFINER FROM information_schema.VIEWS"
            f" WHERE {_OURS.format('TABLE_SCHEMA')}"
        )
        if (str(schema), str(view)) in views
    ]
    return {place: definition for place, definition, _definer in found}, frozenset(
        place[0] for place, _definition, definer in found if definer in NOBODY
    )
