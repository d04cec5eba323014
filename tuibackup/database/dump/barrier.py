"""One instant for several programs: for a moment nobody on the server may commit, and all of them begin.

MariaDB from 10.4 on has a lock made for this (BACKUP STAGE), which waits for commits and for statements that write into
tables without transactions; others have FLUSH TABLES WITH READ LOCK, which waits for every statement that writes, and
on MySQL for those that read. Both need the privilege RELOAD. What a lock costs is paid by others: who wants what we
wait for waits behind us, and then until we give it back. So each of these has an end, together below two seconds:

- Waiting takes `WAIT` seconds; then the statement is killed. Where our line is cut meanwhile, the server gives up after
  a second (lock_wait_timeout, which knows no less).
- FLUSH TABLES is not even asked for while somebody has a table open: on MySQL who wants that table waits for the one
  who has it, and goes on to wait when we have long given up.
- What is had is given back after `BEGIN` seconds where the programs do not begin, and after `HOLD` whatever happens.
- The server takes it back when it has not heard from us for `LEASE` seconds (wait_timeout), because we or the line
  stand still. It hears from us in the first moments only, so that all of it stays below two seconds.

A control connection that was left in the middle of an answer is dropped (aiomysql does that by itself when it is
cancelled): the lock goes with it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tuibackup.database.connect.login import DatabaseSession, Login
from tuibackup.database.dump.beside import beside
from tuibackup.database.rights.grants import Grants
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.text import numbered, printable

WAIT = 0.3  # seconds for the lock: for so long others may wait behind us
TRIES = 5
PAUSE = 1.0  # seconds between them
QUIET = 2.0  # seconds, in each of them, for a moment in which nobody has a table open
BEGIN = 1.2  # seconds at most until every transaction is open
HOLD = 1.5  # seconds at most for all of it: tables without transactions are read under the lock
LOGINS = 3  # at a time that are needed besides those that read: the run's own, the lock's, and its helper's
LEASE = 1  # second of our silence after which the server takes it back: it knows no less
_SPEAK = (0.3, 0.3)  # seconds after which we say something, while it is held
_RELEASE = 5.0  # seconds for an answer to giving it back
_GLANCE = 0.05  # seconds between two looks for a quiet moment
_LOOKS, _LOOK_SECONDS = 6, 0.12  # for transactions
_VERSION = re.compile(r"(\d+)\.(\d+)")


def may_lock(grants: Iterable[str]) -> bool:
    """Whether the lines of SHOW GRANTS give the right to it."""
    held = Grants(tuple(grants))
    return held.everywhere("RELOAD") or held.everywhere("FLUSH_TABLES")


def few_logins(database: DatabaseSession) -> str:
    """Why there is no lock where the account may have too few logins, and the way out."""
    return (
        f"{printable(database.account)} may have {numbered(database.logins, 'login')} at a time, too few to lock the"
        " databases together, so everything is dumped over one login and no rows are compared; run:"
        f" ALTER USER {printable(database.account)} WITH MAX_USER_CONNECTIONS 10"
    )


class BarrierError(Exception):
    """The databases cannot be had at one instant this way; the text says why. `passing`: it may go better now."""

    def __init__(self, why: str, *, passing: bool = False) -> None:
        super().__init__(why)
        self.passing = passing


class Barrier:
    """The lock of one control connection; a `helper` ends what takes too long.

    `lock_ms`: how long it was held; None before. `longest_ms`: how long somebody may have waited for it in one go: for
    this lock, or for one that was given up before it was had.
    """

    def __init__(self, control: Login, helper: Login, vendor: str, version: str) -> None:
        self.lock_ms: float | None = None
        self.longest_ms = 0.0
        self.position = ""  # in the binary log, where it had to be read under the lock
        self._control = control
        self._helper = helper
        self._asked = self._given = 0.0  # when somebody may have begun to wait, and ended
        self._mysql = vendor == "MySQL"
        found = _VERSION.search(version)
        self._version = (int(found[1]), int(found[2])) if found else (0, 0)
        self._stages = not self._mysql and self._version >= (10, 4)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The block runs while nobody commits.

        BarrierError: the lock is not had, the block takes too long, or the server has given the lock up meanwhile.
        """
        began = await self._locked()
        kept = False
        try:
            async with beside(self._speak()), asyncio.timeout(HOLD):
                yield
        except TimeoutError as error:
            raise BarrierError(f"the lock was needed for more than {HOLD:g} s") from error
        finally:
            kept = await self._release()
            self.lock_ms = (self._given - began) * 1000
        if not kept:
            raise BarrierError("the server ended the lock by itself")

    async def _speak(self) -> None:
        """Let the server hear from us in the first moments."""
        for seconds in _SPEAK:
            await asyncio.sleep(seconds)
            # Its answer may come late, behind rows that a slow line has to carry: it is not waited for.
            self._control.say("DO 1")

    async def _locked(self) -> float:
        """Get the lock, in a few tries; when it began to be felt. Whatever goes wrong, nothing of it is left."""
        attempt = 1
        while True:
            try:
                return await self._lock()
            except DatabaseError as error:
                await self._release()
                await self._control.rows(f"SET SESSION wait_timeout = {int(PAUSE) + 60}")
                if attempt == TRIES or "denied" in error.message:
                    said = error.message.partition("says: ")[2] or error.message
                    raise BarrierError(f"no lock: {said}{await self._longest()}") from error
            except BaseException:
                # Cancelled, or the connection is lost: perhaps while the server got it for us.
                self._control.drop()
                raise
            attempt += 1
            await asyncio.sleep(PAUSE)

    async def _lock(self) -> float:
        """When it began to be felt."""
        loop = asyncio.get_running_loop()
        await self._control.rows(f"SET SESSION lock_wait_timeout = 1, wait_timeout = {LEASE}")
        if self._stages:
            await self._soon("BACKUP STAGE START")
            await self._soon("BACKUP STAGE BLOCK_DDL")
            began = loop.time()
            await self._soon("BACKUP STAGE BLOCK_COMMIT")
            return began
        await self._quiet()
        began = loop.time()
        await self._soon("FLUSH TABLES WITH READ LOCK")
        if self._mysql:
            self.position = await self._mysql_position()
        return began

    async def _quiet(self) -> None:
        """Wait for a moment in which nobody has a table open. Raises DatabaseError where there is none."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + QUIET
        while used := await self._control.rows("SHOW OPEN TABLES WHERE In_use > 0"):
            if loop.time() > ends:
                place = ".".join(printable(str(name)) for name in used[0][:2])
                raise DatabaseError(f"some table was in use at every moment, last {place}")
            await asyncio.sleep(_GLANCE)

    async def _soon(self, statement: str) -> None:
        """Run what others may have to wait for. Raises DatabaseError where the server refuses it, or lets it wait."""
        self._asked = self._asked or asyncio.get_running_loop().time()
        asking = asyncio.create_task(self._control.rows(statement))
        try:
            await asyncio.wait((asking,), timeout=WAIT)
            if late := not asking.done():
                await self._helper.rows(f"KILL QUERY {self._control.number}", seconds=_RELEASE)
            try:
                await asking
            except DatabaseError as error:
                if late:
                    raise DatabaseError(f"the server did not give the lock within {WAIT:g} s") from error
                raise
            finally:
                if late:  # where it came too late, the next statement is killed
                    with suppress(DatabaseError):
                        await self._control.rows("DO 1")
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _longest(self) -> str:
        """Who has been at work for the longest, as the end of a sentence; "" where nobody is seen."""
        with suppress(DatabaseError):
            found = await self._helper.rows(
                "SELECT ID, USER, TIME FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute')"
                " AND USER <> 'system user' AND ID <> CONNECTION_ID() AND TIME > 0 ORDER BY TIME DESC LIMIT 1"
            )
            for number, user, seconds in found:
                return f" (thread {number} of {printable(str(user))} has been at work for {int(seconds)} s)"
        return ""

    async def _release(self) -> bool:
        """Give it back; whether we had it until now. The server gives up whatever a dropped connection held."""
        statement = "BACKUP STAGE END" if self._stages else "UNLOCK TABLES"
        loop = asyncio.get_running_loop()
        given, kept = loop.time(), False
        try:
            await self._control.rows(statement, seconds=_RELEASE)
            kept = True
        except DatabaseError:  # there is nothing to give back, or no answer
            return False
        except ConnectionLostError:
            self._control.drop()
            return False
        except BaseException:
            self._control.drop()
            raise
        finally:
            # The answer may be late, behind rows that a slow line has to carry; the words went as fast as those before.
            self._given = given if kept else loop.time()
            if self._asked:
                self.longest_ms, self._asked = max(self.longest_ms, (self._given - self._asked) * 1000), 0.0
        return kept

    async def _mysql_position(self) -> str:
        with suppress(DatabaseError):  # it takes REPLICATION CLIENT
            log = "BINARY LOG" if self._version >= (8, 2) else "MASTER"
            rows = await self._control.rows(f"SHOW {log} STATUS")
            return " ".join(str(part) for part in rows[0][:2]) if rows else ""
        return ""


async def witnessed(witness: Login, expected: Callable[[], int], looks: int = _LOOKS) -> bool:
    """Whether the server knows of the transactions that are `expected` right now. True where it does not tell.

    Nobody has to wait for that: what has begun behind the lock is still open when it is gone. One that has little to do
    is over before we hear of it, and the server's list is up to 0.1 s old: so it is asked again for a moment.
    """
    for look in range(looks):
        if look:
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            [(number,)] = await witness.rows(
                "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
                " ON p.ID = t.trx_mysql_thread_id WHERE p.USER = SUBSTRING_INDEX(USER(), '@', 1)"
            )
        except DatabaseError:  # it takes PROCESS
            return True
        if int(number) >= expected():
            return True
    return False
