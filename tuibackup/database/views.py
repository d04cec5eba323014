"""Views that look into other databases, and what must be there before they can be created again.

A dump creates its views at its end, and a view into a database that is restored later cannot be created; with views
in circles no order helps. So `placeholders` makes, before everything else, an empty table with the same columns for
each table or view that another database's view looks at, and a function that returns NULL for each function. The dumps
drop them and create the real ones. Dump programs do the same within one database ("Temporary table structure for
view").
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from tuibackup.database.inventory import DatabaseInfo, quoted

# The server writes a view's definition with every identifier in backticks and what it selects from in full. A string
# may hold anything, so strings are passed over.
_REFERENCE = re.compile(r"'(?:[^'\\]|\\.|'')*'|(`(?:[^`]|``)+`)\.(`(?:[^`]|``)+`)", re.DOTALL)

Place = tuple[str, str]  # database and name of a table, view or function


class _Asks(Protocol):
    async def rows(self, query: str, *values: object) -> Sequence[tuple[object, ...]]: ...


def references(definition: str) -> set[Place]:
    """Every `a`.`b` in a view's definition: databases with what is in them, but tables with their columns too."""
    return {
        (_plain(match[1]), _plain(match[2]))
        for match in _REFERENCE.finditer(definition)
        if match[1] is not None
    }


async def placeholders(database: _Asks, databases: Iterable[DatabaseInfo]) -> str:
    """SQL to run before the dumps of `databases` are restored one by one; "" where no view needs any."""
    infos = {info.name: info for info in databases}
    wanted: set[Place] = set()
    if len(infos) > 1:
        for schema, view, definition in await database.rows(
            "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS"
            " WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', 'ndbinfo')"
        ):
            own = infos.get(str(schema))
            if own is not None and view not in own.broken:
                wanted |= {one for one in references(str(definition)) if one[0] != schema and one[0] in infos}
    tables = {
        (info.name, name)
        for info in infos.values()
        for name in (*(table.name for table in info.tables), *info.views)
        if name not in info.broken
    }
    statements = [await _table(database, place) for place in sorted(wanted & tables)]
    for place in sorted(wanted - tables):
        statements += await _functions(database, place)
    if not statements:
        return ""
    names = sorted({place[0] for place in wanted})
    return "".join(
        f"{line}\n" for line in (*_HEAD, *[await _create(database, n) for n in names], *statements, *_TAIL)
    )


_HEAD = (
    "-- Empty stand-ins for what views of other databases look at; the dumps replace them. To be run before the dumps.",
    "SET NAMES utf8mb4;",
    "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='';",
)
_TAIL = ("SET SQL_MODE=@OLD_SQL_MODE;",)


async def _create(database: _Asks, name: str) -> str:
    """The database itself as it is, for a dump creates it only where it does not exist."""
    [(charset, collation)] = await database.rows(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME = %s",
        name,
    )
    return (
        f"CREATE DATABASE IF NOT EXISTS {quoted(name)} DEFAULT CHARACTER SET {charset} COLLATE {collation};"
    )


async def _table(database: _Asks, place: Place) -> str:
    columns = []
    for name, kind, data_type, charset, collation in await database.rows(
        "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME"
        " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        *place,
    ):
        # The rows of a view may be wider than a table's are allowed to be.
        wide = data_type in ("varchar", "char")
        words = [quoted(str(name)), "text" if wide else str(kind)]
        if charset:
            words.append(f"CHARACTER SET {charset} COLLATE {collation}")
        columns.append(f"{' '.join(words)} NULL")
    return f"CREATE TABLE IF NOT EXISTS {_full(place)} ({', '.join(columns)});"


async def _functions(database: _Asks, place: Place) -> list[str]:
    """A stand-in for the function at `place`; none where there is no such function (it was a table's column)."""
    parameters: dict[str, list[str]] = defaultdict(list)
    returns: dict[str, str] = {}
    for name, position, parameter, kind, charset in await database.rows(
        "SELECT SPECIFIC_NAME, ORDINAL_POSITION, PARAMETER_NAME, DTD_IDENTIFIER, CHARACTER_SET_NAME"
        " FROM information_schema.PARAMETERS"
        " WHERE SPECIFIC_SCHEMA = %s AND SPECIFIC_NAME = %s AND ROUTINE_TYPE = 'FUNCTION' ORDER BY ORDINAL_POSITION",
        *place,
    ):
        full = (
            f"{kind} CHARACTER SET {charset}" if charset and "CHARSET" not in str(kind).upper() else str(kind)
        )
        if position == 0:
            returns[str(name)] = full
        else:
            parameters[str(name)].append(f"{quoted(str(parameter))} {full}")
    return [
        f"CREATE FUNCTION IF NOT EXISTS {_full(place)} ({', '.join(parameters[name])}) RETURNS {kind}"
        " DETERMINISTIC NO SQL RETURN NULL;"
        for name, kind in returns.items()
    ]


def _full(place: Place) -> str:
    return f"{quoted(place[0])}.{quoted(place[1])}"


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`")
