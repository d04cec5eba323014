"""One instant for several programs: for a moment nobody on the server may commit, and all of them begin.

MariaDB from 10.4 on has a lock made for this (BACKUP STAGE), which waits for commits, not for queries; others have
FLUSH TABLES WITH READ LOCK, which waits for every statement that writes. Both need the privilege RELOAD. Whoever waits
for a lock makes others wait, so we do not wait long, and what is had is given back within `HOLD` seconds: by us, and
by the server itself should it not hear from us (wait_timeout).
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
HOLD = 10.0  # seconds at most
_LOOKS, _LOOK_SECONDS = 6, 0.12
_VERSION = re.compile(r"(\d+)\.(\d+)")


def may_lock(grants: Iterable[str]) -> bool:
    """Whether the lines of SHOW GRANTS give the right to it."""
    held = Grants(tuple(grants))
    return held.everywhere("RELOAD") or held.everywhere("FLUSH_TABLES")


class BarrierError(Exception):
    """The databases cannot be had at one instant this way; the text says why."""


class Barrier:
    """The lock of one control connection. `lock_ms`: how long it was held; None before."""

    def __init__(self, control: Login, vendor: str, version: str) -> None:
        self.lock_ms: float | None = None
        self.position = ""  # in the binary log, where it had to be read under the lock
        self._control = control
        self._mysql = vendor == "MySQL"
        found = _VERSION.search(version)
        self._stages = not self._mysql and found is not None and (int(found[1]), int(found[2])) >= (10, 4)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The block runs while nobody commits. BarrierError: the lock is not had, or the block takes too long."""
        await self._prepare()
        for attempt in range(1, TRIES + 1):
            try:
                began = await self._lock()
                break
            except DatabaseError as error:
                await self._release()
                if attempt == TRIES or "denied" in error.message:
                    raise BarrierError(f"no lock: {error.message.partition('says: ')[2] or error}") from error
                await asyncio.sleep(PAUSE)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HOLD):
                yield
        except TimeoutError as error:
            raise BarrierError(f"not all programs had begun after {HOLD:g} s") from error
        finally:
            await self._release()
            self.lock_ms = (loop.time() - began) * 1000

    async def witnessed(self, expected: Callable[[], int]) -> bool:
        """Whether the server knows of the transactions that are `expected` right now. True where it does not tell.

        One that has little to do is over before we hear of it, and the server's list is up to 0.1 s old: so it is
        asked again for a moment.
        """
        for _look in range(_LOOKS):
            try:
                [(number,)] = await self._control.rows(
                    "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
                    " ON p.ID = t.trx_mysql_thread_id WHERE p.USER = SUBSTRING_INDEX(USER(), '@', 1)"
                )
            except DatabaseError:  # it takes PROCESS
                return True
            if int(number) >= expected():
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _prepare(self) -> None:
        with suppress(DatabaseError):
            await self._control.rows(f"SET SESSION lock_wait_timeout = {WAIT}, wait_timeout = {int(HOLD)}")

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

    async def _release(self) -> None:
        statements = ["BACKUP STAGE END"] if self._stages else ["UNLOCK TABLES"]
        if self._mysql:
            statements.append("UNLOCK INSTANCE")
        try:
            for statement in statements:
                with suppress(DatabaseError):
                    await self._control.rows(statement, seconds=HOLD)
        except ConnectionLostError:
            self._control.drop()  # whatever we held, the server gives up with the connection
        except BaseException:
            self._control.drop()
            raise

    async def _mysql_position(self) -> str:
        for statement in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
            with suppress(DatabaseError):  # it takes REPLICATION CLIENT, and newer servers call it otherwise
                rows = await self._control.rows(statement)
                return " ".join(str(part) for part in rows[0][:2]) if rows else ""
        return ""
