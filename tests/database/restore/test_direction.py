"""From MySQL to MariaDB and back: what is replaced, what is refused, what is left alone."""

import pytest

from tuibackup.database.connect.connection import Connection
from tuibackup.database.connect.optionfile import Options
from tuibackup.database.restore.direction import Direction, same_series
from tuibackup.database.restore.target import TargetServer
from tuibackup.database.sql.syntax import Syntax
from tuibackup.database.version import series
from tuibackup.errors import DatabaseError

MYSQL, MARIADB = "8.0.36", "10.11.6-MariaDB-0+deb12u1"


def target(version: str, *collations: str) -> TargetServer:
    async def connecting() -> Connection:
        raise AssertionError("nobody connects here")

    server = TargetServer("uji", Options(), connecting)
    server.version = version
    server.vendor = "MariaDB" if "MariaDB" in version else "MySQL"
    server.collations = frozenset(collations)
    return server


def test_a_collation_of_mysql_becomes_the_next_best_of_mariadb() -> None:
    statement = b"CREATE TABLE `t` (`a` varchar(9) COLLATE utf8mb4_0900_ai_ci) COLLATE=utf8mb4_0900_ai_ci"
    old = Direction(MYSQL, target(MARIADB, "utf8mb4_unicode_520_ci"))
    assert old.translate(statement) == statement.replace(b"0900_ai_ci", b"unicode_520_ci")
    assert old.told == {"utf8mb4_0900_ai_ci": "utf8mb4_unicode_520_ci"}
    new = Direction(MYSQL, target(MARIADB, "utf8mb4_uca1400_ai_ci", "utf8mb4_unicode_520_ci"))
    assert b"utf8mb4_uca1400_ai_ci" in new.translate(statement)


@pytest.mark.parametrize(
    "statement",
    [
        b"CREATE TABLE `t` (`a` int COMMENT 'COLLATE utf8mb4_ja_0900_as_cs' DEFAULT 'collate latin9_x')",
        b"CREATE TABLE `COLLATE utf8mb4_ja_0900_as_cs` (`a` int) -- COLLATE utf8mb4_ja_0900_as_cs\n",
        b"CREATE TABLE `t` (`collate` int, a enum('it''s COLLATE x_y','\\' COLLATE x_y'))",
        b'CREATE PROCEDURE p() BEGIN /* COLLATE x_y */ SELECT "COLLATE x_y", t.collate, @collate; # COLLATE x\n',
        b"SET @a = 'collation_connection = x_y', collation_connection = @b",
        b"SELECT collatex y FROM t",
    ],
)
def test_the_word_in_a_comment_a_default_or_a_body_is_no_collation(statement: bytes) -> None:
    assert Direction(MYSQL, target(MARIADB)).translate(statement) == statement


def test_in_which_mode_it_is_read_counts() -> None:
    statement = b'CREATE VIEW "a\\" AS SELECT 1 COLLATE x_y'
    with pytest.raises(DatabaseError, match="collation x_y"):
        Direction(MYSQL, target(MARIADB)).translate(statement, Syntax(ansi=True))


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("utf8_unicode_ci", "utf8mb3_unicode_ci", False),
        ("utf8mb3_unicode_ci", "utf8_unicode_ci", False),
        ("UTF8_Bin", "utf8mb3_bin", False),
        ("uca1400_ai_ci", "utf8mb4_uca1400_ai_ci", False),
        ("utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci", True),
        ("utf8mb4_uca1400_ai_ci", "utf8mb4_0900_ai_ci", True),
        ("utf8mb3_uca1400_ai_ci", "utf8_unicode_ci", True),
        ("latin1_swedish_nopad_ci", "latin1_swedish_ci", True),
    ],
)
def test_other_names_of_a_collation_are_no_change(name: str, known: str, told: bool) -> None:
    for form in (
        "COLLATE {}",
        "COLLATE={}",
        "collate '{}'",
        "SET collation_connection = {}",
        "SET @@collation_server='{}'",
    ):
        direction = Direction(MARIADB, target(MARIADB, known))
        translated = direction.translate(form.format(name).encode())
        assert translated == form.format(known).encode()
        assert direction.told == ({name.lower(): known} if told else {})


def test_rows_are_never_touched() -> None:
    row = b"INSERT INTO `t` VALUES ('COLLATE utf8mb4_0900_ai_ci')"
    assert Direction(MYSQL, target(MARIADB)).translate(row) == row


def test_a_collation_without_an_equivalent_is_named() -> None:
    with pytest.raises(DatabaseError, match="does not know the collation utf8mb4_ja_0900_as_cs"):
        Direction(MYSQL, target(MARIADB)).translate(b"CREATE TABLE t (a text COLLATE utf8mb4_ja_0900_as_cs)")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (b"CREATE SEQUENCE `nomor` START WITH 1", "a sequence"),
        (b"CREATE TABLE `t` (`a` int) ENGINE=InnoDB WITH SYSTEM VERSIONING", "system versioning"),
        (b"CREATE TABLE `t` (\n  `a` uuid DEFAULT NULL\n)", "uuid"),
        (b"CREATE TABLE `t` (\n  `a` int\n) ENGINE=Aria DEFAULT CHARSET=utf8mb4", "Aria"),
        (b"CREATE DEFINER=`a`@`b` PACKAGE p AS x; END", "a package"),
    ],
)
def test_what_only_mariadb_has_is_named_before_mysql_stumbles(statement: bytes, what: str) -> None:
    with pytest.raises(DatabaseError, match=what):
        Direction(MARIADB, target(MYSQL)).translate(statement)
    assert Direction(MARIADB, target(MARIADB)).translate(statement) == statement


def test_a_mode_that_mysql_dropped_is_left_out() -> None:
    to_mysql = Direction(MARIADB, target(MYSQL))
    statement = b"/*!50003 SET sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION' */"
    assert to_mysql.translate(statement) == statement.replace(b"NO_AUTO_CREATE_USER,", b"")
    assert to_mysql.translate(b"SET sql_mode = 'NO_AUTO_CREATE_USER'") == b"SET sql_mode = ''"


def test_checksums_mean_the_same_within_a_series_only() -> None:
    assert series("5.5.5-10.11.6-MariaDB") == (10, 11)
    assert same_series("10.11.2-MariaDB", target(MARIADB))
    assert not same_series("10.6.2-MariaDB", target(MARIADB))
    assert not same_series(MYSQL, target(MARIADB))
    assert not same_series("", target(MARIADB))


HISTORY = [
    b"/*M!101100 SET @%b=@@session.system_versioning_insert_history,"
    b" @@session.system_versioning_insert_history=1 */" % name
    for name in (b"old_system_versioning_insert_history", b"tb_history")
]
NO_HISTORY = b"/*M!101100 SET system_versioning_insert_history=@old_system_versioning_insert_history */"


@pytest.mark.parametrize(
    ("source", "there", "before", "after"),
    [
        (MARIADB, "11.8.9-MariaDB", b"2038-01-19 03:14:07", b"2106-02-07 06:28:15"),
        ("11.8.9-MariaDB", MARIADB, b"2106-02-07 06:28:15", b"2038-01-19 03:14:07"),
        (MARIADB, "11.4.2-MariaDB", b"2038-01-19 03:14:07", b"2038-01-19 03:14:07"),
    ],
)
def test_rows_of_now_are_rows_of_now_in_the_other_series(
    source: str, there: str, before: bytes, after: bytes
) -> None:
    """A table with system versioning was empty in MariaDB 11.5 and later: its rows were taken for history."""
    direction = Direction(source, target(there))
    row = b"INSERT INTO `t` (`a`, row_start, row_end) VALUES (1,'2026-01-01 00:00:00.000000','%b.999999')"
    assert direction.translate(row % before) == row % before, "a time like any other"
    for setting in HISTORY:
        direction.translate(setting)
        assert direction.translate(row % before) == row % after
        direction.translate(NO_HISTORY)
        assert direction.translate(row % before) == row % before
