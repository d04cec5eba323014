"""When a dump made behind the barrier is not called good, or only with a warning: each case against a real server."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.database.by_script import FILLED, dumped
from tests.database.conftest import Collected, Tooled, unpacked
from tuibackup.config import Server
from tuibackup.database.connect.login import log_in_again, login
from tuibackup.database.dump import barrier, counter, instant
from tuibackup.database.dump.dump import DumpResult
from tuibackup.database.dump.dump import dump as dump_databases
from tuibackup.database.inventory import TableInfo
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.remote.probe import probe
from tuibackup.remote.session import Session
from tuibackup.secret import Secret
from tuibackup.sop import Outcome
from tuibackup.vault.incoming import Incoming

NOT_LOCKED = "the databases were not locked together"
# `aaa` is long enough that the program waits, its reader being slow, before it comes to `zzz`.
TWO = """
CREATE DATABASE toko; USE toko; CREATE TABLE aaa (id INT PRIMARY KEY, isi VARCHAR(900));
INSERT INTO aaa SELECT seq, REPEAT(SHA2(seq, 512), 6) FROM seq_1_to_6000;
CREATE TABLE zzz (id INT PRIMARY KEY); INSERT INTO zzz VALUES (1), (2)
"""
Dumper = Callable[[str], "asyncio.Future[DumpResult]"]


@pytest.fixture
def dump(session: Session, server: Server, incoming: Incoming, reporter: Collected, tooled: Tooled) -> Dumper:
    """A dump with a dump program that is this script."""
    return lambda script: asyncio.ensure_future(
        dumped(session, server, incoming, reporter, dump_tools=tooled(script))
    )


def once(mariadbd: PrivateMariadb, folder: Path, statement: str) -> str:
    """A dump program that waits in the middle of its output, once, while `statement` is carried out."""
    client = f"mariadb --no-defaults --socket={mariadbd.socket} --delimiter=// -e '{statement}'"
    return f"""
        if mkdir {folder}/once 2>/dev/null; then
            {{ real "$@"; echo $? > {folder}/status; }} | {{ head -c 3000; {client} >&2; cat; }}
            exit "$(cat {folder}/status)"
        fi
        real "$@"
    """


async def test_a_database_that_is_changed_meanwhile_is_dumped_again_and_that_is_said(
    mariadbd: PrivateMariadb, dump: Dumper, incoming: Incoming, reporter: Collected, tmp_path: Path
) -> None:
    mariadbd.sql(TWO)
    result = await dump(
        once(mariadbd, tmp_path, "ALTER TABLE toko.zzz ADD COLUMN baru INT DEFAULT 7, ALGORITHM=COPY")
    )
    assert (result.outcome, result.whole, result.instant) == (Outcome.WARNINGS, True, "barrier")
    [said] = reporter.findings
    assert "dumped a second time" in said.reason
    assert "Table definition has changed" in said.reason
    assert b"`baru` int" in unpacked(incoming.path / "toko.sql.zst")


async def test_a_table_that_is_made_meanwhile_is_in_no_dump_and_no_fault(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, tmp_path: Path
) -> None:
    mariadbd.sql(TWO)
    result = await dump(once(mariadbd, tmp_path, "CREATE TABLE toko.mmm (id INT)"))
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])


async def test_a_dumper_whose_connection_is_killed_is_started_again(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, tmp_path: Path
) -> None:
    mariadbd.sql(TWO)
    kill = (
        "BEGIN NOT ATOMIC FOR one IN (SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE"
        ' "SELECT /*!40001 SQL_NO_CACHE%aaa%" AND ID <> CONNECTION_ID()) DO KILL CONNECTION one.ID; END FOR; END'
    )
    result = await dump(once(mariadbd, tmp_path, kill))
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    assert "dumped a second time" in reporter.findings[0].reason


@pytest.mark.parametrize("edit", ["/^(5,/d", "s/^(5,.*/&\\n(99999,'x'),/"])
async def test_a_dump_with_other_rows_than_there_were_is_not_whole(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, edit: str
) -> None:
    mariadbd.sql(
        FILLED + "; CREATE DATABASE lain; CREATE TABLE lain.x (i INT); INSERT INTO lain.x VALUES (1)"
    )
    result = await dump(f"""real "$@" | sed "{edit}" """)
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, False)
    assert {one.name: one.whole for one in result.databases} == {"lain": True, "toko": False}
    [said] = reporter.findings
    assert said.mark
    assert "isi (" in said.reason
    assert "instead of 2,000)" in said.reason


async def test_rows_that_nobody_counted_are_said(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadbd.sql(FILLED)

    counting = counter.Checker._count

    async def cut(self: counter.Checker, database: str, table: TableInfo, history: bool) -> None:
        self._login.drop()
        await counting(self, database, table, history)

    monkeypatch.setattr(counter.Checker, "_count", cut)
    result = await dump('real "$@"')
    assert (result.outcome, result.whole) == (Outcome.WARNINGS, True)
    assert reporter.findings[0].reason == "rows not compared because the server did not count them: isi"


@pytest.mark.long
async def test_where_the_lock_is_not_had_one_program_dumps_all(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "TRIES", 2)
    monkeypatch.setattr(barrier, "PAUSE", 0.1)
    mariadbd.sql(FILLED + "; CREATE DATABASE lain")
    other = await asyncio.create_subprocess_exec(
        "mariadb", "--no-defaults", f"--socket={mariadbd.socket}", "--unbuffered", stdin=-1, stdout=-1
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        other.stdin.write(b"BACKUP STAGE START; SELECT 1;\n")
        await other.stdout.readline()
        result = await dump('real "$@"')
    finally:  # the server is shared: its lock would be in the way of every test that follows
        other.stdin.close()
        await other.wait()
    assert (result.outcome, result.whole) == (Outcome.DONE, True)
    assert (result.instant, result.lock_ms) == ("one program for all databases", None)
    assert result.rows == "counted, not compared"
    assert any(
        line.startswith(f"{NOT_LOCKED}: no lock: the server did not give the lock within 0.3 s")
        for line in reporter.lines
    )


@pytest.mark.parametrize("connections", [2, 4])
async def test_a_server_that_allows_few_connections_gets_one_program(
    mariadbd: PrivateMariadb,
    session: Session,
    server: Server,
    incoming: Incoming,
    reporter: Collected,
    connections: int,
) -> None:
    mariadbd.sql(FILLED + "; CREATE DATABASE lain")
    mariadbd.sql(
        "CREATE USER sedikit@localhost IDENTIFIED BY 'p'; GRANT ALL ON *.* TO sedikit@localhost"
        f" WITH MAX_USER_CONNECTIONS {connections}"
    )
    assert server.database is not None
    one = replace(server, database=replace(server.database, user="sedikit"))
    async with await login(session, one, Secret("p")) as database:
        result = await dump_databases(session, await probe(session), database, one, incoming, reporter)
    assert (result.outcome, result.whole, reporter.findings) == (Outcome.DONE, True, [])
    if connections == 2:  # of four, one may be free again before the last is needed
        assert result.instant == "one program for all databases"
        assert "MAX_USER_CONNECTIONS" in " ".join(reporter.lines)


async def test_a_program_that_does_not_say_that_it_has_begun_costs_one_short_lock(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has its transaction, so waiting or another attempt would not help."""
    monkeypatch.setattr(instant, "BEGIN", 1.0)
    mariadbd.sql(TWO + "; CREATE DATABASE lain")
    result = await dump(
        'case "$*" in *toko*) real "$@" 2>/dev/null | { sleep 2; cat; };; *) real "$@";; esac'
    )
    assert (result.outcome, result.whole, result.rows) == (Outcome.DONE, True, "counted, not compared")
    assert result.instant == "one program for all databases"
    assert result.no_barrier == "1 of 2 did not say that they had begun within 1 s"
    assert [line for line in reporter.lines if "not locked together" in line] == [
        f"the databases were not locked together: {result.no_barrier}"
    ]
    assert result.lock_ms is not None
    assert 1000 < result.lock_ms < 1000 * barrier.HOLD
    mariadbd.sql("SET lock_wait_timeout = 1; CREATE TABLE toko.baru (i INT); INSERT INTO toko.zzz VALUES (0)")


async def test_a_program_that_begins_late_gets_a_second_try(
    mariadbd: PrivateMariadb,
    dump: Dumper,
    reporter: Collected,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(instant, "BEGIN", 1.0)
    mariadbd.sql(FILLED + "; CREATE DATABASE lain")
    result = await dump(f'mkdir {tmp_path}/late 2>/dev/null && sleep 3; real "$@"')
    assert (result.outcome, result.whole, result.instant) == (Outcome.DONE, True, "barrier")
    assert f"{NOT_LOCKED}: 1 of 2 had not begun within 1 s" in reporter.lines
    assert result.lock_ms is not None
    assert result.lock_ms > 1000  # of the first try: it was felt


async def test_a_program_that_names_its_tables_only_is_known_to_have_begun(
    mariadbd: PrivateMariadb, dump: Dumper, reporter: Collected
) -> None:
    mariadbd.sql(FILLED)
    result = await dump('{ real "$@" 2>&1 >&3 | grep -v "Setting savepoint" >&2; } 3>&1')
    assert (result.outcome, result.whole, result.instant) == (Outcome.DONE, True, "barrier")


async def test_a_server_that_does_not_hear_from_us_gives_the_lock_back_itself(
    mariadbd: PrivateMariadb, session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await login(session, server, None) as database:
        control, helper = [await log_in_again(session, database.options) for _ in range(2)]
        held = barrier.Barrier(control, helper, database.vendor, database.server_version)
        async with held.held():
            [(seconds,)] = await control.rows("SELECT @@wait_timeout")
        await control.close()
        await helper.close()
    assert barrier.WAIT + sum(barrier._SPEAK) + seconds < 2
    assert barrier.WAIT + barrier.HOLD < 2
