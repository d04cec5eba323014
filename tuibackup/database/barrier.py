"""One instant for several programs: for a moment nobody on the server may commit, and all of them begin.

MariaDB from 10.4 on has a lock made for this (BACKUP STAGE), which waits for commits, not for queries; others have
FLUSH TABLES WITH READ LOCK, which waits for every statement that writes. Both need the privilege RELOAD. Whoever waits
for a lock makes others wait, so we do not wait long, and what is had is given back soon: after `BEGIN` seconds where
the programs do not begin, after `HOLD` whatever happens, and by the server itself should it not hear from us
(wait_timeout): while the lock is held it hears from us every second, whatever else goes on meanwhile. A control
connection that was left in the middle of an answer is dropped (aiomysql does that by itself when it is cancelled):
the lock goes with it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tuibackup.database.grants import Grants
from tuibackup.database.login import Login
from tuibackup.errors import ConnectionLostError, DatabaseError

WAIT = 5  # seconds for the lock
TRIES = 3
PAUSE = 2.0  # seconds between them
BEGIN = 2.0  # seconds at most until every transaction is open
HOLD = 10.0  # seconds at most for all of it: tables without transactions are read under the lock
LEASE = 5  # seconds of our silence after which the server takes it back; longer than PAUSE
READING_LEASE = LEASE + int(
    HOLD
)  # … where tables are read: on a slow line an answer to us may wait behind their rows
_SPEAK = 1.0  # seconds after which we say something
_RELEASE = 5.0  # seconds for an answer to giving it back
_LOOKS, _LOOK_SECONDS = 6, 0.12
_VERSION = re.compile(r"(\d+)\.(\d+)")


def may_lock(grants: Iterable[str]) -> bool:
    """Whether the lines of SHOW GRANTS give the right to it."""
    held = Grants(tuple(grants))
    return held.everywhere("RELOAD") or held.everywhere("FLUSH_TABLES")


class BarrierError(Exception):
    """The databases cannot be had at one instant this way; the text says why. `passing`: it may go better now."""

    def __init__(self, why: str, *, passing: bool = False) -> None:
        super().__init__(why)
        self.passing = passing


class Barrier:
    """The lock of one control connection. `lock_ms`: how long it was held; None before."""

    def __init__(self, control: Login, vendor: str, version: str, *, reads: bool = False) -> None:
        """`reads`: tables are read while it is held."""
        self.lock_ms: float | None = None
        self.position = ""  # in the binary log, where it had to be read under the lock
        self._control = control
        self._lease = READING_LEASE if reads else LEASE
        self._mysql = vendor == "MySQL"
        found = _VERSION.search(version)
        self._stages = not self._mysql and found is not None and (int(found[1]), int(found[2])) >= (10, 4)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The block runs while nobody commits.

        BarrierError: the lock is not had, the block takes too long, or the server has given the lock up meanwhile.
        """
        await self._prepare()
        began = await self._locked()
        loop, kept = asyncio.get_running_loop(), False
        try:
            async with self._heard(), asyncio.timeout(HOLD):
                yield
        except TimeoutError as error:
            raise BarrierError(f"the lock was needed for more than {HOLD:g} s") from error
        finally:
            kept = await self._release()
            self.lock_ms = (loop.time() - began) * 1000
        if not kept:
            raise BarrierError("the server gave the lock up by itself")

    @asynccontextmanager
    async def _heard(self) -> AsyncIterator[None]:
        """The server hears from us while the block lasts; the answer under way at its end is waited for."""
        ended = asyncio.Event()

        async def speak() -> None:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SPEAK):
                        await ended.wait()
                        return
                # Its answer may come late, behind rows that a slow line has to carry.
                await self._control.rows("SELECT 1", seconds=HOLD)

        speaking = asyncio.create_task(speak())
        try:
            yield
        finally:
            ended.set()
            await asyncio.wait((speaking,), timeout=_RELEASE)
            speaking.cancel()
            await asyncio.gather(
                speaking, return_exceptions=True
            )  # what went wrong, giving the lock back tells

    async def witnessed(self, expected: Callable[[], int], looks: int = _LOOKS) -> bool:
        """Whether the server knows of the transactions that are `expected` right now. True where it does not tell.

        One that has little to do is over before we hear of it, and the server's list is up to 0.1 s old: so it is
        asked again for a moment.
        """
        for look in range(looks):
            if look:
                await asyncio.sleep(_LOOK_SECONDS)
            try:
                [(number,)] = await self._control.rows(
                    "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
                    " ON p.ID = t.trx_mysql_thread_id WHERE p.USER = SUBSTRING_INDEX(USER(), '@', 1)"
                )
            except DatabaseError:  # it takes PROCESS
                return True
            if int(number) >= expected():
                return True
        return False

    async def _prepare(self) -> None:
        with suppress(DatabaseError):
            await self._control.rows(f"SET SESSION lock_wait_timeout = {WAIT}, wait_timeout = {self._lease}")

    async def _locked(self) -> float:
        """Get the lock, in a few tries; when it began to be felt. Whatever goes wrong, nothing of it is left."""
        attempt = 1
        while True:
            try:
                return await self._lock()
            except DatabaseError as error:
                await self._release()
                if attempt == TRIES or "denied" in error.message:
                    raise BarrierError(f"no lock: {error.message.partition('says: ')[2] or error}") from error
            except BaseException:
                # Cancelled, or the connection is lost: perhaps while the server got it for us.
                self._control.drop()
                raise
            attempt += 1
            await asyncio.sleep(PAUSE)

    async def _lock(self) -> float:
        """When it began to be felt."""
        loop = asyncio.get_running_loop()
        if self._stages:
            await self._control.rows("BACKUP STAGE START")
            await self._control.rows("BACKUP STAGE BLOCK_DDL")
            began = loop.time()
            await self._control.rows("BACKUP STAGE BLOCK_COMMIT")
            return began
        if self._mysql:
            with suppress(DatabaseError):  # since 8.0, with BACKUP_ADMIN: keeps DDL away, too
                await self._control.rows("LOCK INSTANCE FOR BACKUP")
        await self._control.rows("FLUSH TABLES")  # so that the next one finds less to do
        began = loop.time()
        await self._control.rows("FLUSH TABLES WITH READ LOCK")
        if self._mysql:
            self.position = await self._mysql_position()
        return began

    async def _release(self) -> bool:
        """Give it back; whether we had it until now. The server gives up whatever a dropped connection held."""
        kept = True
        try:
            try:
                await self._control.rows(
                    "BACKUP STAGE END" if self._stages else "UNLOCK TABLES", seconds=_RELEASE
                )
            except DatabaseError:  # there is nothing to give back, or no answer
                kept = False
            if self._mysql:
                with suppress(DatabaseError):  # where there is no such lock
                    await self._control.rows("UNLOCK INSTANCE", seconds=_RELEASE)
        except ConnectionLostError:
            self._control.drop()
            return False
        except BaseException:
            self._control.drop()
            raise
        return kept

    async def _mysql_position(self) -> str:
        for statement in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
            with suppress(DatabaseError):  # it takes REPLICATION CLIENT, and newer servers call it otherwise
                rows = await self._control.rows(statement)
                return " ".join(str(part) for part in rows[0][:2]) if rows else ""
        return ""
