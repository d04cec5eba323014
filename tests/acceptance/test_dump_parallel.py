"""Several programs dump side by side, a large database is taken apart, and each dump is still one that restores."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

LARGE = ("mahasiswa", "nilai", "presensi", "kursus", "dosen")
SMALL = [f"unit_{number:02}" for number in range(12)]
# Views in a circle of three databases; triggers on tables that other programs take; a sequence that a table needs.
OBJECTS = """
USE siakad;
ALTER TABLE siakad.nilai ADD CONSTRAINT punya FOREIGN KEY (id) REFERENCES siakad.mahasiswa (id);
CREATE SEQUENCE siakad.nomor; CREATE TABLE siakad.surat (id INT DEFAULT NEXTVAL(siakad.nomor), isi TEXT);
INSERT INTO siakad.surat (isi) VALUES ('a'), ('b');
CREATE VIEW unit_01.satu AS SELECT id FROM siakad.nilai;
CREATE VIEW unit_02.dua AS SELECT id FROM unit_01.satu WHERE id < 100;
CREATE VIEW siakad.tiga AS SELECT id FROM unit_02.dua;
DELIMITER //
CREATE TRIGGER jaga BEFORE INSERT ON nilai FOR EACH ROW BEGIN SET NEW.isi = '-- Dump completed'; END//
CREATE TRIGGER catat AFTER UPDATE ON dosen FOR EACH ROW BEGIN SET @x = '
UNLOCK TABLES;'; END//
CREATE PROCEDURE hitung() BEGIN SELECT '
-- Current Database: `unit_03`
USE `unit_03`;
'; END//
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO DELETE FROM surat WHERE id < 0//
"""


@pytest.fixture
def source(start_mariadb: MariadbStarter) -> PrivateMariadb:
    """A database of some 40 MB, and a dozen small ones."""
    source = start_mariadb()
    source.sql("CREATE DATABASE siakad")
    for number, name in enumerate(LARGE):
        source.sql(
            f"USE siakad; CREATE TABLE {name} (id INT PRIMARY KEY, kode CHAR(32) NOT NULL, isi VARCHAR(900) NOT NULL);"
            f"INSERT INTO {name} SELECT seq, MD5(seq + {number}), REPEAT(MD5(seq), 25)"
            " FROM seq_1_to_6000; "
            f"ANALYZE TABLE {name}"
        )
    for name in SMALL:
        source.sql(
            f"CREATE DATABASE {name}; USE {name};"
            "CREATE TABLE isi (id INT PRIMARY KEY, g INT AS (id + 1) INVISIBLE, x TEXT);"
            "INSERT INTO isi (id, x) SELECT seq, CONCAT(seq, ''',(') FROM seq_1_to_300"
        )
    source.sql(OBJECTS)
    return source


def everything(server: PrivateMariadb) -> str:
    """All that a dump must bring back: rows by checksum, and every object's definition."""
    tables = server.sql(
        "SELECT CONCAT('CHECKSUM TABLE `', TABLE_SCHEMA, '`.`', TABLE_NAME, '`; SHOW CREATE TABLE `', TABLE_SCHEMA,"
        " '`.`', TABLE_NAME, '`;') FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
        " ORDER BY TABLE_SCHEMA, TABLE_NAME"
    )
    return server.sql(tables) + server.sql(
        "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS"
        " WHERE TRIGGER_SCHEMA <> 'sys' ORDER BY 1, 2;"
        "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'siakad';"
        "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS"
    )


def unpacked(path: Path) -> bytes:
    return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout


@pytest.mark.long
def test_what_several_programs_dumped_restores_as_one(
    site: Site, sshd: PrivateSshd, source: PrivateMariadb, start_mariadb: MariadbStarter
) -> None:
    site.add("siakad", sshd, [], database=f'user = "root"\nsocket = "{source.socket}"\nchecksum = true\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert said.code == 0, said.out + said.err
    lines = [line for event in said.events if event["event"] == "step-output" for line in event["lines"]]
    assert any(re.fullmatch(r"one instant, lock \d+ ms, dumps side by side: [2-7]", line) for line in lines)
    assert any(re.fullmatch(r"\d: siakad \(\d tables? of it\)", line) for line in lines)
    assert {f"siakad: {name}" for name in LARGE} <= set(lines)
    shown = [
        event for event in said.events if event["event"] == "step-progress" and event["unit"] == "tables"
    ]
    for event in shown[:1]:  # on a fast machine the next step's progress may come before the first is written
        assert event["items-total"] == len(LARGE) + len(SMALL) + 2
        assert event["bytes-total"] > 14_000_000
    assert "barrier, lock " in said.finished["databases"]["detail"]
    [snapshot] = site.snapshots("siakad", "databases")
    told = json.loads((snapshot / "snapshot.json").read_text())
    assert (told["instant"], told["outcome"], told["rows"]) == ("barrier", "done", "compared")
    assert sorted(path.name for path in snapshot.glob("*.sql.zst")) == sorted(
        f"{name}.sql.zst" for name in ("siakad", *SMALL)
    )
    # All of them in one go.
    target = start_mariadb()
    target.sql(
        subprocess.run(["sh", snapshot / "restore.sh"], capture_output=True, check=True, cwd="/").stdout
    )
    assert everything(target) == everything(source)
    # One alone, that was taken apart, where the other databases are there.
    target.sql("DROP DATABASE siakad")
    target.sql(unpacked(snapshot / "siakad.sql.zst"))
    assert everything(target) == everything(source)
    _tables_lie_where_it_is_said(snapshot, source, target)


def _tables_lie_where_it_is_said(snapshot: Path, source: PrivateMariadb, target: PrivateMariadb) -> None:
    databases = {one["name"]: one for one in json.loads((snapshot / "tables.json").read_text())["databases"]}
    siakad = databases["siakad"]
    assert siakad["objects"] == {
        "views": ["tiga"],
        "triggers": ["catat", "jaga"],
        "routines": ["hitung"],
        "events": ["malam"],
        "sequences": ["nomor"],
    }
    sql = unpacked(snapshot / "siakad.sql.zst")
    assert len(sql) == siakad["bytes"]
    assert max(map(len, sql.split(b";\n"))) <= siakad["longest_statement"] < 3_000_000
    tables = {table["name"]: table for table in siakad["tables"]}
    assert set(tables) == {*LARGE, "surat", "nomor"}
    target.sql("DROP DATABASE siakad; CREATE DATABASE siakad; CREATE SEQUENCE siakad.nomor")
    for name in (*LARGE, "surat"):
        part = sql[tables[name]["offset"] :][: tables[name]["bytes"]]
        assert part.startswith(b"-- Table structure for table `%s`" % name.encode())
        target.sql(b"USE siakad; SET foreign_key_checks = 0;\n" + part)
        assert target.sql(f"CHECKSUM TABLE siakad.{name}") == source.sql(f"CHECKSUM TABLE siakad.{name}")
        assert tables[name]["checksum"] == int(source.sql(f"CHECKSUM TABLE siakad.{name}").split()[-1])
        assert tables[name]["rows"] == tables[name]["counted"] == (2 if name == "surat" else 6000)
        assert tables[name]["engine"] == "InnoDB"
    for name in SMALL:
        [table] = databases[name]["tables"]
        assert table["rows"] == table["counted"] == 300
