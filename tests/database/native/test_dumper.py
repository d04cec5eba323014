"""The native dumper against a real server: what it writes restores to what was there."""

import asyncio
import tracemalloc
from unittest.mock import patch

import pytest

from tests.conftest import MariadbStarter
from tests.database.conftest import NAMES
from tests.database.everything import differences, everything
from tests.database.hostile import OK, Wire, served
from tests.database.natively import connection, dumps, inventoried, with_native
from tuibackup.config import Server
from tuibackup.database.connect.connection import Connection
from tuibackup.database.connect.login import login, open_connection
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.native.asking import StatementError
from tuibackup.database.native.dumper import Native
from tuibackup.database.sql.scan import Scanner
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.remote.session import Session

QUESTIONS = (
    "CHECKSUM TABLE akademik.nilai, `-od.d na``me`.`a.b\nc`",
    "SHOW CREATE VIEW akademik.ringkas",
    "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS",
    "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='akademik'",
    "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS",
    "SHOW DATABASES",
)


def scanned(sql: bytes) -> Scanner:
    scanner = Scanner()
    scanner.feed(sql)
    scanner.finish()
    return scanner


async def test_everything_in_a_database_is_dumped_over_ssh_and_restores(
    objects: PrivateMariadb, session: Session, server: Server, start_mariadb: MariadbStarter
) -> None:
    async with await login(session, server, None) as database:
        native = Native(await open_connection(session, database.options), database.vendor, server="siakad")
        await native.begin()
        made = {
            info.name: b"".join([part async for part in native.database(info)]) for info in database.databases
        }
    assert tuple(made) == NAMES
    assert (native.rows["akademik", "nilai"], native.notes) == (3000, [])
    scratch = start_mariadb()
    for sql in made.values():
        scratch.sql(sql)
    for question in QUESTIONS:
        assert scratch.sql(question) == objects.sql(question)


async def test_the_scanner_reads_it_like_the_tools(objects: PrivateMariadb) -> None:
    found = scanned((await dumps(objects.socket))["akademik"])
    assert found.completed
    [contents] = found.contents.values()
    assert {name: part.rows for name, part in contents.tables.items()} == {"nilai": 3000, "nomor": 0}
    assert contents.views == {"ringkas"}
    assert contents.objects == {"trigger": 1, "event": 1, "routine": 2}


async def test_a_float_comes_back_to_the_bit(start_mariadb: MariadbStarter) -> None:
    server = start_mariadb()
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.ukur (nomor INT, x FLOAT, y DOUBLE, z FLOAT(9,3));"
        "INSERT INTO d.ukur VALUES (1, 16777217, 0.1, 123456.789), (2, -1e0*0e0, -1e0*0e0, -0.001),"
        " (3, 3.4028234e38, 1.7976931348623157e308, 0), (4, 1.4e-45, 5e-324, NULL), (5, NULL, NULL, 1);"
    )
    before = server.sql("CHECKSUM TABLE d.ukur; SELECT nomor, x+0e0, y+0e0, z+0e0 FROM d.ukur")
    made = (await dumps(server.socket))["d"]
    server.sql(b"DROP DATABASE d;" + made)
    assert server.sql("CHECKSUM TABLE d.ukur; SELECT nomor, x+0e0, y+0e0, z+0e0 FROM d.ukur") == before


async def test_one_table_restores_by_itself_whatever_the_session_is_set_to(
    start_mariadb: MariadbStarter,
) -> None:
    server = start_mariadb()
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE induk (id INT PRIMARY KEY);"
        "CREATE TABLE anak (id INT AUTO_INCREMENT PRIMARY KEY, induk INT, kapan TIMESTAMP, x FLOAT, teks TEXT,"
        " FOREIGN KEY (induk) REFERENCES induk (id));"
        "SET sql_mode='NO_AUTO_VALUE_ON_ZERO'; INSERT INTO induk VALUES (1);"
        "INSERT INTO anak VALUES (0, 1, '2026-11-22 01:30:00', 0.1, 'a\\\\b\\nc'), (7, 1, NOW(), 16777217, 'é');"
        "CREATE TRIGGER jaga BEFORE INSERT ON anak FOR EACH ROW SET NEW.teks = 'x'"
    )
    before = server.sql("CHECKSUM TABLE anak; SHOW CREATE TABLE anak; SELECT * FROM anak", "d")

    async def anak(native: Native, infos: tuple[DatabaseInfo, ...]) -> bytes:
        [info] = infos
        [table] = [table for table in info.tables if table.name == "anak"]
        return b"".join([part async for part in native.table("d", table)])

    section = await with_native(server.socket, "MariaDB", anak)
    odd = (
        "SET NAMES latin1, time_zone='+09:00', sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'"
    )
    settings = "SELECT @@character_set_client, @@time_zone, @@sql_mode, @@foreign_key_checks, @@autocommit"
    said = server.sql(
        f"{odd}; {settings};\n".encode()
        + b"DROP TABLE anak; DELETE FROM induk;"
        + section
        + settings.encode(),
        "d",
    ).splitlines()
    assert said[0] == said[1]
    assert server.sql("CHECKSUM TABLE anak; SHOW CREATE TABLE anak; SELECT * FROM anak", "d") == before
    assert "jaga" in server.sql("SHOW TRIGGERS", "d")
    assert set(scanned(section).contents[""].tables) == {"anak"}


async def test_what_is_dumped_is_of_the_instant_of_begin(start_mariadb: MariadbStarter) -> None:
    server = start_mariadb()
    server.sql("CREATE DATABASE d; CREATE TABLE d.x (a INT) ENGINE=InnoDB; INSERT INTO d.x VALUES (1)")

    async def later(native: Native, infos: tuple[DatabaseInfo, ...]) -> bytes:
        server.sql("INSERT INTO d.x VALUES (2); UPDATE d.x SET a = a + 10")
        return b"".join([part async for part in native.database(infos[0])])

    sql = await with_native(server.socket, "MariaDB", later)
    assert b"VALUES\n(1);\n" in sql


async def test_a_table_changed_since_then_is_refused_with_the_servers_number(
    start_mariadb: MariadbStarter,
) -> None:
    server = start_mariadb()
    server.sql("CREATE DATABASE d; CREATE TABLE d.x (a INT); INSERT INTO d.x VALUES (1)")

    async def later(native: Native, infos: tuple[DatabaseInfo, ...]) -> None:
        server.sql("ALTER TABLE d.x ADD COLUMN b INT DEFAULT 5, ALGORITHM=COPY")
        async for _ in native.table("d", infos[0].tables[0]):
            pass

    with pytest.raises(
        StatementError, match="siakad: the database says: Table definition has changed"
    ) as caught:
        await with_native(server.socket, "MariaDB", later)
    assert caught.value.code == 1412


async def test_leaving_early_drops_the_connection_instead_of_reading_the_rest(
    start_mariadb: MariadbStarter,
) -> None:
    server = start_mariadb()
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE x (a INT, b VARCHAR(500));"
        "INSERT INTO x SELECT seq, REPEAT('x', 500) FROM seq_1_to_20000"
    )
    [info] = await inventoried(server.socket)
    async with connection(server.socket) as made:
        native = Native(made, "MariaDB", server="siakad")
        await native.begin()
        parts = native.database(info)
        async for part in parts:
            if b"INSERT INTO" in part:
                break
        await parts.aclose()
        with pytest.raises(ConnectionLostError):
            await native.begin()


async def test_values_that_a_small_packet_would_lose_are_sent_as_they_are(
    start_mariadb: MariadbStarter,
) -> None:
    """CONCAT gives NULL for what is larger than max_allowed_packet; here that is the least that a server takes."""
    server = start_mariadb("--max-allowed-packet=1024")
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE x (a INT, b VARCHAR(600), c TEXT CHARACTER SET latin1, d BLOB,"
        " e GEOMETRY, f VARBINARY(300), g TEXT CHARACTER SET cp1251, h ENUM('p', 'q'));"
        "INSERT INTO x VALUES (1, REPEAT('\\'', 500), REPEAT(0xE9, 700), REPEAT(0x00, 700),"
        " ST_GeomFromText('POINT(1 2)'), REPEAT(0xFF, 300), REPEAT('Ж', 300), 'q')"
    )
    server.sql(
        "UPDATE x SET a = 5; INSERT INTO x (a, b) SELECT a, b FROM x; INSERT INTO x SELECT * FROM x;"
        "INSERT INTO x VALUES ()",
        "d",
    )
    made = (await dumps(server.socket))["d"]
    server.sql("SET GLOBAL max_allowed_packet = 64 << 20")
    before = await everything(server.socket, ["d"])
    other = start_mariadb()
    other.sql(made)
    assert differences(before, await everything(other.socket, ["d"])) == {}


@pytest.mark.long
async def test_statements_are_bounded_and_memory_is_not_the_tables(start_mariadb: MariadbStarter) -> None:
    server = start_mariadb("--max-allowed-packet=64M")
    server.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE x (a INT, b LONGBLOB); CREATE TABLE y (a INT, b VARCHAR(200));"
        "INSERT INTO y SELECT seq, REPEAT('y', 200) FROM seq_1_to_40000;"
        "INSERT INTO x SELECT seq, REPEAT('x', 3000000) FROM seq_1_to_8; INSERT INTO x VALUES (9, REPEAT('x', 9000000))"
    )

    async def longest(native: Native, infos: tuple[DatabaseInfo, ...]) -> tuple[list[int], int, int]:
        tracemalloc.start()
        sizes = [len(part) async for part in native.database(infos[0])]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return sizes, native.longest, peak

    sizes, said, peak = await with_native(server.socket, "MariaDB", longest)
    assert max(sizes) == said
    assert 18_000_000 < said < 18_100_000
    assert all(size < 1 << 21 or size > 6_000_000 for size in sizes)
    assert peak < 100 << 20


NONSENSE: dict[str, list[bytes]] = {
    "no rows": [b"\x01", b"column", b"\xfe\0\0\2\0", b"\xfe\0\0\2\0"],
    "too few columns": [b"\x01", b"column", b"\xfe\0\0\2\0", b"\x01a", b"\xfe\0\0\2\0"],
    "a row that says more than it has": [b"\x01", b"column", b"\xfe\0\0\2\0", b"\x09a", b"\xfe\0\0\2\0"],
    "a file of ours": [b"\xfb/etc/passwd"],
    "an empty packet": [b""],
    "an OK": [OK],
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=list(NONSENSE))
async def test_an_answer_that_makes_no_sense_is_one_line(answer: list[bytes]) -> None:
    async def talk(wire: Wire) -> None:
        await wire.welcome()
        while True:
            await wire.receive()
            for payload in answer:
                await wire.send(payload)

    async with served(talk) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made = Connection(reader, writer, "backup", None, local=False)
        await made.open()
        native = Native(made, "MariaDB", server="siakad")
        with pytest.raises((DatabaseError, ConnectionLostError), match=r"^siakad: the database"):
            await native.begin()
        made.drop()


async def test_rows_without_end_are_refused_before_they_fill_the_memory() -> None:
    async def talk(wire: Wire) -> None:
        await wire.welcome()
        await wire.receive()
        for payload in (b"\x01", b"column", b"\xfe\0\0\2\0"):
            await wire.send(payload)
        while True:
            await wire.send(b"\x64" + b"x" * 100)

    async with served(talk) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made = Connection(reader, writer, "backup", None, local=False)
        await made.open()
        with (
            patch("tuibackup.database.native.asking._ANSWER", 1 << 20),
            pytest.raises(DatabaseError, match="too large"),
        ):
            await Native(made, "MariaDB", server="siakad").begin()
        made.drop()
