"""One instant for several programs: for a moment nobody on the server may commit, and all of them begin.

MariaDB from 10.4 on has a lock made for this (BACKUP STAGE), which waits for commits and for statements that write into
tables without transactions. Other servers have FLUSH TABLES WITH READ LOCK, which waits for every statement that
writes, and on MySQL also for those that read. Both need the privilege RELOAD. Other clients pay for a lock: they wait
behind us while we wait for it, and then until we release it. So each of these waits has a limit, together below two
seconds:

- We wait `WAIT` seconds for the lock; then the statement is killed. If our line is cut meanwhile, the server gives up
  after a second (lock_wait_timeout; a second is its least value).
- FLUSH TABLES is not even asked for while somebody has a table open. On MySQL it would make others who want that table
  wait for whoever has it, even after we have given up.
- The lock is released after `BEGIN` seconds if the programs have not begun, and after `HOLD` seconds in any case.
- The server ends the lock when it has not heard from us for `LEASE` seconds (wait_timeout), because we or the line
  hang. We speak to it in the first moments only, so that all of it stays below two seconds.

A control connection that was left in the middle of an answer is dropped (aiomysql does that by itself when it is
cancelled): the lock goes with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from tuibackup.database.connect.login import DatabaseSession, Login
from tuibackup.database.dump.beside import beside
from tuibackup.database.rights.grants import Grants
from tuibackup.database.version import series
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence, sentence_n

WAIT = 0.3  # seconds to wait for the lock, while others may wait behind us
TRIES = 5
PAUSE = 1.0  # seconds between them
QUIET = 2.0  # seconds, in each try, to wait for a moment in which nobody has a table open
BEGIN = 1.2  # seconds at most until every transaction is open
HOLD = 1.5  # seconds at most that the lock is held: small tables without transactions are read under it
LOGINS = 3  # needed at a time besides those that read: the run's own, the lock's, and its helper's
LEASE = 1  # second of our silence after which the server ends the lock: its least value
_SPEAK = (0.3, 0.3)  # seconds after which we send something while the lock is held
_RELEASE = 5.0  # seconds for the answer when the lock is released
_GLANCE = 0.05  # seconds between two looks for a quiet moment
_LOOKS, _LOOK_SECONDS = 6, 0.12  # how often, and how far apart, transactions are looked for


def may_lock(grants: Iterable[str]) -> bool:
    """Whether the lines of SHOW GRANTS give the right to lock."""
    held = Grants(tuple(grants))
    return held.everywhere("RELOAD") or held.everywhere("FLUSH_TABLES")


def few_logins(database: DatabaseSession) -> str:
    """Why an account with so few logins gets no lock, and the way out."""
    return sentence(
        "{account} may have {logins} at a time, too few to lock the databases together, so "
        "everything is dumped over one login and no rows are compared; run: ALTER USER {account} "
        "WITH MAX_USER_CONNECTIONS 10",
        account=printable(database.account),
        logins=sentence_n("{count} login", "{count} logins", database.logins),
    )


class BarrierError(Exception):
    """The databases cannot be dumped at one instant this way; the text says why. `passing`: a second try may work."""

    def __init__(self, why: str, *, passing: bool = False) -> None:
        super().__init__(why)
        self.passing = passing


class Barrier:
    """The lock of one control connection; a `helper` ends what takes too long.

    `lock_ms`: how long it was held; None before. `longest_ms`: the longest time that somebody may have waited: for
    this lock, or for a try that was given up.
    """

    def __init__(self, control: Login, helper: Login, vendor: str, version: str) -> None:
        self.lock_ms: float | None = None
        self.longest_ms = 0.0
        self.position = ""  # in the binary log, if it had to be read under the lock
        self._control = control
        self._helper = helper
        self._asked = self._given = 0.0  # when others may have begun to wait, and stopped waiting
        self._mysql = vendor == "MySQL"
        self._version = series(version)
        self._stages = not self._mysql and self._version >= (10, 4)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The block runs while nobody commits.

        Raises BarrierError: there is no lock, the block takes too long, or the server ended the lock meanwhile.
        """
        began = await self._locked()
        kept = False
        try:
            async with beside(self._speak()), asyncio.timeout(HOLD):
                yield
        except TimeoutError as error:
            raise BarrierError(
                sentence("the lock was needed for more than {hold} s", hold=f"{HOLD:g}")
            ) from error
        finally:
            kept = await self._release()
            self.lock_ms = (self._given - began) * 1000
        if not kept:
            raise BarrierError(sentence("the server ended the lock by itself"))

    async def _speak(self) -> None:
        """Let the server hear from us in the first moments."""
        for seconds in _SPEAK:
            await asyncio.sleep(seconds)
            # Its answer may come late, behind rows that a slow line has to carry: it is not waited for.
            self._control.say("DO 1")

    async def _locked(self) -> float:
        """Get the lock, in a few tries; when others began to wait for it. If that fails, nothing stays locked."""
        attempt = 1
        while True:
            try:
                return await self._lock()
            except DatabaseError as error:
                await self._release()
                await self._control.rows(f"SET SESSION wait_timeout = {int(PAUSE) + 60}")
                if attempt == TRIES or "denied" in error.message:
                    said = error.message.partition("says: ")[2] or error.message
                    raise BarrierError(
                        sentence("no lock: {said}{longest}", said=said, longest=await self._longest())
                    ) from error
            except BaseException:
                # Cancelled, or the connection is lost: perhaps while the server was locking.
                self._control.drop()
                raise
            attempt += 1
            await asyncio.sleep(PAUSE)

    async def _lock(self) -> float:
        """Get the lock once; when others began to wait for it."""
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
        """Wait for a moment in which nobody has a table open. Raises DatabaseError if none comes."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + QUIET
        while used := await self._control.rows("SHOW OPEN TABLES WHERE In_use > 0"):
            if loop.time() > ends:
                place = ".".join(printable(str(name)) for name in used[0][:2])
                raise DatabaseError(
                    sentence("some table was in use at every moment, last {place}", place=place)
                )
            await asyncio.sleep(_GLANCE)

    async def _soon(self, statement: str) -> None:
        """Run what others may have to wait for. Raises DatabaseError if the server refuses it or keeps it waiting."""
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
                    raise DatabaseError(
                        sentence("the server did not give the lock within {wait} s", wait=f"{WAIT:g}")
                    ) from error
                raise
            finally:
                if late:  # if the kill came too late, it hits the next statement: this one
                    with suppress(DatabaseError):
                        await self._control.rows("DO 1")
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _longest(self) -> str:
        """Whose statement has run longest, as the end of a sentence; "" if none is seen."""
        with suppress(DatabaseError):
            found = await self._helper.rows(
                "SELECT ID, USER, TIME FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute')"
                " AND USER <> 'system user' AND ID <> CONNECTION_ID() AND TIME > 0 ORDER BY TIME DESC LIMIT 1"
            )
            for number, user, seconds in found:
                return sentence(
                    " (thread {number} of {user} has been at work for {seconds} s)",
                    number=number,
                    user=printable(str(user)),
                    seconds=int(seconds),
                )
        return ""

    async def _release(self) -> bool:
        """Release the lock; whether we held it until now. The server releases what a dropped connection held."""
        statement = "BACKUP STAGE END" if self._stages else "UNLOCK TABLES"
        loop = asyncio.get_running_loop()
        given, kept = loop.time(), False
        try:
            await self._control.rows(statement, seconds=_RELEASE)
            kept = True
        except DatabaseError:  # there was no lock, or no answer came
            return False
        except ConnectionLostError:
            self._control.drop()
            return False
        except BaseException:
            self._control.drop()
            raise
        finally:
            # The answer may come late, behind rows on a slow line; the server heard the statement at once.
            self._given = given if kept else loop.time()
            if self._asked:
                self.longest_ms, self._asked = max(self.longest_ms, (self._given - self._asked) * 1000), 0.0
        return kept

    async def _mysql_position(self) -> str:
        with suppress(DatabaseError):  # the account lacks REPLICATION CLIENT
            log = "BINARY LOG" if self._version >= (8, 2) else "MASTER"
            rows = await self._control.rows(f"SHOW {log} STATUS")
            return " ".join(str(part) for part in rows[0][:2]) if rows else ""
        return ""


async def witnessed(witness: Login, expected: Callable[[], int], looks: int = _LOOKS) -> bool:
    """Whether the server lists as many transactions as are `expected` right now. True if it does not tell.

    Nobody has to wait for this: transactions that began under the lock are still open after it. A short one may be over
    before we look, and the server's list is up to 0.1 s old: so we ask a few times.
    """
    for look in range(looks):
        if look:
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            [(number,)] = await witness.rows(
                "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p"
                " ON p.ID = t.trx_mysql_thread_id WHERE p.USER = SUBSTRING_INDEX(USER(), '@', 1)"
            )
        except DatabaseError:  # the account lacks PROCESS
            return True
        if int(number) >= expected():
            return True
    return False
