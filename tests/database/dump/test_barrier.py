"""The lock for a moment, by each of its statements, on a real server: who waits for it, and that it never stays.

The barrier is told that the server is older, or a MySQL; a MariaDB understands all of its statements but LOCK INSTANCE
FOR BACKUP, which is tried where there is a MySQL (test_mysql).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pymysql
import pytest

from tuibackup.config import Server
from tuibackup.database.connect.login import Login, log_in_again, login
from tuibackup.database.dump import barrier
from tuibackup.database.dump.barrier import Barrier, BarrierError
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.errors import ConnectionLostError
from tuibackup.remote.session import Session

SOME = "CREATE DATABASE toko; CREATE TABLE toko.isi (id INT AUTO_INCREMENT PRIMARY KEY)"
WAYS = [("MariaDB", "10.11.6-MariaDB"), ("MariaDB", "10.3.39-MariaDB"), ("MySQL", "8.0.36")]


@dataclass
class Locking:
    """A barrier, its control connection, and a server that somebody else writes to."""

    barrier: Barrier
    control: Login
    helper: Login
    mariadbd: PrivateMariadb

    def writes(self, statement: str = "INSERT INTO toko.isi VALUES ()") -> bool:
        """Whether `statement` of somebody else gets through without waiting for a lock."""
        with self.stranger() as cursor:
            cursor.execute("SET lock_wait_timeout = 0")
            try:
                cursor.execute(statement)
            except pymysql.err.OperationalError as error:
                if error.args[0] != 1205:  # Lock wait timeout exceeded
                    raise
                return False
            return True

    @contextlib.contextmanager
    def stranger(self):  # type: ignore[no-untyped-def]  # pymysql has no types
        """A session of somebody else."""
        connection = pymysql.connect(unix_socket=str(self.mariadbd.socket), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            yield cursor

    async def is_free(self) -> None:
        """Everybody can write; where the control connection was dropped, as soon as the server has noticed."""
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(self.writes):  # noqa: ASYNC110  # it is the server that is waited for
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(self.writes, "CREATE OR REPLACE TABLE toko.baru (i INT)")


@pytest.fixture(params=WAYS, ids=["stages", "read-lock", "mysql"])
async def locking(
    request: pytest.FixtureRequest,
    session: Session,
    server: Server,
    mariadbd: PrivateMariadb,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Locking]:
    """The lock may be held for as long as a test looks at it."""
    monkeypatch.setattr(barrier, "HOLD", 60.0)
    monkeypatch.setattr(barrier, "LEASE", 60)
    mariadbd.sql(SOME)
    async with await login(session, server, None) as database:
        control, helper = [await log_in_again(session, database.options) for _ in range(2)]
        yield Locking(Barrier(control, helper, *request.param), control, helper, mariadbd)
        await control.close()
        await helper.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long."""
    monkeypatch.setattr(barrier, "WAIT", 0.1)
    monkeypatch.setattr(barrier, "TRIES", 2)
    monkeypatch.setattr(barrier, "PAUSE", 0.1)
    monkeypatch.setattr(barrier, "QUIET", 0.2)


async def test_nobody_commits_while_it_is_held_and_everybody_afterwards(locking: Locking) -> None:
    async with locking.barrier.held():
        assert not await asyncio.to_thread(locking.writes)
        assert not await asyncio.to_thread(locking.writes, "CREATE TABLE toko.lagi (i INT)")
    assert locking.barrier.lock_ms is not None
    assert locking.barrier.lock_ms > 0
    await locking.is_free()


@pytest.mark.long
async def test_it_is_given_back_when_what_it_is_for_fails(locking: Locking) -> None:
    with pytest.raises(ZeroDivisionError):
        async with locking.barrier.held():
            raise ZeroDivisionError
    await locking.is_free()
    # The connection is as good as before.
    async with locking.barrier.held():
        assert not await asyncio.to_thread(locking.writes)
    await locking.is_free()


async def test_it_is_given_back_when_it_takes_too_long(
    locking: Locking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "HOLD", 0.3)
    with pytest.raises(BarrierError, match=r"for more than 0\.3 s"):
        async with locking.barrier.held():
            await asyncio.sleep(60)
    await locking.is_free()


async def test_its_session_is_heard_as_long_as_the_lock_is_held(
    locking: Locking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is shorter than what is read under the lock may take: the server took it back meanwhile."""
    monkeypatch.setattr(barrier, "LEASE", 2)
    monkeypatch.setattr(barrier, "_SPEAK", (0.5,) * 60)
    async with locking.barrier.held():
        await asyncio.sleep(2.5)
        assert not await asyncio.to_thread(locking.writes)
    await locking.is_free()


@pytest.mark.long
async def test_the_server_takes_it_back_when_we_stand_still(
    locking: Locking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """… soon after our last word, whatever we hold it for."""
    monkeypatch.setattr(barrier, "LEASE", 1)
    loop = asyncio.get_running_loop()

    async def hold() -> None:
        async with locking.barrier.held():
            while locking.control.connection._ahead < len(barrier._SPEAK):  # noqa: ASYNC110  # the last word
                await asyncio.sleep(0.01)
            began = loop.time()
            await locking.is_free()
            assert loop.time() - began < 10

    with pytest.raises(BarrierError, match="ended the lock by itself"):
        await hold()


@pytest.mark.parametrize("answering", [False, True])
async def test_it_is_given_back_when_the_run_is_stopped(locking: Locking, answering: bool) -> None:
    """Stopped while it waits, or in the middle of an answer of the server."""
    began = asyncio.Event()

    async def hold() -> None:
        async with locking.barrier.held():
            began.set()
            await (locking.control.rows("SELECT SLEEP(1)") if answering else asyncio.sleep(60))

    holding = asyncio.create_task(hold())
    await began.wait()
    await asyncio.sleep(0.1)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await locking.is_free()


async def test_a_lock_that_others_keep_from_us_is_given_up(locking: Locking, soon: None) -> None:
    with locking.stranger() as cursor:
        cursor.execute("LOCK TABLES toko.isi WRITE")
        with pytest.raises(BarrierError, match=r"no lock: (the server did not give|.* last toko\.isi)"):
            async with locking.barrier.held():
                raise AssertionError
    await locking.is_free()
    assert locking.barrier.lock_ms is None
    assert locking.barrier.longest_ms < 1000


async def test_a_run_that_is_stopped_while_it_waits_for_the_lock_does_not_get_it_later(
    locking: Locking,
) -> None:

    async def hold() -> None:
        async with locking.barrier.held():
            raise AssertionError

    with locking.stranger() as cursor:
        looked = (
            "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
            " WHERE VARIABLE_NAME = 'COM_SHOW_OPEN_TABLES')"
        )
        cursor.execute(f"SET @looked = {looked}")
        cursor.execute("LOCK TABLES toko.isi WRITE")
        holding = asyncio.create_task(hold())
        waiting = (
            f"SELECT COUNT(*) + {looked} - @looked FROM information_schema.PROCESSLIST"
            " WHERE STATE LIKE 'Waiting for %' AND INFO LIKE 'BACKUP%'"
        )
        while True:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                break
            await asyncio.sleep(0.02)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
    await locking.is_free()


async def test_a_lock_that_the_server_took_back_is_no_instant(locking: Locking) -> None:
    [(number,)] = await locking.control.rows("SELECT CONNECTION_ID()")

    async def hold() -> None:
        async with locking.barrier.held():
            locking.mariadbd.sql(f"KILL {number}")
            await locking.is_free()

    with pytest.raises(BarrierError, match="ended the lock by itself"):
        await hold()


async def test_it_is_given_back_when_the_connection_is_lost(locking: Locking) -> None:
    with pytest.raises((BarrierError, ConnectionLostError)):
        async with locking.barrier.held():
            locking.control.drop()
    await locking.is_free()


async def test_an_account_that_may_not_lock_leaves_nothing_locked(
    session: Session, server: Server, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql(SOME + "; CREATE USER lemah@localhost; GRANT SELECT ON *.* TO lemah@localhost")
    async with await login(session, server, None) as database:
        options = database.options
    for vendor, version in WAYS:
        control, helper = [await log_in_again(session, replace(options, user="lemah")) for _ in range(2)]
        tried = Barrier(control, helper, vendor, version)
        with pytest.raises(BarrierError, match="Access denied"):
            async with tried.held():
                raise AssertionError
        await Locking(tried, control, helper, mariadbd).is_free()
        await control.close()
        await helper.close()
