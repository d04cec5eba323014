"""What only MySQL has comes back on a fresh MySQL, whatever dump program its server has: its own, MariaDB's, or none.

And whatever either server is set to.

Runs with scripts/test --long where scripts/fetch-mysql has been run.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.database import mysqld
from tests.database.mysqld import PrivateMysqld
from tuibackup.demo.sshd import PrivateSshd

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(mysqld.missing(), reason="no MySQL here: run scripts/fetch-mysql"),
]
KINDS = r"""
SET NAMES utf8mb4; CREATE DATABASE toko; USE toko;
CREATE TABLE hitung (i INT PRIMARY KEY, v INT AS (i * 2) VIRTUAL, s INT AS (i * 3) STORED);
INSERT INTO hitung (i) VALUES (1), (2);
CREATE TABLE semu (i INT PRIMARY KEY, h INT INVISIBLE DEFAULT 7, KEY k (h) INVISIBLE);
INSERT INTO semu (i, h) VALUES (1, 2);
CREATE TABLE ruang (i INT PRIMARY KEY, g POINT NOT NULL SRID 4326, SPATIAL KEY (g));
INSERT INTO ruang VALUES (1, ST_GeomFromText('POINT(1 2)', 4326));
CREATE TABLE arah (i INT PRIMARY KEY, v VECTOR(3));
INSERT INTO arah VALUES (1, STRING_TO_VECTOR('[1,2.5,-3]')), (2, NULL);
CREATE TABLE fungsi (i INT PRIMARY KEY, d DATETIME, j JSON DEFAULT (JSON_ARRAY(1)), KEY k ((YEAR(d))));
INSERT INTO fungsi (i, d) VALUES (1, '2020-01-01');
CREATE TABLE wajib (i INT PRIMARY KEY, CONSTRAINT c CHECK (i < 10) NOT ENFORCED); INSERT INTO wajib VALUES (50);
CREATE TABLESPACE bersama ADD DATAFILE 'bersama.ibd'; CREATE TABLE `di-sana` (i INT PRIMARY KEY) TABLESPACE bersama;
INSERT INTO `di-sana` VALUES (5);
SET sql_generate_invisible_primary_key = 1; CREATE TABLE tanpa (x INT); INSERT INTO tanpa VALUES (3), (3);
SET sql_generate_invisible_primary_key = 0;
CREATE DEFINER = entah@entah PROCEDURE kerja() SELECT 'a;b'; CREATE VIEW lihat AS SELECT s FROM hitung;
CREATE TRIGGER jaga BEFORE INSERT ON semu FOR EACH ROW SET NEW.h = 9;
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO SELECT 1;
CREATE ROLE peran; GRANT SELECT ON toko.* TO peran; CREATE USER adm@'%' IDENTIFIED BY 'x' DEFAULT ROLE peran;
CREATE USER surat@'%' REQUIRE SUBJECT '/CN=a''b"c\\d' ATTRIBUTE '{"k": "it''s \\"q\\""}';
SET GLOBAL partial_revokes = 1; CREATE USER kurang@'%'; GRANT SELECT ON *.* TO kurang@'%';
REVOKE SELECT ON toko.* FROM kurang@'%';
CREATE USER cadangan@localhost IDENTIFIED BY 'kunci' REQUIRE SSL; GRANT SHOW_ROUTINE ON *.* TO cadangan@localhost;
GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO cadangan@localhost;
"""
TABLES = ("hitung", "semu", "ruang", "arah", "fungsi", "wajib", "`di-sana`", "tanpa", "lihat")


def told(server: PrivateMysqld) -> dict[str, bytes]:
    """Rows with the columns that are invisible, and what the server says of objects and accounts."""
    asked = {name: f"SELECT * FROM toko.{name}" for name in TABLES}
    asked["invisible"] = "SELECT i, h FROM toko.semu; SELECT my_row_id, x FROM toko.tanpa"
    asked["objects"] = (
        "SELECT ROUTINE_DEFINITION, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'toko';"
        "SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'toko';"
        "SELECT EVENT_DEFINITION, STARTS FROM information_schema.EVENTS"
    )
    for name in ("peran", "adm", "surat", "kurang"):
        asked[name] = f"SET print_identified_with_as_hex = 1; SHOW CREATE USER {name}; SHOW GRANTS FOR {name}"
    return {name: server.sql(query.encode()) for name, query in asked.items()}


def toolbox(tools: Path, program: str) -> str:
    """A folder with a dump program that is MySQL's "own", "of MariaDB" or "none"; the command that is forced then."""
    tools.mkdir()
    for name in ("sh", "find", "tar", "zstd", "cat", "nice", "uname", "id", "stat", "tr"):
        (tools / name).symlink_to(str(shutil.which(name)))
    if program == "own":
        words = " ".join(mysqld.program("mysqldump"))
        (tools / "mysqldump").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (tools / "mysqldump").chmod(0o755)
    elif program == "of MariaDB":
        (tools / "mysqldump").symlink_to(str(shutil.which("mariadb-dump")))
    return f"""PATH={tools}; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """


def dumped(site: Site, source: PrivateMysqld, sshd: PrivateSshd) -> Path:
    """The snapshot of a first run by the account that both have made."""
    password = site.folder / "password"
    password.write_text("kunci\n")
    password.chmod(0o600)
    login = f'user = "cadangan"\npassword_file = "{password}"\nsocket = "{source.socket}"\n'
    site.add("siakad", sshd, [], database=login)
    said = site.tuibackup("run", "siakad", "--only", "databases", timeout=300)
    assert said.code == 0, said.out + said.err
    (snapshot,) = site.snapshots("siakad", "databases")
    return snapshot


@pytest.mark.parametrize("program", ["own", "of MariaDB", "none"])
def test_what_only_mysql_has_comes_back_whatever_dumps_it(site: Site, tmp_path: Path, program: str) -> None:
    command = toolbox(tmp_path / "tools", program)
    with (
        PrivateSshd(tmp_path / "ssh", force_command=command) as sshd,
        PrivateMysqld(tmp_path / "m") as source,
        PrivateMysqld(tmp_path / "f") as fresh,
    ):
        source.sql(KINDS.encode())
        snapshot = dumped(site, source, sshd)
        native = "none: read over a connection" in (snapshot / "snapshot.json").read_text()
        assert native is (program != "own")
        for more in ([], ["--users"]):
            back = subprocess.run(["sh", "restore.sh", *more], cwd=snapshot, capture_output=True, check=True)
            fresh.sql(back.stdout)  # stops at the first error
        drilled = site.tuibackup("drill", "siakad/databases/latest", timeout=300)
        assert drilled.code == 3, "what a MariaDB cannot make is no fault of the dump: " + drilled.out
        assert (
            "toko.arah: this table could not be tested because the server lacks something: Unknown data type: 'vector'"
            in drilled.out
        )
        before, after = told(source), told(fresh)
        assert {name for name in before if before[name] != after[name]} == set()


STRICTER = (
    "sql_require_primary_key = 1", "sql_generate_invisible_primary_key = 1", "restrict_fk_on_non_standard_key = 1",
    "explicit_defaults_for_timestamp = 0", "autocommit = 0", "transaction_read_only = 1", "max_execution_time = 1",
    "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", "time_zone = '+09:00'",
)  # fmt: skip
LOOSE = r"""
SET GLOBAL restrict_fk_on_non_standard_key = 0; SET restrict_fk_on_non_standard_key = 0;
CREATE DATABASE toko; USE toko; CREATE TABLE ganda (x INT); INSERT INTO ganda VALUES (1), (1);
CREATE TABLE induk (a INT PRIMARY KEY, b INT, KEY (b)); INSERT INTO induk VALUES (1, 2), (2, 2);
CREATE TABLE anak (b INT, FOREIGN KEY (b) REFERENCES induk (b)); INSERT INTO anak VALUES (2);
CREATE TABLE waktu (x TIMESTAMP, y TIMESTAMP NULL, s VARCHAR(9)); INSERT INTO waktu VALUES (NULL, NULL, '\\''"');
SET sql_generate_invisible_primary_key = 1; CREATE TABLE tanpa (x INT); INSERT INTO tanpa VALUES (3), (3);
SET GLOBAL show_gipk_in_create_table_and_information_schema = 0;
CREATE USER cadangan@localhost IDENTIFIED BY 'kunci';
GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO cadangan@localhost;
"""
SHOWN = "SHOW CREATE TABLE toko.{0}; SELECT * FROM toko.{0} ORDER BY 1"


def test_a_server_that_is_set_otherwise_takes_it_all_the_same(site: Site, tmp_path: Path) -> None:
    with (
        PrivateSshd(tmp_path / "ssh", force_command=toolbox(tmp_path / "tools", "own")) as sshd,
        PrivateMysqld(tmp_path / "m") as source,
        PrivateMysqld(tmp_path / "f") as strict,
    ):
        source.sql(LOOSE.encode())
        snapshot = dumped(site, source, sshd)
        strict.sql("".join(f"SET GLOBAL {setting};" for setting in STRICTER).encode())
        for more in ([], ["--users"]):
            back = subprocess.run(["sh", "restore.sh", *more], cwd=snapshot, capture_output=True, check=True)
            strict.sql(back.stdout)
        # The key that MySQL made is shown to who asks for it.
        plain = "SET SESSION show_gipk_in_create_table_and_information_schema = 1, sql_mode = '', time_zone = '+00:00';"
        for table in ("ganda", "induk", "anak", "waktu", "tanpa"):
            asked = (plain + SHOWN.format(table)).encode()
            assert strict.sql(asked) == source.sql(asked), table


def test_what_an_account_may_not_read_is_no_fault_of_the_object(site: Site, tmp_path: Path) -> None:
    with (
        PrivateSshd(tmp_path / "ssh", force_command=toolbox(tmp_path / "tools", "own")) as sshd,
        PrivateMysqld(tmp_path / "m") as source,
    ):
        source.sql(
            b"CREATE DATABASE toko; CREATE TABLE toko.isi (i INT PRIMARY KEY); CREATE PROCEDURE toko.kerja() SELECT 1;"
            b"CREATE USER cadangan@localhost; GRANT EXECUTE ON PROCEDURE toko.kerja TO cadangan@localhost;"
            b"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON toko.* TO cadangan@localhost"
        )
        site.add("siakad", sshd, [], database=f'user = "cadangan"\nsocket = "{source.socket}"\n')
        said = site.tuibackup("check", "siakad", timeout=120)
        [line] = [line for line in said.out.splitlines() if "toko.kerja" in line]
        assert "denied to this account; grant the account that right" in line
