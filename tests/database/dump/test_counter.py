"""The session that counts: every table at the snapshot's instant, few journeys, whatever becomes of one of them."""

from typing import Any

import pytest

from tuibackup.config import Server
from tuibackup.database.connect.login import Login, log_in_again, login
from tuibackup.database.dump import counter
from tuibackup.database.dump.counter import Checker, batches
from tuibackup.database.inventory import TableInfo
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.errors import DatabaseError
from tuibackup.remote.session import Session

NAMES = [f"t{number}" for number in range(150)] + ["50%`", "a.b", "c'\\"]


async def test_many_small_tables_are_counted_with_few_statements(
    session: Session, server: Server, mariadbd: PrivateMariadb, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = ["`" + name.replace("`", "``") + "`" for name in NAMES]
    statements = [
        f"CREATE TABLE {name} SELECT seq AS id FROM seq_1_to_{number + 1};"
        for number, name in enumerate(quoted)
    ]
    mariadbd.sql("CREATE DATABASE banyak; USE banyak;" + "".join(statements))
    mariadbd.sql(
        "CREATE TABLE banyak.lama (i INT) WITH SYSTEM VERSIONING; INSERT INTO banyak.lama VALUES (1)"
    )
    mariadbd.sql("DELETE FROM banyak.lama")
    asked: list[str] = []
    rows = Login.rows

    async def counted(self: Login, query: str, *values: object, **more: Any) -> Any:
        asked.append(query)
        return await rows(self, query, *values, **more)

    async with await login(session, server, None) as database:
        checker = Checker(await log_in_again(session, database.options))
        monkeypatch.setattr(Login, "rows", counted)
        await checker.prepare()
        await checker.begin()
        mariadbd.sql("DROP TABLE banyak.t3; INSERT INTO banyak.t4 VALUES (7)")
        checker.start(database.databases, True, checksum=True)
        await checker.finish(0)
        await checker.stop()
    expected = {("banyak", name): number + 1 for number, name in enumerate(NAMES) if name != "t3"}
    assert checker.counts == expected | {("banyak", "lama"): 1}
    assert checker.contents.keys() == {("banyak", "lama")}, "of old rows CHECKSUM TABLE says nothing"
    assert checker.checksums.keys() | checker.contents.keys() == checker.counts.keys()
    # One batch of two is asked for again, half by half, because of the one that was dropped.
    assert sum(query.startswith("SELECT") for query in asked) <= 2 + 14 + 3  # and 3 for `lama`
    assert sum(query.startswith("CHECKSUM") for query in asked) == 2


def test_large_tables_are_looked_at_alone_and_last() -> None:
    tables = [
        ("a", TableInfo(f"t{size}", "BASE TABLE", "InnoDB", 1, size)) for size in (9 << 20, 3, 40 << 20)
    ]
    tables += [("b", TableInfo(f"s{number}", "BASE TABLE", "InnoDB", 1, 0)) for number in range(120)]
    found = [[table.bytes for _, table in some] for some in batches(tables)]
    assert found == [[0] * 100, [0] * 20 + [3, 9 << 20], [40 << 20]]
    assert list(batches([])) == []


async def test_what_cannot_be_asked_for_is_not_there(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql("CREATE DATABASE satu; CREATE TABLE satu.t (i INT); CREATE TABLE satu.u (i INT)")
    async with await login(session, server, None) as database:
        checker = Checker(await log_in_again(session, database.options))
        with pytest.raises(DatabaseError):
            await checker._login.rows("SELECT * FROM satu.nothing")
        await checker.prepare()
        await checker.begin()
        mariadbd.sql("DROP DATABASE satu")
        checker.start(database.databases, True, checksum=True)
        await checker.finish(0)
        await checker.stop()
    assert checker.counts == checker.checksums == {}


async def test_a_large_table_is_read_once_for_rows_and_checksum_and_counted_where_the_dump_differs(
    session: Session, server: Server, mariadbd: PrivateMariadb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "_LARGE", 0)
    kinds = {
        "biasa": "(id INT PRIMARY KEY)",
        "bagian": "(id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3",
        "padat": "(id INT) ROW_FORMAT=COMPRESSED",
        "kosong": "(id INT)",
        "berubah": "(id INT PRIMARY KEY)",
    }
    mariadbd.sql(
        "CREATE DATABASE satu; USE satu;" + "".join(f"CREATE TABLE {a} {b};" for a, b in kinds.items())
    )
    for name in kinds.keys() - {"kosong"}:
        mariadbd.sql(
            f"USE satu; INSERT INTO {name} SELECT seq FROM seq_1_to_999; DELETE FROM {name} WHERE id % 9 = 0"
        )
    rows = {("satu", name): 0 if name == "kosong" else 888 for name in kinds}
    asked: list[str] = []
    say = Login.rows

    async def heard(self: Login, query: str, *values: object, **more: Any) -> Any:
        asked.append(query)
        return await say(self, query, *values, **more)

    async with await login(session, server, None) as database:
        checker = Checker(await log_in_again(session, database.options))
        await checker.prepare()
        await checker.begin()
        mariadbd.sql("DELETE FROM satu.berubah WHERE id < 100")
        monkeypatch.setattr(Login, "rows", heard)
        checker.start(database.databases, True, checksum=True)
        await checker.finish(0)
        assert (checker.counts, checker.checksums.keys()) == (rows, rows.keys())
        [alone] = [query for query in asked if "COUNT" in query and "PARTITIONS" not in query]
        assert "bagian" in alone
        await checker.confirm(rows | {("satu", "biasa"): 7})
        await checker.stop()
    assert checker.counts == rows
    assert "`biasa`" in next(query for query in reversed(asked) if "COUNT" in query)
