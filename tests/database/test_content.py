"""A table's content as one number: another one for every change of a row, the same however rows are stored."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.database.peculiar import SQL, TABLES
from tuibackup.database import content
from tuibackup.database.content import Content
from tuibackup.database.restore.target import TargetServer, local_target
from tuibackup.demo.mariadbd import PrivateMariadb, account


@pytest.fixture
async def target(mariadbd: PrivateMariadb) -> AsyncIterator[TargetServer]:
    mariadbd.sql("CREATE OR REPLACE DATABASE aneh")
    mariadbd.sql(SQL, "aneh")
    async with local_target(mariadbd.socket, account(), None) as server:
        await server.rows(content.SETTINGS)
        yield server


async def taken(target: TargetServer, *tables: str) -> dict[str, tuple[int, int]]:
    """Rows and content by table of the database aneh."""
    kinds = dict(
        await target.rows(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'aneh'"
        )
    )
    names = tables or sorted(TABLES)
    asked = content.COLUMNS.format(", ".join(["%s"] * len(names)))
    columns = content.by_table(await target.rows(asked, "aneh", *names))
    found = {}
    for name in names:
        history = kinds[name] == "SYSTEM VERSIONED"
        text = content.query(f"aneh.`{name}`", columns[name], history=history, rounded=False)
        [(rows, number)] = await target.rows(f"SELECT {text}")
        found[name] = int(rows), int(number)
    return found


async def test_every_change_of_a_row_changes_it(target: TargetServer, mariadbd: PrivateMariadb) -> None:
    before = await taken(target)
    changing: dict[str, list[str]] = {}
    for table in sorted(TABLES):
        for (column,) in await target.rows(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'aneh' AND TABLE_NAME = %s"
            " AND GENERATION_EXPRESSION IS NULL AND IS_NULLABLE = 'YES' AND COLUMN_KEY = ''",
            table,
        ):
            changing.setdefault(table, []).append(str(column))
    for table, columns in changing.items():
        for column in columns:
            await target.rows("START TRANSACTION")
            await target.rows(f"UPDATE aneh.`{table}` SET `{column}` = NULL WHERE `{column}` IS NOT NULL")
            assert (await taken(target, table))[table][1] != before[table][1], f"{table}.{column} became NULL"
            await target.rows("ROLLBACK")
    for table in sorted(TABLES):
        await target.rows("START TRANSACTION")
        await target.rows(f"DELETE FROM aneh.`{table}` LIMIT 1")
        assert (await taken(target, table))[table] != before[table], f"a row of {table} was removed"
        await target.rows("ROLLBACK")
    assert await taken(target) == before


async def test_how_a_table_is_stored_changes_nothing(target: TargetServer, mariadbd: PrivateMariadb) -> None:
    before = await taken(target)
    for change in ("ENGINE=Aria", "ENGINE=InnoDB ROW_FORMAT=COMPACT"):
        # Old rows stay with their engine.
        names = sorted(name for name in TABLES if not name.startswith("versioned"))
        mariadbd.sql("".join(f"ALTER TABLE `{name}` {change};" for name in names), "aneh")
        assert await taken(target) == before, change


VALUES = st.sampled_from(
    [None, "", "0", "1", "N", ",", ",N", "1,1", "a", "A", "a ", "é", "0:0", "'", "\\", "\0"]
)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.sampled_from([None, 0, 1, -1, 11])), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS)
async def test_it_is_the_same_for_the_same_rows_and_no_others(
    target: TargetServer, some: list[tuple[object, ...]], more: list[tuple[object, ...]]
) -> None:
    numbers = []
    for rows in (some, more, some[::-1], [(two, one, three) for one, two, three in some]):
        await target.rows("CREATE OR REPLACE TEMPORARY TABLE aneh.acak (a VARCHAR(9), b VARCHAR(9), c INT)")
        for row in rows:
            await target.rows("INSERT INTO aneh.acak VALUES (%s, %s, %s)", *row)
        columns = [
            content.ContentColumn(name, kind)
            for name, kind in (("a", "varchar"), ("b", "varchar"), ("c", "int"))
        ]
        [(_, number)] = await target.rows(
            f"SELECT {content.query('aneh.acak', columns, history=False, rounded=False)}"
        )
        numbers.append((Counter(rows), int(number)))
    for rows, number in numbers:
        for others, other in numbers:
            assert (number == other) == (rows == others), (rows, others)


def test_what_a_later_form_says_is_not_known() -> None:
    content_ = Content(7, history=True)
    assert content.recorded(content_.document()) == content_
    assert content.recorded(content_.document() | {"form": 2}) is None
    assert content.recorded(None) is None
    assert content.recorded({"form": 1, "sum": "7"}) is None
