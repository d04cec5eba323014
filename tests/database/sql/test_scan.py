"""What is found in a dump's SQL, however it is cut into chunks and whatever it holds."""

import itertools
import re
import subprocess
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import MariadbStarter
from tuibackup.database.sql import scan
from tuibackup.database.sql.scan import Contents, Scanner

END = b"\n-- Dump completed on 2026-11-22  1:35:20\n"
# Lines that are marks where they stand by themselves, and must be none within a body.
MISLEADING = [
    "INSERT INTO `x` VALUES", "(1),", "(2);", "CREATE TABLE `y` (", "-- Dump completed", "UNLOCK TABLES;",
    "-- Dump completed on 2026-11-22  1:35:20", "/*!50001 VIEW `v` AS", "-- Current Database: `z`", "DELIMITER ;",
    "CREATE PROCEDURE `q`()", "/*!50106 CREATE*/ /*!50106 EVENT `e`", "DELIMITER ;;",
    "/*!50003 CREATE*/ /*!50003 TRIGGER `t`", "-- Table structure for table `y`", "CREATE SEQUENCE `s`", "",
]  # fmt: skip
NAMES = st.text(st.sampled_from("ab`\n .-é(;'\"*/"), min_size=1, max_size=64)
ROWS = st.integers(0, 40)


def quoted(name: str) -> bytes:
    return b"`" + name.replace("`", "``").encode() + b"`"


def table(name: str, rows: int) -> bytes:
    inserts = b"".join(
        b"INSERT INTO " + quoted(name) + b" VALUES\n"
        + b",\n".join(b"(%d,'\\n(')" % row for row in range(many)) + b";\n"
        for many in (rows // 2, rows - rows // 2) if many
    )  # fmt: skip
    return (
        b"\n--\n-- Table structure for table " + quoted(name.replace("\n", " ")) + b"\n--\n\nCREATE TABLE "
        + quoted(name) + b" (\n  `id` int(11) DEFAULT NULL\n);\nLOCK TABLES " + quoted(name) + b" WRITE;\n"
        + inserts + b"/*!40000 ALTER TABLE " + quoted(name) + b" ENABLE KEYS */;\nUNLOCK TABLES;\n"
    )  # fmt: skip


def body(kind: str, text: str) -> bytes:
    head = {
        "trigger": b"/*!50003 CREATE*/ /*!50017 DEFINER=`a b`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `x` ",
        "event": b"SET time_zone = 'SYSTEM' ;;\n/*!50106 CREATE*/ /*!50117 DEFINER=`r`@`%`*/ /*!50106 EVENT `e` ",
        "routine": b'CREATE DEFINER="root"@"localhost" FUNCTION "f"() RETURNS INT\n',
    }[kind]
    return b"DELIMITER ;;\n" + head + text.encode() + b" ;;\nDELIMITER ;\n"


TABLES = st.tuples(NAMES, ROWS)
BODIES = st.tuples(
    st.sampled_from(["trigger", "event", "routine"]),
    # such two lines would end the body for every client too
    st.lists(st.sampled_from(MISLEADING), max_size=6).filter(
        lambda lines: ("DELIMITER ;;", "DELIMITER ;") not in itertools.pairwise(lines)
    ),
)


def scanned(sql: bytes, cuts: list[int] | None = None) -> Scanner:
    scanner = Scanner()
    edges = [0, *sorted(cut % (len(sql) + 1) for cut in cuts or []), len(sql)]
    for begin, end in itertools.pairwise(edges):
        scanner.feed(sql[begin:end])
    scanner.finish()
    return scanner


def result(scanner: Scanner) -> Any:
    return scanner.contents, list(scanner.cuts), scanner.safe, scanner.completed, scanner.bytes


def only(scanner: Scanner) -> Contents:
    """Of a stream of one database."""
    [contents] = scanner.contents.values()
    return contents


@given(
    tables=st.lists(TABLES, max_size=4),
    bodies=st.lists(BODIES, max_size=3),
    cuts=st.lists(st.integers(0, 1 << 20), max_size=30),
)
def test_what_is_found_is_what_is_there_however_it_is_cut(
    tables: list[tuple[str, int]], bodies: list[tuple[str, list[str]]], cuts: list[int]
) -> None:
    sql = b"-- MariaDB dump\n" + b"".join(table(*one) for one in tables)
    sql += b"".join(body(kind, "\n" + "\n".join(lines) + "\n") for kind, lines in bodies) + END
    with patch.multiple(scan, _BATCH=6000, _REACH=5000):  # looked at after every few bytes
        found = scanned(sql, cuts)
    assert set(only(found).tables) == {name for name, _ in tables}
    last = dict(tables)
    assert {name: part.rows for name, part in only(found).tables.items()} == last
    for name, part in only(found).tables.items():
        assert sql[part.offset :].startswith(
            b"-- Table structure for table " + quoted(name.replace("\n", " "))
        )
    kinds = [kind for kind, _ in bodies]
    assert {kind: only(found).objects[kind] for kind in set(kinds)} == {
        kind: kinds.count(kind) for kind in set(kinds)
    }
    assert found.completed
    assert result(found) == result(scanned(sql))


@given(sql=st.lists(st.sampled_from([line.encode() + b"\n" for line in MISLEADING] + [b"`", b"x" * 700, b"\n"])),
       cuts=st.lists(st.integers(0, 1 << 20), max_size=30))  # fmt: skip
def test_cutting_never_changes_the_result_of_nonsense(sql: list[bytes], cuts: list[int]) -> None:
    text = b"".join(sql)
    with patch.multiple(scan, _BATCH=3000, _REACH=2900):  # looked at after every few bytes
        found = scanned(text, cuts)
    assert result(found) == result(scanned(text))


@pytest.mark.parametrize("kind", ["trigger", "event", "routine"])
def test_a_dump_that_is_cut_within_a_body_is_not_complete(kind: str) -> None:
    whole = table("x", 3) + body(kind, "BEGIN\n" + "\n".join(MISLEADING) + "\n-- Dump completed\nEND")
    assert scanned(whole + END).completed
    for at in range(whole.index(b"DELIMITER"), len(whole)):
        assert not scanned(whole[:at]).completed


def test_only_the_very_last_line_says_that_a_dump_is_complete() -> None:
    assert scanned(b"x\n-- Dump completed\n").completed
    for sql in (
        END + b"x",
        END + END + b"INSERT INTO `x` VALUES\n",
        b"x -- Dump completed\n",
        b"",
        b"\n",
        END[:-30],
    ):
        assert not scanned(sql).completed, sql


def test_a_table_that_a_body_only_speaks_of_is_missing() -> None:
    found = scanned(table("x", 2) + body("routine", "\n".join(["", *MISLEADING])) + END)
    assert set(only(found).tables) == {"x"}
    assert not only(found).views
    assert only(found).objects == {"routine": 1}
    assert only(found).tables["x"].rows == 2


def test_a_row_longer_than_what_is_kept_hides_nothing_and_shows_nothing() -> None:
    long = b"CREATE TABLE `y` (\\n" + b"x" * 700_000 + b"-- Dump completed"
    sql = table("x", 1).replace(b"(0,", b"('" + long + b"',") + table("z", 2) + END
    for step in (1 << 20, 4096, 65537, 1000):
        found = scanned(sql, list(range(0, len(sql), step)))
        assert set(only(found).tables) == {"x", "z"}
        assert (only(found).tables["x"].rows, only(found).tables["z"].rows) == (1, 2)


VALUE = st.one_of(
    st.integers().map(lambda number: b"%d" % number),
    st.just(b"NULL"),
    st.text(st.sampled_from("ab'\\\n(),;`é")).map(
        lambda text: b"'" + re.sub(rb"[\\'\n]", lambda found: ESCAPED[found[0]], text.encode()) + b"'"
    ),
)
ESCAPED = {b"\\": b"\\\\", b"'": b"\\'", b"\n": b"\\n"}


@given(
    rows=st.lists(st.lists(VALUE, min_size=1, max_size=4), min_size=1, max_size=12),
    columns=st.sampled_from([b"", b" (`a`, `it's ``(``), (`)", b" (`a`, row_start, row_end)"]),
    between=st.sampled_from([b",", b",\n"]),
    cuts=st.lists(st.integers(0, 1 << 20), max_size=10),
)
def test_rows_that_share_a_line_are_counted(
    rows: list[list[bytes]], columns: bytes, between: bytes, cuts: list[int]
) -> None:
    values = between.join(b"(" + b",".join(row) + b")" for row in rows)
    statement = b"INSERT INTO `x`" + columns + b" VALUES " + values + b";\n"
    sql = table("x", 0).replace(b"/*!40000", statement * 2 + b"/*!40000") + END
    with patch.multiple(scan, _BATCH=90, _REACH=80):
        assert only(scanned(sql, cuts)).tables["x"].rows == 2 * len(rows)


def test_memory_does_not_grow_with_a_line_that_never_ends() -> None:
    scanner = Scanner()
    for _ in range(200):
        scanner.feed(b"`" * 100_000)
        assert len(scanner._data) < 1 << 20


def test_a_real_dump_with_bodies_that_mislead(start_mariadb: MariadbStarter) -> None:
    mariadbd = start_mariadb()
    text = "\n".join(line for line in MISLEADING if not line.startswith("DELIMITER"))
    say = f"SET @x = '\n{text}\n';"
    mariadbd.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE x (a INT, b INT AS (a + 1), `c``\n(` TEXT INVISIBLE);"
        "INSERT INTO x (a) VALUES (1), (2); CREATE TABLE `x``\ny` (a INT); INSERT INTO `x``\ny` VALUES (3);\n"
        f"DELIMITER //\nCREATE PROCEDURE p() BEGIN {say} SELECT 1; END//\n"
        f"CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN {say} SET NEW.a = 1; END//\n"
        f"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN {say} SELECT 1; END//\n"
        "SET sql_mode='ANSI_QUOTES'//\nCREATE FUNCTION f() RETURNS INT RETURN 1//\nCREATE VIEW v AS SELECT 1//\n"
    )
    command = ["mariadb-dump", "--no-defaults", f"--socket={mariadbd.socket}", "--routines", "--events"]
    sql = subprocess.run([*command, "--databases", "d"], capture_output=True, check=True).stdout
    assert b"-- Dump completed\n" in sql
    found = scanned(sql)
    assert set(only(found).tables) == {"x", "x`\ny"}
    assert [part.rows for part in only(found).tables.values()] == [2, 1]
    assert (only(found).views, only(found).objects) == ({"v"}, {"trigger": 1, "event": 1, "routine": 2})
    assert found.completed
    assert not scanned(sql[: sql.index(b"-- Dump completed\n") + 18]).completed


def test_every_event_of_a_real_dump_is_counted(start_mariadb: MariadbStarter) -> None:
    mariadbd = start_mariadb()
    events = (
        f"CREATE EVENT `e``{number}` ON SCHEDULE EVERY 1 DAY DO SELECT {number};" for number in range(3)
    )
    mariadbd.sql(f"CREATE DATABASE d; USE d; {' '.join(events)}")
    command = ["mariadb-dump", "--no-defaults", f"--socket={mariadbd.socket}", "--events", "--databases", "d"]
    found = scanned(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (found.contents["d"].objects, found.completed) == ({"event": 3}, True)
