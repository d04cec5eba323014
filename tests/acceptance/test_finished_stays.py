"""What is finished is never thrown away because something else failed: logins that are ended, programs that are killed,
databases that come and go, a server that is restarted, tables that the dump program refuses."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

SMALL = (
    "CREATE DATABASE {0}; USE {0}; CREATE TABLE isi (id INT PRIMARY KEY, f FLOAT);"
    "INSERT INTO isi SELECT seq, seq / 3 FROM seq_1_to_50; CREATE VIEW lihat AS SELECT id FROM isi;"
    "CREATE TRIGGER jaga BEFORE INSERT ON isi FOR EACH ROW SET NEW.f = 1;"
)
LARGE = (
    "CREATE DATABASE besar; USE besar; CREATE TABLE isi (id INT PRIMARY KEY, teks VARCHAR(900) NOT NULL);"
    "INSERT INTO isi SELECT seq, REPEAT(MD5(seq), 25) FROM seq_1_to_{0};"
)
# Programs that read the rows of the large table right now.
AT_WORK = (
    "SELECT ID FROM information_schema.PROCESSLIST"
    " WHERE INFO LIKE 'SELECT /*!40001 SQL_NO_CACHE%' AND DB = 'besar'"
)


@contextlib.contextmanager
def asking(source: PrivateMariadb, look: Callable[[Callable[[str], list[Any]]], bool]) -> Iterator[None]:
    """`look` again and again, with a way to ask the server, until it says that it is done; it must come to that."""
    stop, done = threading.Event(), threading.Event()

    def work() -> None:
        connection = pymysql.connect(unix_socket=str(source.socket), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:

            def ask(statement: str) -> list[Any]:
                with contextlib.suppress(pymysql.err.OperationalError):  # who is to be killed is gone
                    cursor.execute(statement)
                    return [row[0] for row in cursor.fetchall()]
                return []

            while not stop.wait(0.01):
                if look(ask):
                    done.set()
                    return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert done.is_set(), "what was to happen did not happen"


def run(site: Site) -> tuple[Said, dict[str, Any], dict[str, bool]]:
    """A run; its snapshot's description, and which database is whole."""
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=200)
    newest = site.snapshots("siakad", "databases")
    assert newest, said.out + said.err
    told = json.loads((newest[-1] / "snapshot.json").read_text())
    return said, told, {one["name"]: one["whole"] for one in told["databases"]}


def restored(site: Site, target: PrivateMariadb) -> None:
    newest = site.snapshots("siakad", "databases")[-1]
    target.sql(subprocess.run(["sh", newest / "restore.sh"], capture_output=True, check=True).stdout)


def reasons(told: dict[str, Any]) -> dict[str, str]:
    return {one["subject"]: one["reason"] for one in told["findings"]}


@pytest.mark.long
def test_who_is_ended_while_idle_and_programs_that_are_killed_cost_nothing(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """As pt-kill does it, and an administrator who finds a long query; meanwhile a database goes and another comes."""
    source, target = start_mariadb(), start_mariadb()
    source.sql("".join(SMALL.format(name) for name in ("awal", "hilang", "zaman")) + LARGE.format(40_000))
    killed: set[int] = set()

    def look(ask: Callable[[str], list[Any]]) -> bool:
        for number in ask(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' AND TIME_MS > 1000"
        ):
            ask(f"KILL CONNECTION {number}")
        if not killed:
            for number in ask(AT_WORK):
                ask("DROP DATABASE hilang")
                ask("CREATE DATABASE baru")
                ask("CREATE TABLE baru.isi (id INT PRIMARY KEY)")
                ask(f"KILL CONNECTION {number}")
                killed.add(number)
        return bool(killed) and stopped.is_set()

    stopped = threading.Event()
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    with asking(source, look):
        said, told, whole = run(site)
        stopped.set()
        time.sleep(0.1)
    assert said.code == 3
    # One that goes may have been dumped before.
    assert whole.pop("hilang", None) or "was dropped or renamed during the run" in reasons(told)["hilang"]
    assert whole == {"awal": True, "baru": True, "besar": True, "zaman": True}
    assert told["outcome"] == "warnings"
    assert "was dumped a second time" in reasons(told)["besar"]
    restored(site, target)
    assert target.sql("SELECT COUNT(*), SUM(CRC32(teks)) FROM besar.isi") == source.sql(
        "SELECT COUNT(*), SUM(CRC32(teks)) FROM besar.isi"
    )
    for name in ("awal", "zaman"):
        assert target.sql(f"SELECT SUM(f) FROM {name}.isi") == source.sql(f"SELECT SUM(f) FROM {name}.isi")
    assert target.sql("SHOW TABLES FROM baru") == "isi\n"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_server_that_is_restarted_in_the_middle_is_waited_for(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    source, target = start_mariadb(), start_mariadb()
    source.sql("".join(SMALL.format(name) for name in ("awal", "zaman")) + LARGE.format(100_000))
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    begun = threading.Event()

    def look(ask: Callable[[str], list[Any]]) -> bool:
        if ask(AT_WORK):
            begun.set()
        return begun.is_set()

    running: list[tuple[Said, dict[str, Any], dict[str, bool]]] = []
    with asking(source, look):
        thread = threading.Thread(target=lambda: running.append(run(site)))
        thread.start()
        assert begun.wait(60)
    source.kill()  # by this thread, with which the server's process ends
    source.start()
    thread.join()
    [(said, _told, whole)] = running
    assert said.code == 3
    assert whole == {"awal": True, "besar": True, "zaman": True}
    restored(site, target)
    assert target.sql("SELECT COUNT(*) FROM besar.isi") == "100000\n"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_what_was_complete_before_the_server_went_for_good_is_published(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter, tmp_path: Path
) -> None:
    """One program dumps all of them here: the account may not lock."""
    source = start_mariadb()
    source.sql(
        "".join(SMALL.format(name).replace("CREATE VIEW", "-- \n-- ") + "\n" for name in ("awal", "zaman"))
        + LARGE.format(100_000)
        + "CREATE USER u@localhost; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW DATABASES ON *.* TO u@localhost"
    )
    site.add("siakad", sshd, [], database=f'user = "u"\nsocket = "{source.socket}"\n')

    def look(ask: Callable[[str], list[Any]]) -> bool:
        if not ask(AT_WORK):
            return False
        source.kill()
        return True

    with asking(source, look):
        said, told, whole = run(site)
    assert said.code == 3
    assert (whole["awal"], whole["besar"], whole["zaman"]) == (True, False, False)
    assert not told["whole"]
    newest = site.snapshots("siakad", "databases")[-1]
    target = start_mariadb()
    target.sql(
        subprocess.run(["zstd", "-dc", newest / "awal.sql.zst"], capture_output=True, check=True).stdout
    )
    assert target.sql("SELECT COUNT(*) FROM awal.isi") == "50\n"


@pytest.mark.long
def test_a_history_by_transactions_is_dumped_without_and_said(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """mariadb-dump stops at such a table where it is to tell history; another's history is told all the same."""
    source, target = start_mariadb(), start_mariadb()
    source.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE nomor (id INT PRIMARY KEY, x INT,"
        " s BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, e BIGINT UNSIGNED GENERATED ALWAYS AS ROW END,"
        " PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING;"
        "INSERT INTO nomor (id, x) VALUES (1, 1), (2, 2); UPDATE nomor SET x = 9 WHERE id = 1;"
        "CREATE TABLE waktu (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING;"
        "INSERT INTO waktu VALUES (1, 1); UPDATE waktu SET x = 2;"
    )
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    said, told, whole = run(site)
    assert said.code == 3
    assert whole == {"d": True}
    assert (told["instant"], told["rows"], told["whole"]) == ("barrier", "compared", True)
    [finding] = told["findings"]
    assert finding["reason"].startswith(
        "d.nomor: only the present rows are dumped; the history of a system-versioned table"
    )
    restored(site, target)
    assert target.sql("SELECT id, x FROM d.nomor ORDER BY id") == "1\t9\n2\t2\n"
    assert target.sql("SELECT COUNT(*) FROM d.waktu FOR SYSTEM_TIME ALL") == "2\n"
