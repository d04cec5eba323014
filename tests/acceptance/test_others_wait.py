"""Nobody else waits for us: what a run costs others is bounded, whatever else goes on, and it is told.

Others note their longest waits while a run goes on. The limit is two seconds; on a busy machine their own statements
take a while, too.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.acceptance.others import Waits, long_statement, others
from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tests.database import mysqld
from tests.database.mysqld import PrivateMysqld
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

LIMIT = 2.0
TABLES = (
    "CREATE DATABASE toko; USE toko; CREATE TABLE nota (id INT PRIMARY KEY, isi INT); INSERT INTO nota VALUES (1, 1);"
    "CREATE TABLE lama (id INT PRIMARY KEY, isi INT) ENGINE=MyISAM; INSERT INTO lama VALUES (1, 1);"
    "CREATE TABLE catatan (id INT PRIMARY KEY, isi INT) ENGINE=MyISAM; INSERT INTO catatan VALUES (1, 1);"
    "CREATE TABLE besar (id INT PRIMARY KEY, isi INT); INSERT INTO besar VALUES (1, 1);"
    "CREATE DATABASE lain; CREATE TABLE lain.buku (id INT PRIMARY KEY); INSERT INTO lain.buku VALUES (1)"
)
READERS = ("SELECT * FROM toko.nota", "SELECT COUNT(*) FROM lain.buku")
WRITERS = ("UPDATE toko.nota SET isi = isi + 1", "REPLACE INTO lain.buku VALUES (2)")
WRITER_OF_OLD = "UPDATE toko.catatan SET isi = isi + 1"
LONG_READ = "SELECT SLEEP(600) FROM toko.nota"
LONG_WRITE = "UPDATE toko.besar SET isi = SLEEP(600)"


def backed_up(site: Site, socket: Path, sshd: PrivateSshd) -> dict[str, Any]:
    """What the snapshot of a run says of itself."""
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{socket}"\n', trusted=not site.servers)
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert said.code in (0, 3), said.out + said.err
    told: dict[str, Any] = json.loads(
        (site.snapshots("siakad", "databases")[-1] / "snapshot.json").read_text()
    )
    assert told["whole"], told
    return told


def cost(
    site: Site, socket: Path, sshd: PrivateSshd, statements: Sequence[str], *long: str
) -> tuple[dict[str, Any], Waits]:
    """A run beside others' `statements`, while `long` ones go on: what it says, and how long the others waited."""
    with ExitStack() as stack:
        for one in long:
            stack.enter_context(long_statement(socket, one))
        waits = stack.enter_context(others(socket, statements))
        told = backed_up(site, socket, sshd)
    assert waits.worst < LIMIT, waits
    return told, waits


@pytest.fixture(params=["stages", pytest.param("read-lock", marks=pytest.mark.long)])
def mariadb(request: pytest.FixtureRequest, start_mariadb: MariadbStarter) -> PrivateMariadb:
    """One that has BACKUP STAGE, and one that says it has not."""
    server = start_mariadb(*(["--version=10.3.39-MariaDB"] if request.param == "read-lock" else []))
    server.sql(TABLES)
    return server


@pytest.mark.long
def test_nobody_waits_long_for_a_run(site: Site, sshd: PrivateSshd, mariadb: PrivateMariadb) -> None:
    told, _waits = cost(site, mariadb.socket, sshd, (*READERS, *WRITERS, WRITER_OF_OLD))
    assert told["instant"] == "barrier"
    assert 0 < told["lock_ms"] <= told["longest_wait_ms"] < LIMIT * 1000


@pytest.mark.long
@pytest.mark.timeout(180)
def test_nobody_waits_long_for_a_run_beside_long_statements(
    site: Site, sshd: PrivateSshd, mariadb: PrivateMariadb
) -> None:
    told, _waits = cost(
        site, mariadb.socket, sshd, (*READERS, *WRITERS, WRITER_OF_OLD), LONG_READ, LONG_WRITE
    )
    if told["instant"] == "barrier":  # BACKUP STAGE waits for neither
        assert 0 < told["lock_ms"] <= told["longest_wait_ms"] < LIMIT * 1000
    else:
        assert told["instant"] == "one program for all databases"
        assert "was no table in use" in told["no_barrier"]
        assert (told["lock_ms"], told["longest_wait_ms"]) == (None, None)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_statement_that_keeps_the_lock_from_us_keeps_others_waiting_for_moments_only(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """Writers of tables without transactions waited 3 x 5 s behind us, as long as somebody wrote into another one."""
    server = start_mariadb()
    server.sql(TABLES)
    told, _waits = cost(
        site, server.socket, sshd, (*READERS, *WRITERS, WRITER_OF_OLD), "UPDATE toko.lama SET isi = SLEEP(15)"
    )
    assert told["instant"] != "barrier"  # one program, or where the table counts as held, one connection
    assert told["lock_ms"] is None
    assert told["no_barrier"].startswith("no lock: the server did not give the lock within 0.3 s (thread ")
    assert 0 < told["longest_wait_ms"] < LIMIT * 1000


@pytest.fixture
def mysql(tmp_path: Path) -> Iterator[PrivateMysqld]:
    with PrivateMysqld(tmp_path / "m") as server:
        server.sql(TABLES.encode())
        yield server


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.skipif(mysqld.missing(), reason="no MySQL here: run scripts/fetch-mysql")
def test_nobody_waits_long_for_a_run_on_mysql(site: Site, sshd: PrivateSshd, mysql: PrivateMysqld) -> None:
    """A reader of a table that somebody else reads for long waited 56 s on FLUSH TABLES, and so did all behind it."""
    usual = (*READERS, *WRITERS, WRITER_OF_OLD)
    told, _waits = cost(site, mysql.socket, sshd, usual)
    assert (told["instant"], told["longest_wait_ms"] < LIMIT * 1000) == ("barrier", True)
    for long in (LONG_READ, LONG_WRITE):
        told, _waits = cost(site, mysql.socket, sshd, usual, long)
        assert told["instant"] == "one program for all databases"
        assert "was no table in use" in told["no_barrier"]
        assert told["longest_wait_ms"] is None


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["dump program", "connection"])
def test_whoever_changes_a_large_table_is_let_through_and_its_dump_made_again(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter, way: str
) -> None:
    """An ALTER TABLE waited for the end of our SELECT, and everybody who wanted the table waited behind it.

    The limit makes reading the table take longer than anybody wants to wait; FLOAT has it read over our connection.
    """
    server = start_mariadb()
    kind = "FLOAT" if way == "connection" else "INT"
    server.sql(
        f"CREATE DATABASE toko; CREATE TABLE toko.gambar (id INT PRIMARY KEY, x {kind}, isi LONGBLOB);"
        "INSERT INTO toko.gambar SELECT seq, seq, RANDOM_BYTES(1024) FROM mysql.seq_1_to_6000;"
        "CREATE TABLE toko.kecil (id INT PRIMARY KEY); INSERT INTO toko.kecil VALUES (1)"
    )
    site.settings = '[run]\nbandwidth = ["600 kB/s"]\n'
    reads = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'Writing to net'"
    changed = threading.Event()

    def change() -> None:
        while server.sql(reads).strip() == "0":
            time.sleep(0.05)
        with waits.timed("ALTER TABLE"):
            server.sql("ALTER TABLE toko.gambar ADD COLUMN baru INT, ALGORITHM=INPLACE")
        changed.set()

    with others(server.socket, ["SELECT MAX(id) FROM toko.gambar"]) as waits:
        thread = threading.Thread(target=change)
        thread.start()
        told = backed_up(site, server.socket, sshd)
        thread.join()
    assert changed.is_set()
    assert waits.worst < LIMIT, waits
    assert 0 < told["longest_wait_ms"] < LIMIT * 1000
    assert told["findings"][0]["subject"] == "toko"
    assert told["findings"][0]["reason"].startswith("was dumped a second time")


def processes(site: Site) -> list[int]:
    """What runs of this site's tuibackup."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = f"HOME={site.home}\0".encode() in (folder / "environ").read_bytes()
            if ours and b"tuibackup" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.long
@pytest.mark.timeout(180)
def test_where_we_stand_still_in_the_middle_of_the_lock_the_server_takes_it_back(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    server = start_mariadb()
    server.sql(TABLES)
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{server.socket}"\n')
    locked = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for backup lock'"
    with others(server.socket, (*READERS, *WRITERS, WRITER_OF_OLD)) as waits:
        run = site.start("run", "siakad", "--only", "databases")
        connection = pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            seen = 0
            while not seen and run.poll() is None:
                cursor.execute(locked)
                [seen] = cursor.fetchone()
        stopped = processes(site)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        before = dict(waits.done)
        while any(waits.done[one] < before.get(one, 0) + 20 for one in WRITERS):
            time.sleep(0.05)
        assert waits.worst < LIMIT, waits
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert run.wait(60) in (0, 3)
    assert waits.worst < LIMIT, waits
