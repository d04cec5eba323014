"""Any table with any rows: dumped natively and restored, it is the same to the byte."""

import asyncio
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import MariadbStarter
from tests.database.everything import differences, everything
from tests.database.natively import dumps
from tuibackup.demo.mariadbd import PrivateMariadb

CHARSETS = {
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "latin1": "cp1252", "ascii": "ascii", "cp1251": "cp1251",
    "koi8r": "koi8-r", "gbk": "gbk", "sjis": "shift_jis", "big5": "big5", "ucs2": "utf-16-be", "utf32": "utf-32-be",
    "tis620": "tis-620", "greek": "iso8859-7", "hebrew": "iso8859-8",
}  # fmt: skip
WIDE = {"utf8mb4", "utf32"}
ODD = st.sampled_from(
    ["'", "\\", '"', "\n", "\r\n", "\0", "\x1a", "`", ";;", "\n(", "*/", "-- ", "é", "文", "ソ", "😀", "NULL"]
)
NAMES = st.text(st.sampled_from("ab`.\n -;'\"*/é\\(%"), min_size=1, max_size=12).filter(
    lambda name: name == name.strip()
)


def hexed(data: bytes) -> str:
    return f"X'{data.hex()}'"


def text(charset: str) -> st.SearchStrategy[str]:
    """Values of a character set, as literals: whatever of it Python can write, and some bytes as they are."""

    def literal(value: str) -> str:
        if charset not in WIDE:
            value = "".join(letter for letter in value if letter < "\U00010000")
        return f"_{charset} {hexed(value.encode(CHARSETS[charset], 'ignore'))}"

    values = st.lists(st.one_of(ODD, st.text(max_size=5)), max_size=8).map("".join).map(literal)
    if charset in ("latin1", "cp1251", "koi8r", "tis620", "greek", "hebrew"):
        values |= st.binary(max_size=20).map(lambda data: f"_{charset} {hexed(data)}")
    return values


def typed(charset: str) -> st.SearchStrategy[tuple[str, st.SearchStrategy[str]]]:
    """A text type of `charset` with its values."""
    kinds = ("VARCHAR(200)", "TEXT", "LONGTEXT", "TINYTEXT")
    return st.sampled_from(kinds).map(lambda kind: (f"{kind} CHARACTER SET {charset}", text(charset)))


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


FIXED: list[tuple[str, st.SearchStrategy[str]]] = [
    ("TINYINT", numbers(-128, 127)),
    ("INT UNSIGNED", numbers(0, 2**32 - 1)),
    ("BIGINT", numbers(-(2**63), 2**63 - 1)),
    ("BIGINT UNSIGNED ZEROFILL", numbers(0, 2**64 - 1)),
    ("DECIMAL(30,10)", st.decimals(-(10**19), 10**19, places=10).map(lambda number: f"{number:f}")),
    ("DOUBLE", st.floats(allow_nan=False, allow_infinity=False).map(repr)),
    ("FLOAT", st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr)),
    ("FLOAT(10,3)", st.floats(-9999999, 9999999, width=32).map(repr)),
    ("BIT(64)", st.integers(0, 2**64 - 1).map(hex)),
    ("BIT(3)", numbers(0, 7)),
    ("BINARY(10)", st.binary(max_size=10).map(hexed)),
    ("VARBINARY(300)", st.binary(max_size=300).map(hexed)),
    ("LONGBLOB", st.binary(max_size=400).map(hexed)),
    ("DATE", st.one_of(st.just("'0000-00-00'"), st.dates(date(1000, 1, 1)).map(lambda day: f"'{day}'"))),
    ("DATETIME(6)", st.datetimes(datetime(1000, 1, 1)).map(lambda moment: f"'{moment}'")),
    (
        "TIMESTAMP(3) NULL",
        st.datetimes(datetime(1970, 1, 2), datetime(2037, 12, 31)).map(lambda moment: f"'{moment}'"),
    ),
    (
        "TIME(6)",
        st.tuples(
            st.sampled_from(["", "-"]), st.integers(0, 838), st.integers(0, 59), st.integers(0, 999999)
        ).map(lambda time: f"'{time[0]}{time[1]:02}:{time[2]:02}:{time[2]:02}.{time[3]:06}'"),
    ),
    ("ENUM('a', '', 'it''s', 'é')", st.sampled_from(["'a'", "''", "'it''s'", "'é'", "0"])),
    ("SET('p', 'q', 'r')", st.sampled_from(["''", "'p'", "'p,r'", "'q'", "7"])),
    ("JSON", st.sampled_from(["'{}'", "'[1, \"a\\\\n😀\"]'", "'null'"])),
    ("UUID", st.uuids().map(lambda value: f"'{value}'")),
    (
        "POINT",
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)).map(lambda at: f"POINT({at[0]!r}, {at[1]!r})"),
    ),
]
COLUMNS = st.one_of(st.sampled_from(FIXED), st.sampled_from(sorted(CHARSETS)).flatmap(typed))
EXTRA = st.sampled_from(["", "", "", " INVISIBLE"])


@st.composite
def tables(draw: st.DrawFn) -> str:
    """CREATE TABLE and its INSERT."""
    name, chosen = draw(NAMES), draw(st.lists(st.tuples(COLUMNS, EXTRA), min_size=1, max_size=6))
    quoted = "`" + name.replace("`", "``") + "`"
    words = [f"`k{number}` {kind}{extra}" for number, ((kind, _), extra) in enumerate(chosen)]
    words[0] = words[0].removesuffix(" INVISIBLE")  # one has to be seen
    words.append("`jumlah` INT AS (1 + 1) VIRTUAL")
    rows = draw(
        st.lists(
            st.tuples(*(st.one_of(st.just("NULL"), values) for (_, values), _ in chosen)),
            min_size=1,
            max_size=6,
        )
    )
    listed = ", ".join(f"`k{number}`" for number in range(len(chosen)))
    inserted = ", ".join(f"({', '.join(row)})" for row in rows)
    insert = f"INSERT IGNORE INTO {quoted} ({listed}) VALUES {inserted};"
    return f"CREATE OR REPLACE TABLE {quoted} ({', '.join(words)}); {insert}"


@pytest.fixture(scope="module")
def server(start_module_mariadb: MariadbStarter) -> PrivateMariadb:
    return start_module_mariadb("--default-time-zone=+07:00")


def comes_back(server: PrivateMariadb, made: str) -> None:
    server.sql(f"CREATE OR REPLACE DATABASE d; USE d; SET sql_mode = '';\n{made}")
    before = asyncio.run(everything(server.socket, ["d"]))
    sql = asyncio.run(dumps(server.socket))["d"]
    server.sql(b"DROP DATABASE d;\n" + sql)
    assert differences(before, asyncio.run(everything(server.socket, ["d"]))) == {}, sql.decode(
        errors="replace"
    )


SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=15, **SETTINGS)  # type: ignore[arg-type]
@given(made=st.lists(tables(), min_size=1, max_size=5).map("\n".join))
def test_any_table_comes_back(server: PrivateMariadb, made: str) -> None:
    comes_back(server, made)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=1000, **SETTINGS)  # type: ignore[arg-type]
@given(made=st.lists(tables(), min_size=1, max_size=5).map("\n".join))
def test_any_table_comes_back_again_and_again(server: PrivateMariadb, made: str) -> None:
    comes_back(server, made)
