"""Step 4 against a real server: what is dumped, what is said about it, and that it restores."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.conftest import MariadbStarter
from tests.database.conftest import NAMES, Collected, unpacked
from tuibackup.config import Database, Server
from tuibackup.database.connect.login import login
from tuibackup.database.dump.dump import DumpResult, dump
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.errors import DatabaseError
from tuibackup.progress import Progress
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.secret import Secret
from tuibackup.sop import Outcome
from tuibackup.vault.incoming import Incoming


async def dumped(
    session: Session, server: Server, incoming: Incoming, reporter: Collected, password: str | None = None
) -> DumpResult:
    secret = Secret(password) if password else None
    async with await login(session, server, secret) as database:
        return await dump(session, await probe(session), database, server, incoming, reporter)


def limited(objects: PrivateMariadb, server: Server, rights: str) -> Server:
    """The same server with an account that has only these rights; its password is "x"."""
    objects.sql(
        f"CREATE OR REPLACE USER backup@localhost IDENTIFIED BY 'x'; GRANT {rights} ON *.* TO backup@localhost"
    )
    assert server.database is not None
    return replace(server, database=replace(server.database, user="backup"))


async def test_everything_in_a_database_is_dumped_and_restores(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    start_mariadb: MariadbStarter,
) -> None:
    result = await dumped(session, server, incoming, reporter)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])
    assert [one.name for one in result.databases] == list(NAMES)
    scratch = start_mariadb()
    for one in result.databases:
        scratch.sql(unpacked(incoming.path / one.file))
    for question in (
        "CHECKSUM TABLE akademik.nilai, `-od.d na``me`.`a.b\nc`",
        "SHOW CREATE VIEW akademik.ringkas",
        "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS",
        "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='akademik'",
        "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS",
        "SHOW DATABASES",
    ):
        assert scratch.sql(question) == objects.sql(question)


async def test_tables_json_says_where_each_table_lies_and_how_many_rows_it_has(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    result = await dumped(session, server, incoming, reporter)
    akademik = next(
        one
        for one in json.loads((incoming.path / "tables.json").read_text())["databases"]
        if one["name"] == "akademik"
    )
    sql = unpacked(incoming.path / akademik["file"])
    assert len(sql) == akademik["bytes"]
    tables = {table["name"]: table for table in akademik["tables"]}
    assert set(tables) == {"nilai", "nomor"}
    assert tables["nilai"]["rows"] == 3000
    part = sql[tables["nilai"]["offset"] :][: tables["nilai"]["bytes"]]
    assert part.startswith(b"-- Table structure for table `nilai`")
    assert part.count(b"INSERT INTO") == sql.count(b"INSERT INTO")
    assert result.bytes == sum(one.bytes for one in result.databases)


async def test_it_is_told_table_by_table_how_far_it_is(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    seen: list[Progress] = []
    reporter.progress = seen.append  # type: ignore[method-assign]
    before = {"akademik": 10_000_000}
    async with await login(session, server, None) as database:
        await dump(session, await probe(session), database, server, incoming, reporter, before=before)
    assert (seen[-1].items, seen[-1].items_total, seen[-1].unit) == (3, 3, "tables")
    assert seen[-1].bytes > 100_000
    assert seen[-1].bytes_total is not None
    assert seen[-1].bytes_total >= 10_000_000  # as the last dump had it, not as the server estimates
    assert "akademik.nilai" in " ".join(one.current for one in seen)
    assert {"akademik: nilai", "akademik: nomor"} <= set(reporter.lines)
    assert any(
        line.startswith("one instant, lock ") and line.endswith("side by side: 2") for line in reporter.lines
    )


async def test_what_the_account_may_not_read_is_said_with_the_grant_that_is_missing(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    less = limited(objects, server, "SELECT, SHOW VIEW, EVENT, SHOW DATABASES")
    result = await dumped(session, less, incoming, reporter, "x")
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, False)
    said = [finding.reason for finding in reporter.findings if finding.subject == "akademik"]
    assert any(
        "GRANT TRIGGER, LOCK TABLES, RELOAD, PROCESS ON *.* TO 'backup'@'localhost'" in reason
        for reason in said
    )
    assert all(finding.mark for finding in reporter.findings if "GRANT" in finding.reason)


async def test_a_broken_view_is_left_out_and_said_and_the_rest_is_there(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    objects.sql(
        "CREATE TABLE akademik.lama (x INT, y INT); CREATE VIEW akademik.aaa AS SELECT y FROM akademik.lama;"
        "ALTER TABLE akademik.lama DROP COLUMN y"
    )
    result = await dumped(session, server, incoming, reporter)
    assert result.outcome is Outcome.WARNINGS
    assert result.whole
    assert [finding.subject for finding in reporter.findings] == ["akademik.aaa"]
    akademik = next(one for one in result.databases if one.name == "akademik")
    assert akademik.tables == 3


MORE = (
    "CREATE TABLE akademik.ukur (id INT PRIMARY KEY, nilai FLOAT); INSERT INTO akademik.ukur VALUES (1, 16777216),"
    " (2, 0.1), (3, NULL); CREATE TABLE akademik.catatan (x INT) ENGINE=MyISAM;"
    "INSERT INTO akademik.catatan VALUES (7);"
    "CREATE TRIGGER akademik.catat AFTER INSERT ON akademik.ukur FOR EACH ROW INSERT INTO catatan VALUES (1)"
)


async def test_float_columns_and_tables_without_transactions_are_read_beside_the_program(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    start_mariadb: MariadbStarter,
) -> None:
    objects.sql(MORE)
    result = await dumped(session, server, incoming, reporter)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])
    akademik = next(
        one
        for one in json.loads((incoming.path / "tables.json").read_text())["databases"]
        if one["name"] == "akademik"
    )
    sql = unpacked(incoming.path / akademik["file"])
    assert len(sql) == akademik["bytes"]
    for table in akademik["tables"]:
        assert f" `{table['name']}`\n".encode() in sql[table["offset"] :][:60]
    assert {table["name"]: table["rows"] for table in akademik["tables"]} == {
        "nilai": 3000, "nomor": 0, "ukur": 3, "catatan": 1,
    }  # fmt: skip
    scratch = start_mariadb()
    scratch.sql(sql)
    for question in (
        "CHECKSUM TABLE akademik.ukur, akademik.catatan, akademik.nilai",
        "SHOW CREATE TABLE akademik.ukur",
        "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'akademik'",
        "SHOW CREATE VIEW akademik.ringkas",
    ):
        assert scratch.sql(question) == objects.sql(question)


async def test_old_rows_of_system_versioned_tables_are_dumped_and_counted(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    start_mariadb: MariadbStarter,
) -> None:
    objects.sql(
        "CREATE TABLE akademik.lama (i INT PRIMARY KEY, n INT) WITH SYSTEM VERSIONING; USE akademik;"
        "INSERT INTO lama VALUES (1, 1), (2, 2); UPDATE lama SET n = 3 WHERE i = 1; DELETE FROM lama WHERE i = 2"
    )
    result = await dumped(session, server, incoming, reporter)
    assert (result.outcome, result.rows, reporter.findings) == (Outcome.DONE, "compared", [])
    question = "SELECT i, n, row_start, row_end FROM akademik.lama FOR SYSTEM_TIME ALL ORDER BY 1, 2"
    scratch = start_mariadb()
    scratch.sql(unpacked(incoming.path / "akademik.sql.zst"))
    assert scratch.sql(question) == objects.sql(question)
    assert scratch.sql(question).count("\n") == 3


async def test_where_nobody_may_lock_float_columns_and_tables_without_transactions_are_said(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    objects.sql(MORE)
    less = limited(objects, server, "SELECT, SHOW VIEW, EVENT, TRIGGER, SHOW DATABASES")
    result = await dumped(session, less, incoming, reporter, "x")
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    reasons = " ".join(finding.reason for finding in reporter.findings)
    assert "ukur.nilai: FLOAT" in reasons
    assert "catatan: not InnoDB" in reasons
    assert any(
        "the account lacks RELOAD; run: GRANT LOCK TABLES, RELOAD, PROCESS ON *.* TO 'backup'@'localhost'"
        in line
        for line in reporter.lines
    )


async def test_a_server_without_a_dump_program_is_read_over_a_connection(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    start_mariadb: MariadbStarter,
) -> None:
    objects.sql(MORE)
    without = replace(await probe(session), dump_tools=())
    async with await login(session, server, None) as database:
        result = await dump(session, without, database, server, incoming, reporter)
    assert (result.whole, result.instant, result.rows) == (True, "barrier", "compared")
    assert [finding.subject for finding in reporter.findings] == ["akademik"]
    assert "catatan: not InnoDB" in reporter.findings[0].reason
    scratch = start_mariadb()
    for one in result.databases:
        scratch.sql(unpacked(incoming.path / one.file))
    for question in ("CHECKSUM TABLE akademik.ukur, akademik.catatan, akademik.nilai", "SHOW DATABASES"):
        assert scratch.sql(question) == objects.sql(question)


async def test_excluded_databases_stay_out(
    objects: PrivateMariadb, session: Session, server: Server, incoming: Incoming, reporter: Collected
) -> None:
    assert server.database is not None
    less = replace(server, database=replace(server.database, exclude=("akademik", "kosong")))
    result = await dumped(session, less, incoming, reporter)
    assert [one.name for one in result.databases] == ["-od.d na`me"]


async def test_where_the_dumper_is_killed_the_database_is_read_without_it(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    tmp_path: Path,
) -> None:
    tool = tmp_path / "mariadb-dump"
    tool.write_text(
        '#!/bin/sh\ncase "$*" in *--help*) exec mariadb-dump "$@";; *akademik*) ;; *) exec mariadb-dump "$@";; esac\n'
        'mariadb-dump "$@" | head -c 3000\nkill -9 $$\n'
    )
    tool.chmod(0o755)
    found = replace(await probe(session), dump_tools=((str(tool), "10.11-MariaDB"),))
    async with await login(session, server, None) as database:
        result = await dump(session, found, database, server, incoming, reporter)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    (said,) = [finding for finding in reporter.findings if finding.subject == "akademik"]
    assert "dumped a second time" in said.reason
    assert "KILL" in said.reason or "137" in said.reason
    assert unpacked(incoming.path / "akademik.sql.zst").count(b"\n(") == 3000


@pytest.mark.parametrize("password", ['pla"nt\\ed', "a b#c;'", "päss wörd", "$(id)`id`", "\\\\n\\"])
async def test_awkward_passwords_reach_the_login_and_the_tool(
    objects: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    password: str,
) -> None:
    literal = password.replace("\\", "\\\\").replace("'", "''")
    objects.sql(
        f"CREATE OR REPLACE USER backup@localhost IDENTIFIED BY '{literal}'; GRANT ALL ON *.* TO backup@localhost"
    )
    assert server.database is not None
    other = replace(server, database=replace(server.database, user="backup"))
    assert (await dumped(session, other, incoming, reporter, password)).whole


async def test_a_refused_login_is_one_line_with_a_way_out(session: Session, server: Server) -> None:
    assert server.database is not None
    stranger = replace(server, database=replace(server.database, user="nobody-here"))
    words = r"refuses nobody-here without a password(, with TLS as well)?: .*; CREATE USER"  # 11.8 offers TLS itself
    with pytest.raises(DatabaseError, match=words):
        await login(session, stranger, None)
    with pytest.raises(DatabaseError, match="with the password given") as caught:
        await login(session, stranger, Secret("planted"))
    assert "planted" not in str(caught.value)
    away = replace(server, database=Database(user=account(), socket="/nonexistent/mysqld.sock"))
    with pytest.raises(DatabaseError, match="check that the database server runs"):
        await login(session, away, None)
    closed = replace(server, database=Database(user=account(), host="127.0.0.1", port=1))
    with pytest.raises(DatabaseError, match="check that the database server runs"):
        await login(session, closed, None)
