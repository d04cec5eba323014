"""What the server refuses of one object stops nothing else: a menagerie of them, and one run that must name each."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

GRANT = (
    "GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO"
    " cadangan@localhost"
)
SOUND = """
CREATE TABLE baik (id INT PRIMARY KEY, x VARCHAR(200)); INSERT INTO baik SELECT seq, MD5(seq) FROM seq_1_to_3000;
CREATE VIEW lihat AS SELECT id FROM baik;
CREATE PROCEDURE hitung() SELECT 1; CREATE FUNCTION satu() RETURNS INT RETURN 1;
CREATE TRIGGER jaga BEFORE INSERT ON baik FOR EACH ROW SET NEW.x = 'y';
CREATE EVENT malam ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE SEQUENCE nomor;
"""
# Databases of their own, for each goes another way: tables that cannot be opened, or be read until somewhere in the
# middle; views; stored programs, of which no dump program leaves out a single one.
TABLES = """
CREATE DATABASE tabel; USE tabel;
CREATE TABLE my (id INT PRIMARY KEY, x VARCHAR(200)) ENGINE=MyISAM;
INSERT INTO my SELECT seq, MD5(seq) FROM seq_1_to_3000;
CREATE TABLE tanpa_myd LIKE my; CREATE TABLE tanpa_myi LIKE my;
CREATE TABLE terpotong LIKE my; INSERT INTO terpotong SELECT seq, REPEAT('z', 100) FROM seq_1_to_3000;
CREATE TABLE aria (id INT PRIMARY KEY, x VARCHAR(200)) ENGINE=Aria; INSERT INTO aria SELECT * FROM my;
CREATE TABLE aria_terpotong LIKE aria; INSERT INTO aria_terpotong SELECT seq, REPEAT('z', 100) FROM seq_1_to_3000;
CREATE TABLE tanpa_ibd (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE frm_rusak LIKE tanpa_ibd;
CREATE TABLE dibuang LIKE tanpa_ibd; CREATE TRIGGER dibuang_t BEFORE INSERT ON dibuang FOR EACH ROW SET NEW.id = 1;
ALTER TABLE dibuang DISCARD TABLESPACE;
CREATE TABLE trg_rusak LIKE tanpa_ibd;
CREATE TRIGGER trg_rusak_t BEFORE INSERT ON trg_rusak FOR EACH ROW SET NEW.id = 1;
CREATE TABLE isi (x INT) ENGINE=MyISAM; CREATE TABLE gabungan (x INT) ENGINE=MERGE UNION=(isi); DROP TABLE isi;
CREATE TABLE lembar (id INT NOT NULL) ENGINE=CSV; INSERT INTO lembar VALUES (1);
CREATE TABLE halaman (id INT PRIMARY KEY, x VARCHAR(2000)) ENGINE=InnoDB;
INSERT INTO halaman SELECT seq, REPEAT('h', 1500) FROM seq_1_to_2000;
"""
VIEWS = """
CREATE DATABASE pandangan; USE pandangan;
CREATE TABLE t (a INT, b VARCHAR(9), x VARCHAR(9)); CREATE TABLE hilang (a INT, b INT);
CREATE FUNCTION rahasia() RETURNS INT RETURN 1;
CREATE TABLE kolom (a INT, b INT); CREATE VIEW tanpa_kolom AS SELECT b FROM kolom;
CREATE TABLE sebentar (a INT); CREATE VIEW tanpa_tabel AS SELECT a FROM sebentar; DROP TABLE sebentar;
CREATE SQL SECURITY INVOKER VIEW tanpa_hak AS SELECT rahasia() AS a;
CREATE VIEW putar AS SELECT a FROM hilang; CREATE VIEW putar2 AS SELECT * FROM putar; DROP TABLE hilang;
RENAME TABLE putar2 TO hilang; ALTER TABLE kolom DROP COLUMN b;
CREATE VIEW di_atas AS SELECT a FROM t; CREATE VIEW di_atas_2 AS SELECT a FROM di_atas;
CREATE FUNCTION sebentar() RETURNS INT RETURN 1; CREATE VIEW tanpa_fungsi AS SELECT sebentar() AS a;
DROP FUNCTION sebentar;
"""
PROGRAMS = """
CREATE DATABASE program; USE program;
CREATE PROCEDURE rusak() SELECT 1; CREATE FUNCTION rusak_juga() RETURNS INT RETURN 1;
UPDATE mysql.proc SET body = 'BEGIN this is no SQL' WHERE db = 'program';
"""


def damage(data: Path) -> None:
    """What disks, crashes and people do to the files of a server that is not running."""
    place = data / "tabel"
    for name in ("tanpa_myd.MYD", "tanpa_myi.MYI", "tanpa_ibd.ibd", "lembar.CSV"):
        (place / name).unlink()
    for name in ("terpotong.MYD", "aria_terpotong.MAD"):
        os.truncate(place / name, (place / name).stat().st_size // 2)
    (place / "frm_rusak.frm").write_bytes(b"rubbish" * 100)
    (place / "trg_rusak.TRG").write_bytes(b"TYPE=TRIGGERS\nrubbish")
    pages = bytearray((place / "halaman.ibd").read_bytes())
    for page in range(60, 80):  # leaves in the middle
        pages[page * 16384 + 200 : page * 16384 + 9000] = os.urandom(8800)
    (place / "halaman.ibd").write_bytes(pages)


@dataclass
class Menagerie:
    server: PrivateMariadb
    site: Site
    check: Said
    run: Said
    snapshot: Path

    @property
    def findings(self) -> dict[str, dict[str, Any]]:
        return {one["subject"]: one for one in self.run.events if one["event"] == "step-finding"}


@pytest.fixture(scope="module")
def menagerie(
    start_module_mariadb: MariadbStarter, sshd: PrivateSshd, tmp_path_factory: pytest.TempPathFactory
) -> Menagerie:
    server = start_module_mariadb()
    server.sql(TABLES + SOUND)
    server.sql(VIEWS + SOUND)
    server.sql("CREATE DATABASE utuh; USE utuh;" + SOUND)
    server.sql(PROGRAMS + SOUND)
    server.sql("CREATE USER cadangan@localhost;" + GRANT)
    server.stop()
    (data,) = {path.parent.parent for path in server.folder.rglob("tabel/baik.frm")}
    damage(data)
    server.start()
    site = Site(tmp_path_factory.mktemp("menagerie"))
    site.add("siakad", sshd, [], database=f'user = "cadangan"\nsocket = "{server.socket}"\n')
    check = site.tuibackup("check", "siakad", "--json", timeout=120)
    run = site.tuibackup("run", "siakad", "--only", "databases", "--json", timeout=300)
    (snapshot,) = site.snapshots("siakad", "databases")
    return Menagerie(server, site, check, run, snapshot)


NAMED = {
    "tabel.tanpa_myd": "tanpa_myd.MYD' not found",
    "tabel.tanpa_myi": "Can't find file: './tabel/tanpa_myi.MYI'",
    "tabel.tanpa_ibd": "Tablespace is missing for a table",
    "tabel.frm_rusak": "Incorrect information in file",
    "tabel.dibuang": "Tablespace has been discarded",
    "tabel.trg_rusak": "unknown parameter 'rubbish'",
    "tabel.gabungan": "Unable to open underlying table",
    "tabel.lembar": "Can't get stat of './tabel/lembar.CSV'",
    "pandangan.tanpa_tabel": "references invalid table(s)",
    "pandangan.tanpa_kolom": "references invalid table(s)",
    "pandangan.tanpa_fungsi": "references invalid table(s)",
    "pandangan.tanpa_hak": "execute command denied to user 'cadangan'@'localhost'",
    "pandangan.putar": "contains view recursion",
    "pandangan.hilang": "contains view recursion",
    "program.rusak": "You have an error in your SQL syntax",
    "program.rusak_juga": "You have an error in your SQL syntax",
}
ASKED = (
    "CHECKSUM TABLE baik",
    "SELECT COUNT(*) FROM lihat",
    "SHOW CREATE PROCEDURE hitung",
    "SHOW CREATE FUNCTION satu",
    "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_TABLE = 'baik'",
    "SHOW CREATE EVENT malam",
    "SELECT next_not_cached_value FROM nomor",
)
HALF = {
    "tabel.terpotong": "marked as crashed",
    "tabel.aria_terpotong": "File too short",
    "tabel.halaman": "corrupt",
}


@pytest.mark.parametrize("place", NAMED)
@pytest.mark.long
def test_each_is_named_with_the_servers_words(menagerie: Menagerie, place: str) -> None:
    reason = menagerie.findings[place]["reason"]
    assert NAMED[place] in reason
    assert ("grant the account that right" if "denied" in reason else "repair or drop it") in reason
    said = [one["detail"] for one in menagerie.check.json if one["check"] == "database"]
    assert any(text.startswith(f"{place}: ") and NAMED[place] in text for text in said)


@pytest.mark.parametrize("place", HALF)
def test_a_table_that_breaks_off_is_not_passed_off_as_whole(menagerie: Menagerie, place: str) -> None:
    finding = menagerie.findings[place]
    assert HALF[place] in finding["reason"]
    assert re.search(r"the dump holds only its first [\d,]+ rows?", finding["reason"])
    assert finding["mark"]


@pytest.mark.long
def test_the_rest_is_restored_as_it_was(menagerie: Menagerie, start_mariadb: MariadbStarter) -> None:
    assert menagerie.run.code == 3
    told = json.loads((menagerie.snapshot / "snapshot.json").read_text())
    whole = {one["name"]: one["whole"] for one in told["databases"]}
    assert whole == {"pandangan": True, "program": False, "tabel": False, "utuh": True}
    target = start_mariadb()
    target.sql(
        subprocess.run(["sh", menagerie.snapshot / "restore.sh"], capture_output=True, check=True).stdout
    )
    for name in whole:
        for asked in ASKED:
            assert target.sql(asked, name) == menagerie.server.sql(asked, name), (name, asked)
    assert target.sql("CHECKSUM TABLE my, aria", "tabel") == menagerie.server.sql(
        "CHECKSUM TABLE my, aria", "tabel"
    )
    assert target.sql("SHOW TABLES", "pandangan").split() == [
        "baik",
        "di_atas",
        "di_atas_2",
        "kolom",
        "lihat",
        "nomor",
        "t",
    ]


@pytest.mark.long
def test_the_only_database_is_stored_though_views_of_it_are_lost(
    menagerie: Menagerie, sshd: PrivateSshd
) -> None:
    way = f'user = "cadangan"\nsocket = "{menagerie.server.socket}"\n'
    menagerie.site.add("satu", sshd, [], database=way + 'exclude = ["program", "tabel", "utuh"]\n')
    run = menagerie.site.tuibackup("run", "satu", "--only", "databases", "--json", timeout=120)
    assert (run.code, run.finished["outcome"]) == (3, "warnings"), run.out
    (snapshot,) = menagerie.site.snapshots("satu", "databases")
    told = json.loads((snapshot / "snapshot.json").read_text())
    assert [(one["name"], one["whole"]) for one in told["databases"]] == [("pandangan", True)]


@pytest.mark.long
def test_definitions_that_can_be_had_lie_beside(menagerie: Menagerie) -> None:
    beside = (menagerie.snapshot / "left-out.sql").read_text()
    for view in ("tanpa_tabel", "tanpa_kolom", "tanpa_fungsi", "tanpa_hak", "putar", "hilang"):
        assert f"VIEW `{view}` AS" in beside or f"VIEW `pandangan`.`{view}` AS" in beside
        assert "its definition is in left-out.sql" in menagerie.findings[f"pandangan.{view}"]["reason"]
    assert "CREATE TABLE `dibuang`" in beside
    assert "trigger dibuang_t" in beside.lower()
    assert "BEGIN this is no SQL" in beside
    for place, told in (
        ("tabel.tanpa_ibd", "shows: id int(11)"),
        ("program.rusak", "shows: BEGIN this is no SQL"),
    ):
        assert "what the server shows of it is in left-out.sql" in menagerie.findings[place]["reason"]
        assert told in beside


@pytest.mark.long
def test_a_drill_proves_the_rest_and_names_what_is_not_there(menagerie: Menagerie) -> None:
    said = menagerie.site.tuibackup(
        "drill", f"siakad/databases/{menagerie.snapshot.name}", "--json", timeout=300
    )
    assert said.out, said.err
    (databases,) = [one for one in said.json if "databases" in one["snapshot"]]
    assert databases["differences"] == []
    assert any("tabel.terpotong" in text for text in databases["gaps"])
