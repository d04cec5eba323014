"""A database, or one table, goes from a snapshot into a database server: never over what is there, proven, recorded."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp, changed, in_frames, rewritten, tampered
from tests.acceptance.site import TUIBACKUP, Site
from tests.conftest import MariadbStarter
from tests.database.conftest import unpacked
from tests.terminal import Terminal
from tests.vault.recoverypage import run as run_page
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

SECRET = "Rahasia-7f3a'\"\\ #x"


CHECKSUMS = "CHECKSUM TABLE akademik.mahasiswa, akademik.nilai, akademik.kosong, akademik.lama"


FROM = ("restore", "siakad/databases/latest", "--database", "akademik")


@pytest.fixture
def other(start_mariadb: MariadbStarter) -> PrivateMariadb:
    """The server that is restored into; it knows the database that one of the views looks into."""
    server = start_mariadb()
    server.sql("CREATE DATABASE arsip; CREATE TABLE arsip.berkas (i INT PRIMARY KEY)")
    return server


@pytest.fixture
def siakad(site: Site, sshd: PrivateSshd, backed_up: BackedUp, other: PrivateMariadb) -> Site:
    """A site with a server that was backed up once, and a second one, `uji`, that takes a password."""
    backed_up.copy_to(site)
    quoted = SECRET.replace("\\", "\\\\").replace("'", "''")
    other.sql(
        f"CREATE USER pemulih@localhost IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO pemulih@localhost"
    )
    password = site.home / "password"
    password.write_text(SECRET + "\n")
    password.chmod(0o600)
    database = f'user = "pemulih"\nsocket = "{other.socket}"\npassword_file = "{password}"\n'
    site.add("uji", sshd, [], database=database, trusted=False)
    return site


@pytest.fixture
def seen_words() -> Iterator[list[bytes]]:
    """argv and environment of every process, looked at again and again."""
    words: list[bytes] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (process / name).read_bytes()
                    except OSError:
                        continue
                    if b"Rahasia" in text:
                        words.append(text)
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    yield words
    stop.set()
    thread.join()


def restores(site: Site) -> list[dict[str, Any]]:
    entries = site.tuibackup("log", "--json").json
    return [entry["body"] for entry in entries if entry["kind"] == "restore"]


def definitions(server: PrivateMariadb) -> str:
    """How the server shows everything in the database."""
    shown = [
        server.sql(f"SHOW CREATE {what}", "akademik")
        for what in (
            "TABLE nilai", "TABLE mahasiswa", "VIEW ringkas", "TRIGGER jaga", "PROCEDURE hitung", "FUNCTION miring",
            "EVENT malam", "SEQUENCE nomor",
        )
    ]  # fmt: skip
    # Its last column says when a trigger was made.
    return "\n".join(line.rsplit("\t", 1)[0] if line.startswith("jaga") else line for line in shown)


@pytest.mark.long
def test_a_database_goes_into_another_server_and_equals_its_source(
    siakad: Site, backed_up: BackedUp, other: PrivateMariadb, seen_words: list[bytes]
) -> None:
    said = siakad.tuibackup(*FROM, "--into", "uji", "--json")
    assert said.code == 0, said.err
    document = said.json
    assert document["differences"] == []
    assert (document["tables"], document["rows"]) == (4, 602)
    assert other.sql(CHECKSUMS) == backed_up.source.sql(CHECKSUMS)
    assert definitions(other) == definitions(backed_up.source)
    assert other.sql("SELECT akademik.miring()") == "a\\\\\n"

    (recorded,) = restores(siakad)
    assert recorded["into"] == "uji"
    assert recorded["outcome"] == document["outcome"]
    assert seen_words == []
    kept = [path for folder in (siakad.state, siakad.vault) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in kept if b"Rahasia" in path.read_bytes()] == []
    assert "Rahasia" not in said.out + said.err


@pytest.mark.long
def test_a_password_that_is_typed_is_asked_for_again_as_in_a_run(
    siakad: Site, sshd: PrivateSshd, other: PrivateMariadb
) -> None:
    """A restore took what was typed first, and failed with it; a run and a check ask up to three times."""
    prompt = f'user = "pemulih"\nsocket = "{other.socket}"\nprompt = true\n'
    siakad.add("uji", sshd, [], database=prompt)
    words = [str(TUIBACKUP), *FROM, "--into", "uji"]
    with Terminal(words, siakad.environment(), columns=160, cwd=siakad.home) as seat:
        seat.wait_for("database password of pemulih on uji", seconds=30)
        seat.send("Rahasia-salah\r")
        seat.wait_for("refuses pemulih", seconds=30)
        seat.send(f"{SECRET}\r")
        assert seat.wait() == 0, seat.text
        assert "Rahasia" not in seat.raw.decode()
    assert [one["outcome"] for one in restores(siakad)] == ["done"]


def test_nothing_goes_over_an_existing_database_unless_told(siakad: Site, other: PrivateMariadb) -> None:
    other.sql(
        "CREATE DATABASE akademik; CREATE TABLE akademik.punya (i INT); INSERT INTO akademik.punya VALUES (7)"
    )
    said = siakad.tuibackup(*FROM, "--into", str(other.socket))
    assert said.code == 1
    assert "there is a database akademik already" in said.err
    assert "--overwrite" in said.err
    assert other.sql("SELECT * FROM akademik.punya") == "7\n"

    said = siakad.tuibackup(*FROM, "--into", str(other.socket), "--overwrite")
    assert said.code == 0, said.err
    assert "punya" not in other.sql("SHOW TABLES FROM akademik")
    assert other.sql("SELECT COUNT(*) FROM akademik.nilai") == "300\n"
    assert [one["outcome"] for one in restores(siakad)] == ["failed", "done"]


def test_one_table_comes_back_with_its_trigger_and_nothing_else_is_touched(
    siakad: Site, backed_up: BackedUp, other: PrivateMariadb
) -> None:
    words = (*FROM, "--table", "nilai", "--into", "uji")
    said = siakad.tuibackup(*words)
    assert said.code == 1
    assert "there is no database akademik" in said.err

    other.sql("CREATE DATABASE akademik; CREATE TABLE akademik.lama (beda INT)")
    said = siakad.tuibackup(*words)
    assert said.code == 0, said.err
    assert other.sql("SHOW TABLES FROM akademik") == "lama\nnilai\n"
    assert other.sql("CHECKSUM TABLE akademik.nilai") == backed_up.source.sql("CHECKSUM TABLE akademik.nilai")
    assert "jaga" in other.sql("SHOW TRIGGERS FROM akademik")
    assert "beda" in other.sql("SHOW CREATE TABLE akademik.lama")

    other.sql("DELETE FROM akademik.nilai LIMIT 5")
    again = siakad.tuibackup(*words)
    assert again.code == 1
    assert "there is a table akademik.nilai already" in again.err
    assert siakad.tuibackup(*words, "--overwrite").code == 0
    assert other.sql("SELECT COUNT(*) FROM akademik.nilai") == "300\n"


def test_a_table_is_restored_without_reading_the_rest(siakad: Site, other: PrivateMariadb) -> None:
    """The dump is packed in small frames, and what stands before and behind the table is damaged."""
    (snapshot,) = siakad.snapshots("siakad", "databases")
    dump = snapshot / "akademik.sql.zst"
    sql = unpacked(dump)
    document = json.loads((snapshot / "tables.json").read_text())
    (akademik,) = [one for one in document["databases"] if one["name"] == "akademik"]
    (nilai,) = [one for one in akademik["tables"] if one["name"] == "nilai"]
    first = min(one["offset"] for one in akademik["tables"])
    ends = [first, nilai["offset"], nilai["offset"] + nilai["bytes"], len(sql)]
    packed, damaged = in_frames(dump.parent, sql, ends)
    rewritten(dump, lambda old: packed)
    dump.write_bytes(damaged)

    other.sql("CREATE DATABASE akademik")
    said = siakad.tuibackup(*FROM, "--table", "nilai", "--into", "uji")
    assert said.code == 0, said.err
    assert other.sql("SELECT COUNT(*) FROM akademik.nilai") == "300\n"
    said = siakad.tuibackup(*FROM, "--table", "mahasiswa", "--into", "uji")
    assert said.code == 1
    assert "damaged" in said.err


def test_one_table_comes_back_by_hand_as_the_recovery_page_says(
    siakad: Site, backed_up: BackedUp, other: PrivateMariadb
) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")
    document = json.loads((snapshot / "tables.json").read_text())
    (akademik,) = [one for one in document["databases"] if one["name"] == "akademik"]
    (nilai,) = [one for one in akademik["tables"] if one["name"] == "nilai"]
    out = siakad.folder / "one.sql"
    words = {"DATABASE": "akademik", "OFFSET": nilai["offset"], "BYTES": nilai["bytes"]}
    run_page("Databases", 2, SNAPSHOT=snapshot, OUT=out, **words)
    other.sql("CREATE DATABASE akademik")
    other.sql(out.read_bytes(), "akademik")
    source = backed_up.source.sql("CHECKSUM TABLE akademik.nilai")
    assert other.sql("CHECKSUM TABLE akademik.nilai") == source


def test_words_that_make_no_sense_are_wrong_usage(siakad: Site) -> None:
    for words, why in (
        ((*FROM, "--table", "tidak_ada", "--into", "uji"), "has no table tidak_ada"),
        ((*FROM[:3], "tidak_ada", "--into", "uji"), "has no database tidak_ada"),
        ((*FROM[:2], "--into", "uji"), "--database"),
        ((*FROM, "--into", "tidak_ada"), "tidak_ada"),
        ((*FROM,), "--into"),
    ):
        said = siakad.tuibackup(*words)
        assert said.code == 2, words
        assert why in said.err


def test_done_is_said_only_of_what_was_proven(siakad: Site, other: PrivateMariadb) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")

    def one_more(document: dict[str, Any]) -> None:
        (akademik,) = [one for one in document["databases"] if one["name"] == "akademik"]
        next(one for one in akademik["tables"] if one["name"] == "nilai")["counted"] = 301

    tampered(snapshot, one_more)
    said = siakad.tuibackup(*FROM, "--into", str(other.socket))
    assert said.code == 1
    assert "akademik.nilai: 300 rows came back, 301 were there" in said.out
    assert restores(siakad)[0]["outcome"] == "failed"


def test_a_failure_in_the_middle_says_what_is_there(siakad: Site, other: PrivateMariadb) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")
    made = b"CREATE DATABASE akademik; USE akademik; CREATE TABLE lama (i INT);"
    tables = ["kosong", "lama"]
    replace_dump(snapshot, "akademik", made + b"DROP TABLE IF EXISTS kosong; CREATE USER jahat;\n", tables)
    said = siakad.tuibackup(*FROM, "--into", str(other.socket))
    assert said.code == 1
    assert "is incomplete now: 1 of 2 tables are there" in said.err
    assert "--overwrite" in said.err


def test_what_the_server_does_not_take_is_named_and_the_rest_is_restored(
    siakad: Site, other: PrivateMariadb
) -> None:
    other.sql("DROP DATABASE arsip")
    said = siakad.tuibackup(*FROM, "--into", str(other.socket))
    assert said.code == 1
    assert "akademik.silang: this view cannot be restored: Table 'arsip.berkas' doesn't exist" in said.out
    assert other.sql("SELECT COUNT(*) FROM akademik.nilai") == "300\n"
    assert "malam" in other.sql("SHOW EVENTS FROM akademik")


@pytest.mark.long
def test_a_statement_longer_than_the_target_takes_raises_its_limit(
    siakad: Site, other: PrivateMariadb
) -> None:
    other.sql("SET GLOBAL max_allowed_packet = 16384")
    said = siakad.tuibackup(*FROM, "--into", "uji")
    assert said.code == 0, said.err
    assert other.sql("SELECT @@GLOBAL.max_allowed_packet") == "16384\n"

    other.sql(
        "DROP DATABASE akademik; CREATE USER kecil@localhost IDENTIFIED VIA unix_socket;"
        "REVOKE ALL ON *.* FROM pemulih@localhost; GRANT ALL ON akademik.* TO pemulih@localhost"
    )
    said = siakad.tuibackup(*FROM, "--into", "uji")
    assert said.code == 1
    assert "SET GLOBAL max_allowed_packet = " in said.err


@pytest.mark.long
def test_sql_that_no_dump_contains_is_refused(siakad: Site, other: PrivateMariadb) -> None:
    """The dump of a hostile server: it reaches for accounts, settings and other databases."""
    (snapshot,) = siakad.snapshots("siakad", "databases")
    for evil in (
        b"CREATE USER jahat@'%' IDENTIFIED BY 'x';",
        b"SET @@session.foreign_key_checks = 0, @@GLOBAL.general_log = 1;",
        b"/*!50003 DROP DATABASE arsip */;",
        b"INSERT INTO mysql.global_priv VALUES ('%', 'jahat', '{}');",
        b"SELECT 1 INTO OUTFILE '/tmp/jahat';",
    ):
        replace_dump(snapshot, "akademik", evil + b"\n-- Dump completed\n")
        said = siakad.tuibackup(*FROM, "--into", str(other.socket), "--overwrite")
        assert said.code == 1, evil
        assert "no dump should" in said.err or "concerns another database" in said.err
    assert "arsip" in other.sql("SHOW DATABASES")
    assert other.sql("SELECT COUNT(*) FROM mysql.global_priv WHERE user = 'jahat'") == "0\n"


MYSQL_DUMP = rb"""-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: akademik
-- ------------------------------------------------------
-- Server version	8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `akademik` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE COLLATION */;

USE `akademik`;

DROP TABLE IF EXISTS `nilai`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `nilai` (
  `id` int NOT NULL AUTO_INCREMENT,
  `huruf` varchar(20) COLLATE COLLATION DEFAULT NULL,
  `rahasia` int DEFAULT NULL /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=COLLATION;

LOCK TABLES `nilai` WRITE;
/*!40000 ALTER TABLE `nilai` DISABLE KEYS */;
INSERT INTO `nilai` (`id`, `huruf`, `rahasia`) VALUES (1,'utf8mb4_0900_xx',NULL),(2,'b;\'',7);
/*!40000 ALTER TABLE `nilai` ENABLE KEYS */;
UNLOCK TABLES;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;

-- Dump completed on 2026-11-22  1:30:00
"""


def test_a_dump_of_mysql_goes_into_mariadb(siakad: Site, other: PrivateMariadb) -> None:
    (snapshot,) = siakad.snapshots("siakad", "databases")
    replace_dump(
        snapshot, "akademik", MYSQL_DUMP.replace(b"COLLATION", b"utf8mb4_0900_ai_ci"), tables=["nilai"]
    )
    said = siakad.tuibackup(*FROM, "--into", str(other.socket))
    assert said.code == 3, said.err
    known = other.sql(
        "SELECT COUNT(*) FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        " WHERE FULL_COLLATION_NAME = 'utf8mb4_0900_ai_ci'"
    )  # MariaDB has it since 11.4.5
    assert ("utf8mb4_0900_ai_ci was restored as utf8mb4_" in said.out) == (known.strip() == "0")
    assert other.sql("SELECT huruf FROM akademik.nilai ORDER BY id") == "utf8mb4_0900_xx\nb;'\n"

    replace_dump(
        snapshot, "akademik", MYSQL_DUMP.replace(b"COLLATION", b"utf8mb4_ja_0900_as_cs"), tables=["nilai"]
    )
    said = siakad.tuibackup(*FROM, "--into", str(other.socket), "--overwrite")
    assert said.code == 1
    assert "does not know the collation utf8mb4_ja_0900_as_cs" in said.err


def replace_dump(snapshot: Path, database: str, sql: bytes, tables: list[str] | None = None) -> None:
    """Put another dump into the snapshot, with all that is recorded of it."""
    content, _damaged = in_frames(snapshot, sql, [len(sql)])
    rewritten(snapshot / f"{database}.sql.zst", lambda old: content)

    def recorded(document: dict[str, Any]) -> None:
        (one,) = [one for one in document["databases"] if one["name"] == database]
        one["bytes"] = len(sql)
        if "stored_bytes" not in one:  # tables.json
            offset = sql.index(b"DROP TABLE") if tables else 0
            one["tables"] = [
                {"name": name, "offset": offset, "bytes": 10, "rows": None} for name in tables or ()
            ]
            one.pop("objects", None)
            one.pop("longest_statement", None)

    for name in ("tables.json", "snapshot.json"):
        rewritten(snapshot / name, lambda old: changed(old, recorded))
