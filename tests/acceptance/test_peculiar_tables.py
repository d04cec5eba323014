"""A drill of tables that servers checksum by how they store them: green for what is good, red for what is changed."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp, backed_up_once, in_frames, rewritten
from tests.acceptance.drilled import drills_in
from tests.acceptance.site import Site
from tests.conftest import MariadbStarter
from tests.database.conftest import unpacked
from tests.database.natively import connection
from tests.database.peculiar import MARK, SQL, TABLES
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

# Each under its own sql_mode and character set: where they end is another place in each.
ODD = [
    (
        "",
        "utf8mb4",
        rb"CREATE TABLE kata (a INT COMMENT 'COLLATE x_y', b ENUM('COLLATE x_y') CHARSET utf8mb3)",
    ),
    (
        "",
        "utf8mb4",
        rb"""CREATE FUNCTION kata() RETURNS INT /* COLLATE x_y */ RETURN LENGTH("it's; COLLATE x_y")""",
    ),
    ("ANSI_QUOTES", "utf8mb4", rb"""CREATE PROCEDURE "a\"() SELECT 'a\';' AS "b;'\" """),
    (
        "NO_BACKSLASH_ESCAPES",
        "utf8mb4",
        rb"""CREATE FUNCTION miring() RETURNS INT RETURN LENGTH('\') + LENGTH("\")""",
    ),
    ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "utf8mb4", rb"""CREATE VIEW dua AS SELECT 'a\' AS "b\" """),
    ("ORACLE", "utf8mb4", rb"""CREATE PROCEDURE orakel AS BEGIN SELECT 'a;' || "x;'\" FROM dual; END;"""),
    ("", "sjis", b"CREATE PROCEDURE sjis() SELECT '\x95\x5c', ';\x83\x5c' AS `\x83\x60`"),
    ("", "cp932", b"CREATE TRIGGER cp932 BEFORE INSERT ON plain FOR EACH ROW SET @a = '\x95\x5c', @b = ';'"),
    ("", "utf8mb4", b"CREATE VIEW padat AS SELECT a FROM compressed"),
    ("", "utf8mb4", b"CREATE TRIGGER jaga BEFORE INSERT ON compressed FOR EACH ROW SET @a = 1"),
    ("", "gbk", b"CREATE EVENT gbk ON SCHEDULE EVERY 1 DAY DO SELECT '\xd5\x5c', `\xd5\x60` FROM plain"),
    ("NO_BACKSLASH_ESCAPES", "big5", b"CREATE FUNCTION big5() RETURNS INT RETURN LENGTH('\xa5\x5c\\')"),
]
LARGE = """
CREATE DATABASE Besar; CREATE TABLE Besar.Nilai (I INT, J INT AS (I) VIRTUAL); INSERT INTO Besar.Nilai (I) VALUES (1);
CREATE VIEW Besar.Lihat AS SELECT I FROM Besar.Nilai; CREATE SEQUENCE Besar.Nomor;
CREATE TRIGGER Besar.Jaga BEFORE INSERT ON Besar.Nilai FOR EACH ROW SET @A = 1;
"""
MYISAM = "CREATE TABLE tanpa (a INT, b CHAR(10)) ENGINE=MyISAM CHECKSUM=1; INSERT INTO tanpa VALUES (1, 'a')"


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd, memory: Path, mariadb_template: Path
) -> Iterator[BackedUp]:
    """All those tables, backed up once."""

    def fill(source: PrivateMariadb) -> None:
        source.sql(f"CREATE DATABASE aneh; USE aneh; {SQL} {MYISAM}; {LARGE}")
        asyncio.run(odd(source.socket))

    site = Site(tmp_path_factory.mktemp("peculiar"))
    with backed_up_once(site, sshd, [], memory, mariadb_template, fill) as made:
        yield made


async def odd(socket: Path) -> None:
    """What no client would cut rightly, as raw statements."""
    async with connection(socket) as asking:
        await asking.run(b"USE aneh")
        for mode, charset, statement in ODD:
            await asking.run(f"SET sql_mode = '{mode}'".encode())
            await asking.run(f"SET NAMES {charset}".encode())
            await asking.run(statement)


@pytest.fixture
def aneh(site: Site, kept: BackedUp, fast_tmp_path: Path) -> Site:
    kept.copy_to(site)
    fast_tmp_path.chmod(0o711)
    drills_in(site, fast_tmp_path)
    return site


@pytest.mark.long
def test_tables_of_every_kind_are_proven_by_what_does_not_depend_on_how_they_are_stored(aneh: Site) -> None:
    said = aneh.tuibackup("drill", "siakad/databases/latest", "--json")
    [drilled] = said.json
    assert drilled["differences"] == []
    assert drilled["gaps"] == []
    assert drilled["incomparable"] == ["aneh: tanpa: no checksum was recorded, so only its rows were counted"]
    assert drilled["checksums"] == len(TABLES) + 2  # kata and Nilai
    assert said.code == 0


@pytest.mark.long
def test_one_value_that_was_changed_makes_each_of_them_red(aneh: Site) -> None:
    (snapshot,) = aneh.snapshots("siakad", "databases")
    dump = snapshot / "aneh.sql.zst"
    sql = re.sub(rb"(?<=[(,])(0*)" + MARK + rb"(?=[,)])", rb"\g<1>700007", unpacked(dump))
    # As older servers call their collations, which is no difference.
    sql = re.sub(rb"utf8mb3_(\w+)", rb"utf8_\g<1>   ", sql)
    changed, _damaged = in_frames(snapshot, sql, [len(sql)])
    rewritten(dump, lambda old: changed)
    said = aneh.tuibackup("drill", "siakad/databases/latest", "--json")
    assert said.code == 1
    differences = said.json[0]["differences"]
    red = {name for one in differences for name in re.findall(r"^aneh\.(\w+): its content differs", one)}
    assert red == TABLES - {"only_generated"}, differences
    assert len(differences) == len(red), differences


@pytest.mark.long
def test_what_the_throw_away_server_cannot_make_is_named_and_the_rest_is_proven(aneh: Site) -> None:
    """Of a table that was encrypted: a throw-away server loads no plugins."""
    (snapshot,) = aneh.snapshots("siakad", "databases")
    dump = snapshot / "aneh.sql.zst"
    sql = unpacked(dump).replace(b"ROW_FORMAT=COMPRESSED", b"ENCRYPTED=YES        ")
    changed, _damaged = in_frames(snapshot, sql, [len(sql)])
    rewritten(dump, lambda old: changed)
    said = aneh.tuibackup("drill", "siakad/databases/latest", "--json")
    [drilled] = said.json
    assert drilled["differences"] == []
    assert {one.partition(" could not be tested")[0] for one in drilled["gaps"]} == {
        "aneh.compressed: this table",
        "aneh.padat: this view",
        "aneh.jaga: this trigger",
    }
    assert any("Wrong create options" in one for one in drilled["gaps"]), "the server's own words"
    assert drilled["checksums"] == len(TABLES) + 1
    assert (drilled["outcome"], said.code) == ("warnings", 3)


@pytest.mark.long
def test_a_server_that_takes_no_notice_of_case_has_the_same_names(
    aneh: Site, fast_tmp_path: Path, start_mariadb: MariadbStarter
) -> None:
    empty = start_mariadb("--lower-case-table-names=1", "--innodb-strict-mode=0")
    drills_in(aneh, fast_tmp_path, f'socket = "{empty.socket}"\n')
    said = aneh.tuibackup("drill", "siakad/databases/latest", "--json")
    assert said.json[0]["differences"] == []
    assert said.code == 0
    assert "besar" not in empty.sql("SHOW DATABASES"), "it is empty again"
