"""Step 3 against servers of every kind: one clear line each, and it never hangs."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.conftest import MariadbStarter
from tests.database.conftest import opened
from tests.database.hostile import Conversation, Wire, served
from tuibackup.config import Database, SecretSource, Server
from tuibackup.database.connect import login as login_module
from tuibackup.database.connect.login import log_in_again, login
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import AccessDeniedError, ConnectionLostError, DatabaseError, TuibackupError
from tuibackup.remote.session import Session
from tuibackup.secret import Secret

PLUGINS = Path("/usr/lib/mysql/plugin")


def at(server: Server, port: int) -> Server:
    return replace(server, database=Database(user="backup", host="127.0.0.1", port=port))


async def refusal(session: Session, server: Server, conversation: Conversation) -> TuibackupError:
    """What the login says about a server that talks like this."""
    async with served(conversation) as port:
        with pytest.raises(TuibackupError) as caught:
            async with asyncio.timeout(10):
                await login(session, at(server, port), Secret("pla-nted"))
        assert "pla-nted" not in str(caught.value)
        return caught.value


async def test_a_server_that_closes_at_once(session: Session, server: Server) -> None:
    async def close(wire: Wire) -> None: ...

    error = await refusal(session, server, close)
    assert isinstance(error, ConnectionLostError)
    assert "siakad: the database closed the connection" in str(error)


@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n" * 20,
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9,
        b"\1\0\0\0\x0a",
        b"\5\0\0\0\x0a5.x\0",
    ],
)
async def test_something_else_than_a_database_answers(
    session: Session, server: Server, greeting: bytes
) -> None:
    async def talk(wire: Wire) -> None:
        wire.writer.write(greeting)
        await wire.writer.drain()
        await asyncio.sleep(0.2)

    error = await refusal(session, server, talk)
    assert str(error).startswith("siakad: ")
    assert "\n" not in str(error)


async def test_a_greeting_without_end_is_not_swallowed(session: Session, server: Server) -> None:
    sent = 0

    async def talk(wire: Wire) -> None:
        nonlocal sent
        number = 0
        while True:
            wire.writer.write(b"\xff\xff\xff" + bytes([number % 256]) + bytes(0xFFFFFF))
            await wire.writer.drain()
            number, sent = number + 1, sent + 0xFFFFFF

    error = await refusal(session, server, talk)
    assert "an answer that is too large" in str(error)
    assert sent < 64 << 20


async def test_a_server_that_never_greets_is_given_up(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_module, "ANSWER_SECONDS", 0.3)

    async def talk(wire: Wire) -> None:
        await asyncio.sleep(20)

    assert "no answer from the database" in str(await refusal(session, server, talk))


async def test_a_request_for_one_of_our_files_is_refused(session: Session, server: Server) -> None:
    got = b"?"

    async def talk(wire: Wire) -> None:
        nonlocal got
        await wire.welcome()
        await wire.receive()
        await wire.send(b"\xfb/etc/hostname")
        got = await wire.reader.read(1000)

    error = await refusal(session, server, talk)
    assert isinstance(error, DatabaseError)
    assert isinstance(error.__cause__, RuntimeError)  # aiomysql: "Received LOAD_LOCAL packet but …"
    assert "not valid MySQL" in str(error)
    assert got[4:] in (b"", b"\x01")  # at most a goodbye


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"mysql_old_password"])
async def test_a_server_that_asks_for_the_password_in_clear_does_not_get_it(
    session: Session, server: Server, plugin: bytes
) -> None:
    heard = []

    async def in_greeting(wire: Wire) -> None:
        heard.append(await wire.greet(plugin))

    async def after_it(wire: Wire) -> None:
        heard.append(await wire.greet())
        await wire.send(b"\xfe" + plugin + b"\0" + b"z" * 20 + b"\0")
        heard.append(await wire.receive())

    for talk in (in_greeting, after_it):
        error = await refusal(session, server, talk)
        assert f"logs in by {plugin.decode()}, which is not supported" in str(error)
    assert len(heard) == 1  # the first answer, a scrambled password, and nothing after
    assert b"pla-nted" not in heard[0]


async def test_an_answer_without_end_is_not_swallowed(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuibackup.database.connect.connection.ANSWER_LIMIT", 4 << 20)

    async def talk(wire: Wire) -> None:
        await wire.welcome()
        await wire.receive()
        await wire.send(b"\1")
        await wire.send(b"\3def\0\0\0\1x\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0")
        await wire.send(b"\xfe\0\0\2\0")
        while True:
            await wire.send(b"\xfc\xff\xff" + b"x" * 0xFFFF)

    assert "an answer that is too large" in str(await refusal(session, server, talk))


async def test_a_connection_that_breaks_within_an_answer_is_lost(session: Session, server: Server) -> None:
    async def talk(wire: Wire) -> None:
        await wire.welcome()
        await wire.receive()
        wire.writer.write(b"\xff\0\0\1half of")
        await wire.writer.drain()

    assert isinstance(await refusal(session, server, talk), ConnectionLostError)


async def test_every_login_asks_the_server_for_patience(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    settings = ("wait_timeout", "net_write_timeout", "max_statement_time", "idle_transaction_timeout")
    before = mariadbd.sql(f"SELECT {', '.join(f'@@global.{name}' for name in settings)}").split()
    mariadbd.sql("; ".join(f"SET GLOBAL {name} = 7" for name in settings))
    try:
        async with await login(session, server, None) as database:
            again = await log_in_again(session, database.options)
            [found] = await again.rows(f"SELECT {', '.join(f'@@{name}' for name in settings)}")
            await again.close()
    finally:
        mariadbd.sql("; ".join(f"SET GLOBAL {n} = {v}" for n, v in zip(settings, before, strict=True)))
    assert [float(value) for value in found] == [86400, 3600, 0, 0]


@pytest.mark.skipif(
    not (PLUGINS / "auth_ed25519.so").exists(), reason="no plugin auth_ed25519: apt install mariadb-server"
)
async def test_an_account_with_ed25519_gets_one_clear_line(
    session: Session, server: Server, start_mariadb: MariadbStarter
) -> None:
    mariadbd = start_mariadb()
    mariadbd.sql(
        "INSTALL SONAME 'auth_ed25519';"
        "CREATE USER backup@localhost IDENTIFIED VIA ed25519 USING PASSWORD('pla-nted')"
    )
    one = replace(server, database=Database(user="backup", socket=str(mariadbd.socket)))
    with pytest.raises(
        DatabaseError, match="backup logs in by client_ed25519, which is not supported; use unix_socket"
    ):
        await login(session, one, Secret("pla-nted"))


async def test_only_a_wrong_password_is_access_denied(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql("CREATE USER backup@localhost IDENTIFIED BY 'right'")
    assert server.database is not None
    for user in ("backup", "nobody-here"):
        one = replace(server, database=replace(server.database, user=user))
        with pytest.raises(AccessDeniedError):
            await login(session, one, Secret("wrong"))


async def test_a_query_that_is_cut_off_says_so_and_closing_takes_no_time(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    async with await login(session, server, None) as database:
        query = asyncio.create_task(database.rows("SELECT SLEEP(600)"))
        while not query.done():  # it is asked again once, over another login
            await asyncio.sleep(0.05)
            for number in mariadbd.sql(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"
            ).split():
                mariadbd.sql(f"KILL {number}")
        with pytest.raises(ConnectionLostError):
            await query
        began = time.monotonic()
    assert time.monotonic() - began < 20


async def test_a_line_that_is_cut_in_a_query_is_a_lost_connection(
    tmp_path: Path, mariadbd: PrivateMariadb, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with PrivateSshd(tmp_path / "own") as sshd:
        one = replace(server, host=sshd.host, port=sshd.port, key=sshd.client_key)
        async with opened(one, tmp_path) as session:
            database = await login(session, one, None)
            query = asyncio.create_task(database.rows("SELECT SLEEP(60)"))
            await asyncio.sleep(0.3)
            sshd.cut_connections()
            with pytest.raises(ConnectionLostError):
                async with asyncio.timeout(60):
                    await query
            async with asyncio.timeout(60):
                await database.close()


async def test_a_server_that_stands_still_does_not_hold_up_the_closing(
    session: Session, server: Server
) -> None:
    async def talk(wire: Wire) -> None:
        await wire.welcome()
        await asyncio.sleep(20)

    async with served(talk) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await login(session, at(server, port), None)


OPTION_FILE = """
[mysqld]
user = wrong
[client]
user = {user}  # who
password = "pa\\\\ss #1"
socket = {socket}
"""


async def test_an_option_file_on_the_server_is_read_from_the_account_s_home(
    session: Session, server: Server, mariadbd: PrivateMariadb, tmp_path: Path
) -> None:
    mariadbd.sql("CREATE USER backup@localhost IDENTIFIED BY 'pa\\\\ss #1'")
    path = tmp_path / "a file.cnf"
    path.write_text(OPTION_FILE.format(user="backup", socket=mariadbd.socket))
    one = replace(server, database=Database(password=SecretSource(option_file=str(path))))
    async with await login(session, one, None) as database:
        assert database.account == "'backup'@'localhost'"
    said = await session.run('printf %s "$HOME"', timeout=10)
    home = Path(said.stdout.decode()) / ".tuibackup-test.cnf"
    home.write_text(path.read_text())
    try:
        one = replace(server, database=Database(password=SecretSource(option_file="~/.tuibackup-test.cnf")))
        async with await login(session, one, None) as database:
            assert database.account == "'backup'@'localhost'"
    finally:
        home.unlink()


async def test_an_option_file_that_cannot_be_read_is_named(
    session: Session, server: Server, tmp_path: Path
) -> None:
    for path in (str(tmp_path / "no\x1b such"), "~/no-such.cnf", str(tmp_path)):
        one = replace(server, database=Database(password=SecretSource(option_file=path)))
        with pytest.raises(
            DatabaseError, match=r"cannot be read by .*; check its path and mode there"
        ) as caught:
            await login(session, one, None)
        assert "\x1b" not in str(caught.value)


async def test_nothing_is_warned_about_in_python_s_way(
    session: Session, server: Server, recwarn: pytest.WarningsRecorder
) -> None:
    async with await login(session, server, None) as database:
        assert await database.rows("SELECT CAST('x' AS INT)") == [(0,)]
        await database.rows("DROP TABLE IF EXISTS mysql.no_such_table")
    assert [str(one.message) for one in recwarn.list] == []
