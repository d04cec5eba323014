"""A dump's SQL is cut exactly where MariaDB's own client would cut it, in whatever pieces it comes."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.database.sql.statements import (
    Statements,
    excerpt,
    kind,
    left_out,
    named_database,
    refuse_strange,
)
from tuibackup.database.sql.syntax import Syntax
from tuibackup.errors import VaultError

SANDBOX = b"/*M!999999\\- enable the sandbox mode */ \n"


def cut(sql: bytes, size: int = 1 << 20) -> list[bytes]:
    return list(Statements(sql[at : at + size] for at in range(0, len(sql), size)))


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        (
            SANDBOX + b"-- it's\n/*!40101 SET @a=1 */;\n# x;y\nUSE `a;b`;",
            [b"/*!40101 SET @a=1 */", b"USE `a;b`"],
        ),
        (b"/* ; ' */ INSERT INTO t VALUES ('a;\\'b;''c','\\\\'),(\"x;\\\"\");", None),
        (b"DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT ';;'; -- it's;;\nEND;;\nDELIMITER ;\nDO 1;", None),
        (b"/*!50003 CREATE*/ /*!50003 TRIGGER t BEGIN SET @a=1; END */;;", None),
        (b"CREATE TABLE t (a int default -1, b int default 1--1, c int /* ; */, d int /*!8 x */);", None),
        (b"SELECT 5/2, 3*-1; -- the end", [b"SELECT 5/2, 3*-1"]),
        (b"", []),
        (b"-- nothing;", []),
        (b";;\n ;", []),
        (b"DO 1", [b"DO 1"]),
    ],
)
def test_statements_are_cut_at_their_delimiters(sql: bytes, statements: list[bytes] | None) -> None:
    whole = cut(sql)
    if statements is not None:
        assert whole == statements
    for size in (1, 2, 3, 7, 64):
        assert cut(sql, size) == whole, size


def test_a_body_keeps_what_its_delimiter_does_not_end() -> None:
    [body, last] = cut(
        b"DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT ';;'; -- it's;;\nEND;;\nDELIMITER ;\nDO 1;"
    )
    assert body == b"CREATE PROCEDURE p() BEGIN SELECT ';;'; -- it's;;\nEND"
    assert last == b"DO 1"


def test_without_backslash_escapes_a_backslash_ends_no_string() -> None:
    statements = Statements([b"SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT 'a\\'; DO 1;"])
    found = iter(statements)
    next(found)
    statements.syntax = Syntax(backslash=False)
    assert list(found) == [b"SELECT 'a\\'", b"DO 1"]


@pytest.mark.parametrize(
    ("syntax", "first"),
    [
        (Syntax(ansi=True), b'DO "a\\"'),
        (Syntax(ansi=True), b"DO 'a\\';' , \"b;'\""),
        (Syntax(backslash=False, ansi=True), b"DO 'a\\', \"b\\\""),
        (Syntax(charset="sjis"), b"DO '\x95\x5c', `\x83\x60`, \x83\x60"),
        (Syntax(charset="cp932"), b"DO '\x95\x5c\\';', \"\x95\x5c\""),
        (Syntax(charset="gbk"), b"DO '\xd5\x5c', `\xd5\x60;`"),
        (Syntax(charset="big5"), b"DO 'a\xa5\x5c', 'b'"),
        (Syntax(charset="gb18030"), b"DO '\x81\x30\x81\x30\xd5\x5c', 1"),
        (Syntax(charset="gbk", backslash=False), b"DO '\xd5\x5c\\', `\xd5\x60;`"),
        (Syntax(charset="ujis"), b"DO '\xa4\xa2;', 2"),
        (Syntax(), b"DO 1 --\x01;'\n, 2"),
    ],
)
def test_strings_and_names_are_what_the_server_takes_for_them(syntax: Syntax, first: bytes) -> None:
    for size in (1, 2, 5, 100):
        sql = first + b";DO 2;"
        statements = Statements(sql[at : at + size] for at in range(0, len(sql), size))
        statements.syntax = syntax
        assert list(statements) == [first, b"DO 2"], size


TOKENS = st.sampled_from(
    [
        b"SELECT 1",
        b"'a;b'",
        b"'it''s'",
        b"'\\''",
        b'"x;\\\\"',
        b"`n;``m`",
        b" -- c;'\n",
        b'# c"\n',
        b"/* c; ' */",
        b"/*!40101 SET @a=1 */",
        b"/*M!100616 x*/",
        b"-",
        b"/",
        b"\n",
        b"(1,NULL,0x00)",
        b",",
    ]
)


@given(st.lists(st.lists(TOKENS, min_size=1), min_size=1), st.integers(1, 40))
def test_the_pieces_in_which_it_comes_make_no_difference(statements: list[list[bytes]], size: int) -> None:
    sql = b";\n".join(b"DO 1 " + b" ".join(tokens) + b" " for tokens in statements) + b";\n"
    found = cut(sql, size)
    assert found == cut(sql)
    assert len(found) == len(statements)


@pytest.mark.parametrize("sql", [b"INSERT INTO t VALUES ('a", b"DO `x", b"DO 1 /* never ends"])
def test_a_dump_that_ends_within_a_statement_is_no_dump(sql: bytes) -> None:
    with pytest.raises(VaultError, match="ends in the middle"):
        cut(sql)


@pytest.mark.parametrize(
    "sql",
    [
        b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
        b"/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON n FOR EACH ROW x",
        b"SELECT SETVAL(`nomor`, 1, 0)",
        b"DO SETVAL(`nomor`, 1, 0)",
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a`",
        b"INSERT INTO `t` VALUES ('SET GLOBAL x = 1; @@GLOBAL.y = 2')",
        b"/*!50001 CREATE ALGORITHM=UNDEFINED */",
        b"START TRANSACTION",
    ],
)
def test_what_dumps_contain_is_let_through(sql: bytes) -> None:
    refuse_strange(sql)


@pytest.mark.parametrize(
    "sql",
    [
        b"GRANT ALL ON *.* TO x",
        b"CREATE USER x",
        b"create or replace user x",
        b"/*!50003 CREATE USER x */",
        b"DROP ROLE x",
        b"SET GLOBAL x = 1",
        b"SET @a = 1, @@GLOBAL.x = 2",
        b"SET PASSWORD = 'x'",
        b"SET DEFAULT ROLE x",
        b"SELECT 1 INTO OUTFILE '/tmp/x'",
        b"DO f()",
        b"LOAD DATA INFILE '/etc/passwd' INTO TABLE x",
        b"INSTALL SONAME 'x'",
        b"CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
        b"system id",
        b"\\! id",
        b"CREATE SERVER s FOREIGN DATA WRAPPER mysql",
        b"SHUTDOWN",
    ],
)
def test_what_no_dump_contains_is_refused(sql: bytes) -> None:
    with pytest.raises(VaultError, match="no dump should"):
        refuse_strange(sql)


def test_what_belongs_to_the_old_server_is_left_out() -> None:
    assert left_out(b"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'x:1-5'")
    assert left_out(b"SET @@SESSION.SQL_LOG_BIN= 0")
    assert not left_out(b"SET NAMES utf8mb4")


def test_the_database_that_a_statement_names() -> None:
    assert named_database(b"USE `a``b`") == "a`b"
    assert named_database(b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `toko` /*!40100 x */") == "toko"
    assert named_database(b"/*!40000 DROP DATABASE IF EXISTS `toko`*/") == "toko"
    assert named_database(b"CREATE TABLE `toko` (i INT)") is None
    assert named_database(b"INSERT  IGNORE INTO `toko` VALUES (1)") is None
    assert named_database(b"INSERT INTO `mysql`.`global_priv` VALUES (1)") == "mysql"
    assert named_database(b"/*!50001 DROP VIEW IF EXISTS mysql . user*/") == "mysql"
    assert named_database(b"LOCK TABLES `toko` WRITE") is None
    for hidden in (
        b"INSERT/**/INTO mysql.x VALUES (1)",
        b"ALTER ONLINE TABLE mysql.x DROP y",
        b"DROP TABLE /*x*/ y",
    ):
        with pytest.raises(VaultError, match="no dump should"):
            named_database(hidden)


def test_a_message_shows_no_values() -> None:
    assert excerpt(b"INSERT INTO `t` VALUES ('rahasia')") == "INSERT INTO `t`"
    assert kind(b"  /*!50003 (create x") == b"CREATE"


def test_debians_python_cuts_as_this_one_does() -> None:
    """Up to Python 3.11.4 `(?:…)*+` ended in the middle of what did not match: no dump could be restored there."""
    debian = Path("/usr/bin/python3")
    old = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 11, 5))"
    if not debian.exists() or subprocess.run([debian, "-c", old], check=False).returncode:
        pytest.skip(f"{debian} is no Python 3.11.0 to 3.11.4")
    sql = (
        SANDBOX
        + b"-- head\n\n/*!40101 SET @a='it''s' */;\n/* note */ USE `a;b`;\nINSERT INTO t VALUES (1,'\\';');\n"
    )
    code = (
        "import sys; from tuibackup.database.sql.statements import Statements; "
        "print(list(Statements([sys.stdin.buffer.read()])))"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([debian, "-c", code], input=sql, env=path, check=True, capture_output=True)
    assert done.stdout.decode().strip() == repr(cut(sql))
