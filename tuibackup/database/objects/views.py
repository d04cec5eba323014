"""The SQL of views that look at others (see `view_order`), and of sequences that tables of other databases rely on.

A dump ends with its own such views. Those that look into other databases are also in `views.sql`, for a restore of all
databases: that reads each dump only up to them, and creates them when all databases exist. `placeholders` creates,
before the dumps, sequences that another database's table has as a default; the dumps replace them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.inventory import DatabaseInfo, quoted
from tuibackup.database.native import lines
from tuibackup.database.native.dumper import Native
from tuibackup.database.objects.view_order import Place, references
from tuibackup.database.sql import settings
from tuibackup.errors import DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence

Late = tuple[int, bytes]  # the turn of a view among those of all databases, and its SQL


class _Asks(Protocol):
    async def rows(self, query: str, *values: object) -> Sequence[tuple[object, ...]]: ...


@dataclass(slots=True)
class ViewTexts:
    """The SQL of one database's views that are written apart. `faults`: which could not be read, and why."""

    own: bytes = b""
    late: tuple[Late, ...] = ()
    names: set[str] = field(default_factory=set)
    longest: int = 0  # bytes of the longest statement
    faults: list[str] = field(default_factory=list)


async def read_apart(database: DatabaseSession, infos: Iterable[DatabaseInfo]) -> dict[str, ViewTexts]:
    """The texts by database. Raises DatabaseError if the server accepts no login, ConnectionLostError."""
    found = {info.name: ViewTexts() for info in infos}
    wanted = [info for info in infos if info.apart.views]
    if not wanted:
        return found
    connection = await database.another()
    try:
        native = Native(connection, database.vendor, server=database.server)
        await native.prepare()
        for info in wanted:
            found[info.name] = await texts(native, info)
    finally:
        await connection.quit()
    return found


async def texts(native: Native, info: DatabaseInfo) -> ViewTexts:
    """The texts of one database. Raises ConnectionLostError."""
    found = ViewTexts()
    for view in info.apart.views:
        try:
            text = await native.view(info.name, view)
        except DatabaseError as error:
            found.faults.append(
                sentence(
                    "the view {view} cannot be read: {message}", view=printable(view), message=error.message
                )
            )
            continue
        found.names.add(view)
        found.longest = max(found.longest, len(text))
        if view in info.apart.late:
            found.late += ((info.apart.late[view], text),)
        else:
            found.own += text
    return found


def late_views(late: Iterable[tuple[str, Sequence[Late]]]) -> bytes:
    """SQL to run after all dumps: the late views of all databases (given by name); b"" if there are none."""
    turns = sorted((turn, name, text) for name, views in late for turn, text in views)
    if not turns:
        return b""
    parts = [lines.current(quoted(name).encode()) + text for _turn, name, text in turns]
    about = (
        b"-- Views that look into other databases. To be run after the dumps, each up to its own such views."
    )
    return b"\n".join((about, *_HEAD, *parts, *_TAIL)) + b"\n"


async def placeholders(database: _Asks, databases: Iterable[DatabaseInfo]) -> bytes:
    """SQL to run before the dumps of `databases` are restored one by one; b"" if none is needed."""
    sequences = {(info.name, name) for info in databases for name in info.sequences}
    if not sequences:
        return b""
    wanted: set[Place] = set()
    for schema, default in await database.rows(
        "SELECT TABLE_SCHEMA, COLUMN_DEFAULT FROM information_schema.COLUMNS"
        " WHERE COLUMN_DEFAULT LIKE '%val(`%'"
    ):
        wanted |= {one for one in references(str(default)) & sequences if one[0] != schema}
    if not wanted:
        return b""
    about = b"-- Sequences that tables of other databases rely on; the dumps replace them. To be run before the dumps."
    parts = [await _create(database, name) for name in sorted({name for name, _sequence in wanted})]
    parts += [f"CREATE SEQUENCE IF NOT EXISTS {quoted(a)}.{quoted(b)};" for a, b in sorted(wanted)]
    return b"\n".join((about, *_HEAD, *(part.encode() for part in parts), *_TAIL)) + b"\n"


_HEAD = (
    b"SET NAMES utf8mb4;",
    b"SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='';",
    settings.WRITING.rstrip(),
)
_TAIL = (b"SET SQL_MODE=@OLD_SQL_MODE;",)


async def _create(database: _Asks, name: str) -> str:
    """Create the database as it is on the source: its dump does so only if it does not exist."""
    [(charset, collation)] = await database.rows(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME = %s",
        name,
    )
    return (
        f"CREATE DATABASE IF NOT EXISTS {quoted(name)} DEFAULT CHARACTER SET {charset} COLLATE {collation};"
    )
