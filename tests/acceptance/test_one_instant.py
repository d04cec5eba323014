"""Every database of a snapshot is of one instant, while others write: what moves between two of them is never lost."""

import contextlib
import itertools
import json
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

ROWS = 3000
TOTAL = 2 * ROWS * 100
WRITERS = 2


@pytest.fixture
def bank(start_mariadb: MariadbStarter) -> PrivateMariadb:
    """Two databases between which money moves; the sum of both never changes."""
    return a_bank(start_mariadb("--log-bin=binlog", "--server-id=1"))


def a_bank(source: PrivateMariadb) -> PrivateMariadb:
    for name in ("timur", "barat"):
        source.sql(
            f"CREATE DATABASE {name}; USE {name};"
            "CREATE TABLE rekening (id INT PRIMARY KEY, saldo INT NOT NULL, isi CHAR(200) NOT NULL);"
            f"INSERT INTO rekening SELECT seq, 100, MD5(seq) FROM seq_1_to_{ROWS}"
        )
    return source


@contextlib.contextmanager
def money_moving(bank: PrivateMariadb) -> Iterator[None]:
    """Writers that move money between the two databases, each move one transaction, until the block ends."""
    stop, moves = threading.Event(), [0] * WRITERS

    def move(number: int) -> None:
        chance = random.Random(number)
        connection = pymysql.connect(unix_socket=str(bank.socket), user="root")
        with connection, connection.cursor() as cursor:
            while not stop.wait(0.002):  # some hundred a second leave the dump enough of the machine
                # More goes one way, so that two instants never have the same sum by chance.
                here, there = ("timur", "barat") if chance.random() < 0.8 else ("barat", "timur")
                amount = chance.randrange(1, 50)
                with contextlib.suppress(pymysql.err.OperationalError):  # a deadlock: the move did not happen
                    cursor.execute("BEGIN")
                    for name, change in ((here, -amount), (there, amount)):
                        one = chance.randrange(1, ROWS + 1)
                        cursor.execute(
                            f"UPDATE {name}.rekening SET saldo = saldo + %s WHERE id = %s", (change, one)
                        )
                    cursor.execute("COMMIT")
                    moves[number] += 1

    threads = [threading.Thread(target=move, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        assert all(moves), "nobody wrote"


def restored_sum(snapshots: list[Path], target: PrivateMariadb) -> int:
    """The money in the snapshots, restored the way recovery.md tells."""
    target.sql("DROP DATABASE IF EXISTS timur; DROP DATABASE IF EXISTS barat")
    for snapshot in snapshots:
        written = subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
        target.sql(written)
    sums = target.sql(
        "SELECT SUM(saldo) FROM (SELECT saldo FROM timur.rekening UNION ALL SELECT saldo FROM barat.rekening) a"
    )
    return int(sums.split()[-1])


def snapshot_of(site: Site, name: str = "siakad") -> tuple[Path, dict[str, Any]]:
    said = site.tuibackup("run", name, "--only", "databases", "--json")
    assert said.code == 0, said.out + said.err
    newest = site.snapshots(name, "databases")[-1]
    return newest, json.loads((newest / "snapshot.json").read_text())


@pytest.mark.long
@pytest.mark.parametrize("runs", [2, pytest.param(50, marks=pytest.mark.timeout(1800))])
def test_what_moves_between_databases_is_in_the_snapshot_once(
    site: Site, sshd: PrivateSshd, bank: PrivateMariadb, start_mariadb: MariadbStarter, runs: int
) -> None:
    target = start_mariadb()
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{bank.socket}"\n')
    with money_moving(bank):
        for _number in range(runs):
            snapshot, told = snapshot_of(site)
            assert told["instant"] == "barrier"
            assert 0 < told["lock_ms"] < 10_000
            assert told["rows"] == "compared"
            assert told["position"].startswith("binlog.0")
            assert restored_sum([snapshot], target) == TOTAL


@pytest.mark.long
def test_a_server_without_backup_stages_gives_one_instant_too(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter, tmp_path: Path
) -> None:
    """MariaDB before 10.4 has FLUSH TABLES WITH READ LOCK only. This one is newer, but calls itself 10.3."""
    said = tmp_path / "queries"
    log = ("--general-log", f"--general-log-file={said}")
    bank = a_bank(start_mariadb("--version=10.3.39-MariaDB", "--log-bin=binlog", "--server-id=1", *log))
    target = start_mariadb()
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{bank.socket}"\n')
    with money_moving(bank):
        for _number in range(2):
            snapshot, told = snapshot_of(site)
            assert (told["instant"], told["rows"]) == ("barrier", "compared")
            assert restored_sum([snapshot], target) == TOTAL
    asked = said.read_text(errors="replace")
    assert asked.count("FLUSH TABLES WITH READ LOCK") == 2
    assert "BACKUP STAGE" not in asked


@pytest.mark.long
def test_small_tables_without_transactions_are_of_the_same_instant(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """Each number is written into a table with transactions first, then into one without: there is never more than
    one between them."""
    source, target = start_mariadb(), start_mariadb()
    source.sql(
        "CREATE DATABASE d; CREATE TABLE d.dulu (id INT PRIMARY KEY);"
        "CREATE TABLE d.lalu (id INT PRIMARY KEY) ENGINE=MyISAM"
    )
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    stop = threading.Event()

    def write() -> None:
        connection = pymysql.connect(unix_socket=str(source.socket), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            for number in itertools.count(1):
                if stop.is_set():
                    return
                cursor.execute("INSERT INTO d.dulu VALUES (%s)", (number,))
                cursor.execute("INSERT INTO d.lalu VALUES (%s)", (number,))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _number in range(2):
            snapshot, told = snapshot_of(site)
            assert (told["instant"], told["findings"]) == ("barrier", [])
            target.sql(
                subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True).stdout
            )
            first, second = target.sql("SELECT COUNT(*) FROM d.dulu; SELECT COUNT(*) FROM d.lalu").split()
            assert int(first) - int(second) in (0, 1)
    finally:
        stop.set()
        thread.join()


@pytest.mark.long
def test_tables_that_take_long_to_read_hold_nobody_up_and_are_named(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """… on a server that soon ends who is silent, too. The limit makes reading take longer than the lock may."""
    impatient = [
        "wait-timeout", "interactive-timeout", "net-read-timeout", "net-write-timeout", "max-statement-time",
        "idle-transaction-timeout", "idle-readonly-transaction-timeout", "idle-write-transaction-timeout",
    ]  # fmt: skip
    source = start_mariadb(*(f"--{name}=2" for name in impatient))
    source.sql(
        "CREATE DATABASE d; CREATE TABLE d.isi (id INT PRIMARY KEY); INSERT INTO d.isi VALUES (1), (2);"
        "CREATE TABLE d.gambar (id INT PRIMARY KEY, isi LONGBLOB) ENGINE=MyISAM;"
        "INSERT INTO d.gambar SELECT seq, RANDOM_BYTES(1024) FROM mysql.seq_1_to_1500"
    )
    site.settings = '[run]\nbandwidth = ["450 kB/s"]\n'
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert said.code == 3, said.out + said.err
    told = json.loads((site.snapshots("siakad", "databases")[-1] / "snapshot.json").read_text())
    assert 600 < told["lock_ms"] < 2000
    assert (told["instant"], told["no_barrier"], told["rows"]) == ("barrier", "", "compared")
    [finding] = told["findings"]
    assert finding["reason"].startswith("gambar: not InnoDB, so not of the same instant")
    assert told["whole"]


@pytest.mark.long
def test_an_account_that_may_not_lock_still_gets_one_instant(
    site: Site, sshd: PrivateSshd, bank: PrivateMariadb, start_mariadb: MariadbStarter
) -> None:
    bank.sql(
        "CREATE USER u@localhost IDENTIFIED BY 'p'; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW DATABASES"
        " ON *.* TO u@localhost"
    )
    secret = site.home / "secret"
    secret.write_text("p\n")
    secret.chmod(0o600)
    database = f'user = "u"\nsocket = "{bank.socket}"\npassword_file = "{secret}"\n'
    site.add("siakad", sshd, [], database=database)
    with money_moving(bank):
        snapshot, told = snapshot_of(site)
    assert told["instant"] == "one program for all databases"
    assert told["lock_ms"] is None
    assert told["rows"] == "counted, not compared"
    assert restored_sum([snapshot], start_mariadb()) == TOTAL


@pytest.mark.long
def test_dumps_of_two_instants_do_disagree(
    site: Site, sshd: PrivateSshd, bank: PrivateMariadb, start_mariadb: MariadbStarter
) -> None:
    """The test above can fail: one database after the other, as most scripts do it, loses or doubles money."""
    target = start_mariadb()
    for name, other in (("timur", "barat"), ("barat", "timur")):
        site.add(name, sshd, [], database=f'user = "root"\nsocket = "{bank.socket}"\nexclude = ["{other}"]\n')
    with money_moving(bank):
        snapshots = [snapshot_of(site, name)[0] for name in ("timur", "barat")]
    assert restored_sum(snapshots, target) != TOTAL
