"""What is stored loads in one go: every kind of object that a server let somebody make, whatever servers have set."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tests.database.everything import differences, everything
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

WIDE = ", ".join(f"c{number} CHAR(255)" for number in range(35))
MANY, MORE = (", ".join(f"{letter}{number} VARCHAR(60)" for number in range(600)) for letter in "cd")
OBJECTS = f"""
CREATE DATABASE a; CREATE DATABASE m CHARACTER SET latin1; CREATE DATABASE z; USE m;
CREATE TABLE t (id INT PRIMARY KEY, n VARCHAR(20), KEY k (n)); INSERT INTO t VALUES (1, 'x'), (2, 'y');
CREATE TABLE lama (i INT PRIMARY KEY, j INT) WITH SYSTEM VERSIONING; INSERT INTO lama VALUES (1, 1);
UPDATE lama SET j = 9;
CREATE TABLE bagian (i INT PRIMARY KEY) PARTITION BY RANGE (i)
    (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO bagian VALUES (1), (100);
CREATE TABLE titik (p POINT); INSERT INTO titik VALUES (ST_GeomFromText('POINT(1 2)'));
CREATE SEQUENCE urut START WITH 5; CREATE SEQUENCE z.nomor; CREATE SEQUENCE a.nomor;
CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
CREATE FUNCTION banyak() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM z.dua);
USE a;
CREATE TABLE bawaan (id INT PRIMARY KEY DEFAULT NEXTVAL(z.nomor), j INT DEFAULT (NEXT VALUE FOR m.urut), n INT);
CREATE TABLE z.bawaan (id INT PRIMARY KEY DEFAULT NEXTVAL(a.nomor), n INT);
INSERT INTO bawaan (n) VALUES (1); INSERT INTO z.bawaan (n) VALUES (1);
CREATE TABLE z.induk (id INT PRIMARY KEY, a INT); INSERT INTO z.induk VALUES (1, 1);
CREATE TABLE anak (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES z.induk (id)); INSERT INTO anak VALUES (5, 1);
CREATE TABLE z.cucu (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES a.anak (id));
INSERT INTO z.cucu VALUES (7, 5);
CREATE VIEW kunci AS SELECT n FROM m.t USE INDEX (k) WHERE n > '';
CREATE VIEW riwayat AS SELECT * FROM m.lama FOR SYSTEM_TIME ALL;
CREATE VIEW sebagian AS SELECT * FROM m.bagian PARTITION (p0);
CREATE VIEW titik AS SELECT p FROM m.titik; CREATE VIEW absis AS SELECT ST_X(p) AS x FROM titik;
CREATE VIEW satu AS SELECT id, n FROM m.t WHERE id > 0;
CREATE VIEW awal AS SELECT id, n FROM satu WHERE id < 100 WITH CASCADED CHECK OPTION;
CREATE VIEW z.dua AS SELECT * FROM a.awal; CREATE VIEW tiga AS SELECT * FROM z.dua;
CREATE VIEW hitung AS SELECT m.f(id) AS i, m.banyak() AS c FROM m.t; CREATE VIEW induk AS SELECT * FROM z.induk;
CREATE VIEW berikut AS SELECT LASTVAL(z.nomor) AS n;
CREATE VIEW kata AS SELECT 'abc' AS x;
CREATE TABLE lain (c VARCHAR(10)) CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci; INSERT INTO lain VALUES ('abc');
CREATE VIEW banding AS SELECT c FROM lain JOIN kata ON lain.c = kata.x;
CREATE TABLE m.lebar1 ({MANY}) ENGINE=MyISAM; CREATE TABLE m.lebar2 ({MORE}) ENGINE=MyISAM;
CREATE VIEW lebar AS SELECT * FROM m.lebar1 JOIN m.lebar2; CREATE VIEW z.lebar AS SELECT * FROM a.lebar;
CREATE TABLE bagi (a INT, b INT, c DECIMAL(30,15) AS (a / b) STORED); INSERT INTO bagi (a, b) VALUES (2, 3);
CREATE TABLE satuan (i INT) ENGINE=MyISAM; CREATE TABLE z.satuan (i INT) ENGINE=MyISAM; INSERT INTO satuan VALUES (1);
CREATE TABLE gabung (i INT) ENGINE=MERGE UNION=(satuan, z.satuan);
CREATE TRIGGER z.silang AFTER INSERT ON z.induk FOR EACH ROW INSERT INTO a.anak VALUES (NEW.id, NEW.id);
CREATE OR REPLACE TRIGGER ganti BEFORE INSERT ON anak FOR EACH ROW SET @x = 1;
CREATE EVENT lewat ON SCHEDULE AT '2020-01-01 00:00:00' ON COMPLETION PRESERVE DO SELECT 1;
CREATE EVENT mati ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO SELECT 1;
CREATE DEFINER=tak@ada FUNCTION tanpa() RETURNS INT DETERMINISTIC RETURN 1;
SET sql_mode = ORACLE;
DELIMITER //
CREATE PACKAGE paket AS FUNCTION g RETURN INT; END; //
CREATE PACKAGE BODY paket AS FUNCTION g RETURN INT AS BEGIN RETURN 1; END; END; //
DELIMITER ;
SET sql_mode = DEFAULT, innodb_strict_mode = 0, explicit_defaults_for_timestamp = 1;
CREATE TABLE terlalu_lebar ({WIDE}) CHARSET latin1;
CREATE TABLE blok (i INT) KEY_BLOCK_SIZE=3; CREATE TABLE tetap (i INT) ROW_FORMAT=FIXED;
CREATE TABLE waktu (a INT, t TIMESTAMP NOT NULL, u TIMESTAMP NULL); INSERT INTO waktu VALUES (1, '2020-01-01', NULL);
"""
SOURCE = ("--div-precision-increment=9", "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES")
ODD = (
    "--sql-mode=ORACLE,STRICT_ALL_TABLES", "--autocommit=0", "--max-statement-time=3", "--default-time-zone=+09:00",
    "--character-set-server=latin1", "--explicit-defaults-for-timestamp=0", "--transaction-read-only=1",
    "--completion-type=2", "--default-storage-engine=MyISAM", "--div-precision-increment=1",
)  # fmt: skip
ODD_TOO = (
    "SET GLOBAL sql_safe_updates = 1, alter_algorithm = INSTANT, sql_quote_show_create = 0, big_tables = 1"
)
AS_USUAL = "SET GLOBAL tx_read_only = 0, sql_quote_show_create = 1"


@dataclass(frozen=True)
class Stored:
    site: Site
    source: PrivateMariadb
    run: Said


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd, start_module_mariadb: MariadbStarter
) -> Stored:
    """A server with all of it, and one run."""
    source = start_module_mariadb(*SOURCE)
    source.sql("SET sql_mode = '';" + OBJECTS)
    site = Site(tmp_path_factory.mktemp("loading"))
    site.write_config()
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{source.socket}"\n')
    return Stored(site, source, site.tuibackup("run", "siakad", "--only", "databases", "--json"))


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder for throw-away servers, which run as another account where we are root."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def load(snapshot: Path, target: PrivateMariadb) -> None:
    done = load_all(snapshot, target)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def load_all(snapshot: Path, target: PrivateMariadb) -> "subprocess.CompletedProcess[str]":
    """As docs/recovery.md says: in one go, up to the first error."""
    client = f"mariadb --no-defaults --socket={target.socket} --user={account()}"
    return subprocess.run(
        ["sh", "-c", f'sh "$0"/restore.sh | {client}', str(snapshot)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ODD], ids=["fresh", "odd"])
@pytest.mark.long
def test_all_of_it_loads_in_one_go(
    stored: Stored, start_mariadb: MariadbStarter, options: tuple[str, ...]
) -> None:
    assert stored.run.finished["databases"]["whole"], stored.run.out
    (snapshot,) = stored.site.snapshots("siakad", "databases")
    target = start_mariadb(*options)
    if options:
        target.sql(ODD_TOO)
    load(snapshot, target)
    if options:
        target.sql(AS_USUAL)
    wanted, made = (asyncio.run(everything(one.socket)) for one in (stored.source, target))
    assert len(wanted) > 100
    assert differences(wanted, made) == {}


@pytest.mark.long
def test_a_drill_makes_all_of_it_again(stored: Stored) -> None:
    said = stored.site.tuibackup("drill", "siakad", "--json")
    assert said.json[0]["differences"] == [], said.out


@pytest.mark.long
def test_what_no_server_would_make_again_is_said_and_all_else_loads(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter
) -> None:
    """Views into what is excluded, events whose time has passed, folders that can be no database, names of any kind;
    and a server that cuts short what dump programs read, for an account that cannot have its rows compared."""
    source = start_mariadb("--event-scheduler=OFF")
    source.sql("""
CREATE DATABASE luar; CREATE TABLE luar.t (i INT); CREATE DATABASE `a``b-c.d`;
USE `a``b-c.d`; CREATE TABLE `x.y``z` (`p q` INT PRIMARY KEY); INSERT INTO `x.y``z` SELECT seq FROM seq_1_to_500;
CREATE VIEW keluar AS SELECT * FROM luar.t; CREATE VIEW atasnya AS SELECT * FROM keluar;
CREATE VIEW akun AS SELECT user FROM mysql.user;
SET timestamp = 1;
CREATE EVENT lewat ON SCHEDULE AT '2020-01-01 00:00:00' ON COMPLETION NOT PRESERVE DO SELECT 1;
CREATE USER baca@localhost; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO baca@localhost;
SET GLOBAL sql_select_limit = 10""")  # fmt: skip
    for folder in (".ssh", "lama-lama"):  # the second is `#mysql50#lama-lama` to the server
        (source.data / folder).mkdir()
    site.add("siakad", sshd, [], database=f'user = "baca"\nsocket = "{source.socket}"\nexclude = ["luar"]\n')
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    found = {event["subject"]: event["reason"] for event in said.events if event["event"] == "step-finding"}
    for name in ("keluar", "atasnya"):
        assert "it looks into luar, which is excluded from this backup" in found[f"a`b-c.d.{name}"]
    assert "its time has passed" in found["a`b-c.d.lewat"]
    assert "UPGRADE DATA DIRECTORY NAME" in found["#mysql50#lama-lama"]
    assert said.finished["databases"]["whole"], said.out
    (snapshot,) = site.snapshots("siakad", "databases")
    kept = (snapshot / "left-out.sql").read_text()
    assert all(f"`{name}`" in kept for name in ("keluar", "atasnya", "lewat"))
    target = start_mariadb()
    loaded = load_all(snapshot, target)
    if loaded.returncode:  # the old name comes last, and newer servers refuse it
        assert "Incorrect database name '#mysql50#lama-lama'" in loaded.stderr
    assert target.sql("SELECT COUNT(*) FROM `a``b-c.d`.`x.y``z`") == "500\n"
    assert "akun" in target.sql("SHOW TABLES FROM `a``b-c.d`")


@pytest.mark.long
def test_a_dry_load_names_what_no_server_takes_and_leaves_nothing(
    site: Site, sshd: PrivateSshd, start_mariadb: MariadbStarter, scratch: Path
) -> None:
    """A trigger of a MERGE table that is made before what it gathers: the last line and the rows show nothing."""
    source = start_mariadb()
    source.sql("""
CREATE DATABASE a; USE a; CREATE TABLE biasa (i INT PRIMARY KEY, t TEXT); CREATE TABLE nol (i INT) ENGINE=MyISAM;
INSERT INTO biasa SELECT seq, REPEAT(MD5(seq), 30) FROM seq_1_to_1000;
CREATE TRIGGER jaga BEFORE INSERT ON biasa FOR EACH ROW SET @a = 1;
CREATE TABLE kumpul (i INT) ENGINE=MERGE UNION=(nol);
CREATE TRIGGER awas BEFORE INSERT ON kumpul FOR EACH ROW SET @a = 1;
CREATE DATABASE b; CREATE VIEW b.lihat AS SELECT * FROM a.biasa;""")  # fmt: skip
    database = f'user = "{account()}"\nsocket = "{source.socket}"\ndry_load = true\n'
    site.settings = f'[drill]\nfolder = "{scratch}"\n'
    site.add("siakad", sshd, [], database=database)
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    tried = {e["subject"]: e["reason"] for e in said.events if "dry load" in e.get("reason", "")}
    assert list(tried) == ["a.awas"], said.out
    assert "this trigger cannot be restored: Unable to open underlying table" in tried["a.awas"]
    assert said.finished["databases"]["whole"]
    assert list(scratch.iterdir()) == []
    source.sql("DROP TABLE a.kumpul")
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert said.code == 0, said.out
