"""All that a database server holds, as it says it itself: what two servers are compared by.

Each object by its SHOW CREATE, each table by CHECKSUM TABLE and by its rows in hex as well, each sequence by where it
stands, triggers by their order.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.database.natively import connection
from tuibackup.database.connect.connection import Connection
from tuibackup.database.connect.packets import columns
from tuibackup.database.inventory import DatabaseInfo, quoted, take

Rows = list[list[bytes | None]]
_VERSIONED = "SYSTEM VERSIONED"


async def everything(socket: Path, names: Iterable[str] = ()) -> dict[str, Rows]:
    """What there is in the databases `names` (all of them where none is given), by what was asked for."""
    async with connection(socket) as asking:
        infos = await take(asking, frozenset(), {})
        for setting in ("NAMES binary", "time_zone = '+00:00'", "sql_mode = ''"):
            await _rows(asking, f"SET {setting}")
        found: dict[str, Rows] = {}
        for info in infos:
            if not names or info.name in names:
                found |= await _database(asking, info)
    return found


async def _database(asking: Connection, info: DatabaseInfo) -> dict[str, Rows]:
    found: dict[str, Rows] = {}

    async def ask(query: str, leave: int | None = None) -> Rows:
        rows = [row[:leave] for row in await _rows(asking, query)]
        found[f"{info.name}: {query}"] = rows
        return rows

    await _rows(asking, f"USE {quoted(info.name)}")
    await ask(f"SHOW CREATE DATABASE {quoted(info.name)}")
    for table in info.tables:
        name = quoted(table.name)
        if table.kind == "SEQUENCE":
            await ask(f"SHOW CREATE SEQUENCE {name}")
            await ask(f"SELECT * FROM {name}")
            continue
        await ask(f"SHOW CREATE TABLE {name}")
        await ask(f"CHECKSUM TABLE {name}")
        await _contents(asking, info.name, table.name, table.kind == _VERSIONED, found)
        await ask(
            "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER FROM information_schema.TRIGGERS"
            f" WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = X'{table.name.encode().hex()}'"
            " ORDER BY 2, 3, 4"
        )
    for view in info.views:
        await ask(f"SHOW CREATE VIEW {quoted(view)}")
        await ask(f"SELECT * FROM {quoted(view)}")
    for kind, what, where in (
        ("TRIGGER", "'TRIGGER', TRIGGER_NAME", "TRIGGERS WHERE TRIGGER_SCHEMA"),
        ("EVENT", "'EVENT', EVENT_NAME", "EVENTS WHERE EVENT_SCHEMA"),
        ("", "ROUTINE_TYPE, ROUTINE_NAME", "ROUTINES WHERE ROUTINE_SCHEMA"),
    ):
        for named, name_ in await ask(
            f"SELECT {what} FROM information_schema.{where} = DATABASE() ORDER BY 1, 2"
        ):
            assert named is not None
            assert name_ is not None
            # A trigger says when it was made, too.
            leave = -1 if kind == "TRIGGER" else None
            await ask(f"SHOW CREATE {named.decode()} {quoted(name_.decode())}", leave)
    return found


async def _contents(
    asking: Connection, database: str, table: str, versioned: bool, found: dict[str, Rows]
) -> None:
    """The rows, each column's bytes in hex, in no order; with those of all time where it keeps them."""
    said = await _rows(
        asking,
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = X'{table.encode().hex()}' ORDER BY ORDINAL_POSITION",
    )
    words = []
    for name, kind in said:
        assert name is not None
        column = quoted(name.decode())
        exact = f"{column}+0e0" if kind == b"float" else column
        words.append(f"HEX(CAST({exact} AS BINARY))" if kind != b"geometry" else f"HEX({column})")
    if versioned and not any(name == b"sampai" for name, _ in said):
        words += ["row_start", "row_end"]
    of_all_time = " FOR SYSTEM_TIME ALL" if versioned else ""
    rows = await _rows(asking, f"SELECT {', '.join(words)} FROM {quoted(table)}{of_all_time}")
    found[f"{database}: rows of {quoted(table)}"] = sorted(
        ([value if value is None else value[:200] + value[-200:] for value in row] for row in rows),
        key=lambda row: [(value is None, value or b"") for value in row],
    )


async def _rows(asking: Connection, query: str) -> Rows:
    return [columns(packet) async for batch in asking.stream(query.encode()) for packet in batch]


def differences(one: dict[str, Rows], other: dict[str, Rows]) -> dict[str, tuple[Rows | None, Rows | None]]:
    """What is not the same in both."""
    return {
        asked: (one.get(asked), other.get(asked))
        for asked in sorted({*one, *other})
        if one.get(asked) != other.get(asked)
    }
