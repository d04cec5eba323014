"""A table that somebody holds holds up itself: the others are published, and it is named with who holds it."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

TABLES = (
    "CREATE DATABASE a; USE a; CREATE TABLE bebas (id INT PRIMARY KEY); INSERT INTO bebas VALUES (1), (2);"
    "CREATE TABLE kunci LIKE bebas; INSERT INTO kunci VALUES (1); CREATE TABLE ubah LIKE kunci;"
    "CREATE VIEW lihat AS SELECT id FROM kunci; CREATE TABLE zaman LIKE kunci; INSERT INTO zaman VALUES (7);"
    "CREATE TABLE lama (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO lama VALUES (1);"
    "CREATE DATABASE b; CREATE TABLE b.isi (id INT PRIMARY KEY); INSERT INTO b.isi VALUES (1), (2), (3);"
)


@contextlib.contextmanager
def others(source: PrivateMariadb, *statements: str) -> Iterator[None]:
    """Clients, each of which says one of `statements` and waits for no answer; they go when the block ends."""
    socket = f"--socket={source.socket}"
    clients = [
        subprocess.Popen(
            ["mariadb", "--no-defaults", socket, "--user=root", "--unbuffered", "--force"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _statement in statements
    ]
    try:
        for client, statement in zip(clients, statements, strict=True):
            assert client.stdin is not None
            client.stdin.write(statement.encode() + b";\n")
            client.stdin.flush()
            _until_at_rest(source)
        yield
    finally:
        for client in clients:
            client.kill()
            client.wait()


def _until_at_rest(source: PrivateMariadb) -> None:
    """Nobody's statement is about to begin: each waits for the next, for a lock, or sleeps."""
    at_rest = 0
    with pymysql.connect(unix_socket=str(source.socket), user="root") as connection:
        for _look in range(600):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
                    " AND COMMAND = 'Query' AND STATE NOT LIKE 'Waiting%' AND STATE <> 'User sleep'"
                )
                at_rest = at_rest + 1 if cursor.fetchall() == ((0,),) else 0
            if at_rest == 5:
                return
            time.sleep(0.05)
    pytest.fail("the server does not come to rest")


def run(site: Site) -> tuple[dict[str, Any], dict[str, str]]:
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=110)
    assert said.code == 3, said.out + said.err
    [newest] = site.snapshots("siakad", "databases")
    told = json.loads((newest / "snapshot.json").read_text())
    return told, {one["subject"]: one["reason"] for one in told["findings"] if one["mark"]}


@pytest.mark.long
def test_tables_that_somebody_holds_are_named_and_the_others_published(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source, target = start_mariadb(), start_mariadb()
    source.sql(TABLES)
    database = f'user = "root"\nsocket = "{source.socket}"\nwait_for_tables = "2 seconds"\n'
    site.add("siakad", sshd, [], database=database)
    with others(
        source,
        "LOCK TABLES a.kunci WRITE, a.lama WRITE",
        "BEGIN; SELECT * FROM a.ubah",
        "ALTER TABLE a.ubah ADD x INT",
        "CREATE TABLE a.baru AS SELECT id, SLEEP(90) FROM a.bebas",
    ):
        told, marked = run(site)
    assert {"a.kunci", "a.lama", "a.ubah", "a.baru"} <= marked.keys()
    for reason in marked.values():
        assert "wait_for_tables" in reason
        assert "Lock wait timeout exceeded" in reason
    assert "ALTER TABLE a.ubah ADD x INT" in marked["a.ubah"]
    assert {one["name"]: one["whole"] for one in told["databases"]} == {"a": False, "b": True}
    assert not told["whole"]
    [newest] = site.snapshots("siakad", "databases")
    target.sql(subprocess.run(["sh", newest / "restore.sh"], capture_output=True, check=True).stdout)
    assert (
        target.sql("SELECT * FROM a.zaman; SELECT COUNT(*) FROM a.bebas; SELECT COUNT(*) FROM b.isi")
        == "7\n2\n3\n"
    )
    assert target.sql("SELECT COUNT(*) FROM a.lihat") == "0\n"


@pytest.mark.long
def test_a_hundred_tables_that_somebody_holds_are_waited_for_together(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source = start_mariadb()
    names = [f"a.t{number}" for number in range(100)]
    source.sql("CREATE DATABASE a;" + "".join(f"CREATE TABLE {name} (id INT PRIMARY KEY);" for name in names))
    database = f'user = "root"\nsocket = "{source.socket}"\nwait_for_tables = "2 seconds"\n'
    site.add("siakad", sshd, [], database=database)
    began = time.monotonic()
    with others(source, "LOCK TABLES " + ", ".join(f"{name} WRITE" for name in names)):
        told, marked = run(site)
    assert marked.keys() == set(names)
    assert not told["whole"]
    assert time.monotonic() - began < 90, "each of them was waited for"


@pytest.mark.long
def test_a_table_that_is_given_back_in_time_is_whole(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source = start_mariadb()
    source.sql(TABLES)
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    with others(source, "LOCK TABLES a.kunci WRITE; SELECT SLEEP(4); UNLOCK TABLES"):
        said = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=110)
    [newest] = site.snapshots("siakad", "databases")
    told = json.loads((newest / "snapshot.json").read_text())
    assert said.code in (0, 3), said.out
    assert told["whole"]
    assert {one["name"]: one["whole"] for one in told["databases"]} == {"a": True, "b": True}


@pytest.mark.long
@pytest.mark.timeout(180)
def test_who_shares_the_account_and_waits_for_the_same_table_is_not_ended(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """A dump program that waits too long is ended; people's statements were, too, where they log in as it does."""
    source = start_mariadb()
    source.sql(TABLES)
    database = f'user = "root"\nsocket = "{source.socket}"\nwait_for_tables = "1 second"\n'
    site.add("siakad", sshd, [], database=database)
    theirs = {
        "UPDATE a.kunci SET id = id + 1": "",
        "SHOW CREATE TABLE a.kunci": "",
        "SELECT /*!40001 SQL_NO_CACHE */ * FROM a.kunci": "",
        "ALTER TABLE a.kunci ADD x INT": "",
    }

    def work(statement: str) -> None:
        with pymysql.connect(unix_socket=str(source.socket), user="root") as person:
            try:
                with person.cursor() as cursor:
                    cursor.execute(statement)
                theirs[statement] = "done"
            except pymysql.err.MySQLError as error:
                theirs[statement] = str(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in theirs]
    going = site.start("run", "siakad", "--only", "databases")
    while not any('"step-finished","step":"login"' in one.read_text() for one in site.journals):
        time.sleep(0.01)  # what is held before that no dump program is asked for
    with others(source, "LOCK TABLES a.kunci WRITE"):
        with (
            pymysql.connect(unix_socket=str(source.socket), user="root") as looking,
            looking.cursor() as cursor,
        ):
            while going.poll() is None and not cursor.execute(
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'"
                " AND INFO LIKE 'SELECT%kunci%'"
            ):
                time.sleep(0.05)
        for thread in threads:
            thread.start()
        assert going.wait(110) == 3
    for thread in threads:
        thread.join(60)
    assert theirs == dict.fromkeys(theirs, "done")
    assert "a dump program waited too long for a table and was ended" in site.journals[0].read_text()
