"""Dumps the databases: all of them at one instant, or single ones again.

The ways to one instant are tried in this order: several programs that begin under a lock (`barrier`), with a session
that counts rows beside them; one program that dumps all databases in one transaction; and if no program can even begin,
a connection of ours without a program.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from tuibackup.database.connect.login import DatabaseSession, Login, log_in_again
from tuibackup.database.dump import verdict
from tuibackup.database.dump.barrier import (
    BEGIN,
    LOGINS,
    Barrier,
    BarrierError,
    few_logins,
    may_lock,
    witnessed,
)
from tuibackup.database.dump.beside import beside
from tuibackup.database.dump.by_connection import Reader
from tuibackup.database.dump.by_program import Program
from tuibackup.database.dump.counter import Checker
from tuibackup.database.dump.courtesy import Courtesy
from tuibackup.database.dump.division import PROGRAMS, Share, inexact, locked, shared, taken_by
from tuibackup.database.dump.held import end_waits
from tuibackup.database.dump.progress import Live
from tuibackup.database.dump.receive import Ended
from tuibackup.database.dump.results import Made, Taken, complaints
from tuibackup.database.dump.tool import DumpTool
from tuibackup.database.dump.workers import Running, together
from tuibackup.database.inventory import DatabaseInfo, tables
from tuibackup.database.objects.sequences import standing
from tuibackup.database.objects.views import ViewTexts, read_apart
from tuibackup.database.rights.grants import Grants
from tuibackup.database.sql import settings
from tuibackup.database.sql.assembly import Assembly
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.vault.incoming import Incoming
from tuibackup.words import sentence

BARRIER, ONE_PROGRAM, EACH = (
    sentence("barrier"),
    sentence("one program for all databases"),
    sentence("one for each database"),
)
NATIVE = sentence("one connection for all databases, without a dump program")
_FETCH = 0.6  # seconds, while everybody waits, for the rows of small tables without transactions
_ENOUGH = 32 << 20  # bytes of tables for which another program is worth its start


class Dumps:
    """Makes the dumps of `database`'s databases in `incoming`; files still open when the block ends are abandoned.

    `tool` becomes None if it cannot begin; `no_tool` says why. `longest_ms`: the longest time that somebody may have
    waited for a lock of ours, or for a statement.
    """

    def __init__(
        self,
        session: Session,
        database: DatabaseSession,
        tool: DumpTool | None,
        incoming: Incoming,
        live: Live,
        least_free: int,
        patience: float,
    ) -> None:
        """`patience`: seconds to wait for tables that somebody else holds."""
        self._session = session
        self._database = database
        self.tool = tool
        self.no_tool = ""
        self._live = live
        self._least_free = least_free
        self._patience = patience
        self._incoming = incoming
        self._files = Assembly(incoming, settings.before(database.division))
        self._lock_ms: float | None = None
        self.longest_ms = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._files.end()
        else:
            self._files.abandon()

    async def at_one_instant(self, *, checksum: bool) -> Taken:
        """All databases. Raises VaultError, ConnectionLostError, DatabaseError."""
        try:
            return await self._at_one_instant(checksum=checksum)
        finally:
            if self.longest_ms:
                self._live.say(
                    sentence(
                        "others may have waited up to {longest_ms} ms for the dump",
                        longest_ms=f"{self.longest_ms:.0f}",
                    )
                )

    async def _at_one_instant(self, *, checksum: bool) -> Taken:
        infos = self._database.databases
        if self._database.logins == 1 and self.tool is not None:
            self._without_tool(
                sentence("the account may have one login at a time, and a dump program needs a second")
            )
        for last in (False, True):
            try:
                return await self._behind_barrier(checksum=checksum)
            except (BarrierError, ConnectionLostError) as error:
                if self._session.lost:
                    raise
                no_barrier = str(error)
                self._live.say(
                    sentence("the databases were not locked together: {no_barrier}", no_barrier=no_barrier)
                )
                self._files.forget(one.name for one in infos)
                self._files.forget_parts()
                if last or (isinstance(error, BarrierError) and not error.passing):
                    break
                await self._database.rows("SELECT 1")  # if the server went down, this waits until it is back
        together = self.tool is not None and not any(info.natively for info in infos)
        made, ended, begun = await self._run(self._one(infos, program=together))
        if self.tool is not None and not begun and all(one.faults for one in made):
            self._without_tool(made[0].faults[0])
            self._files.forget(one.name for one in infos)
            return await self._at_one_instant(checksum=checksum)
        instant = ONE_PROGRAM if together else NATIVE
        instant = instant if len(infos) > 1 else EACH
        return Taken(
            made,
            instant,
            self._lock_ms,
            no_barrier=no_barrier,
            complaints=complaints(ended),
        )

    def _without_tool(self, why: str) -> None:
        self.tool, self.no_tool = None, why
        self._live.say(sentence("{why}; the databases are read without a dump program", why=why))

    async def again(self, infos: Sequence[DatabaseInfo]) -> tuple[list[Made], list[Ended]]:
        """Dump these once more, at a later instant, over a connection, which leaves out only what it cannot read.

        Their first dumps are removed when that has begun. Raises as `at_one_instant`.
        """
        for info in infos:
            self._live.say(sentence("{info}: dumped once more", info=printable(info.name)))
        await self._database.rows("SELECT 1")  # if the server restarts, this waits for it
        made, ended, _begun = await self._run(self._one(infos, program=False), infos)
        for one in made:
            one.at_instant = False
        return made, ended

    def forget(self, name: str) -> None:
        """Remove the dump of this database."""
        self._files.forget([name])

    async def _behind_barrier(self, *, checksum: bool) -> Taken:
        infos, options = self._database.databases, self._database.options
        database = self._database
        if not database.untold and not may_lock(database.grants):
            grant = Grants(database.grants).statement(database.account, database.vendor)
            raise BarrierError(sentence("the account lacks RELOAD; run: {grant}", grant=printable(grant)))
        if 0 < database.logins <= LOGINS:
            raise BarrierError(few_logins(database))
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with AsyncExitStack() as stack:
            try:
                control = await log_in_again(self._session, options)
                helper = await log_in_again(self._session, options)
                checker = Checker(helper, self._database.vendor)
                stack.push_async_callback(checker.stop)
                await checker.prepare()
            except DatabaseError as error:
                raise BarrierError(str(error)) from error
            infos = () if self.tool is None else tuple(info for info in infos if not info.natively)
            aside = locked(infos)
            barrier = Barrier(control, helper, self._database.vendor, self._database.server_version)
            exact = inexact(infos, taken_by(aside))
            running = self._running(stack, self._workers(infos, aside, exact))
            await running.start()
            courtesy = await self._courtesy(stack)
            try:
                await self._all_begin(barrier, helper, checker, running)
                await control.close()
                courtesy.start(running.begun(), lambda: [helper.number, *running.numbers])
                if not await witnessed(helper, lambda: running.at_work + 1):
                    raise BarrierError(sentence("the server does not confirm every transaction"))
                self._live.say(
                    sentence(
                        "one instant, lock {lock_ms} ms, dumps side by side: {number}",
                        lock_ms=f"{barrier.lock_ms:.0f}",
                        number=running.number,
                    )
                )
                history = self.tool is None or self.tool.history
                exactly = taken_by([*aside, *exact]) if self.tool else None
                checker.start(self._database.databases, history, checksum=checksum, exact=exactly)
                async with beside(self._end_waits(courtesy)):
                    ended = await running.finish()
            finally:
                await running.stop()
            made = await self._made(ended)
            for one in made:
                one.timely = frozenset(table for name, table in running.timely if name == one.info.name)
                one.exact |= taken_by([*aside, *exact]).get(one.info.name, frozenset())
            self._live.say(
                sentence(
                    "counting the rows of {sum}",
                    sum=tables(sum(len(one.tables) for one in self._database.databases)),
                )
            )
            await checker.finish(loop.time() - began)
            await checker.confirm(
                {
                    (one.info.name, table.name): table.rows
                    for one in made
                    for table in one.contents.tables.values()
                }
            )
        return Taken(
            made,
            BARRIER,
            self._lock_ms,
            position=barrier.position or checker.position,
            complaints=complaints(ended),
            comparable=True,
            counts=checker.counts,
            checksums=checker.checksums,
            contents=checker.contents,
        )

    async def _all_begin(self, barrier: Barrier, helper: Login, checker: Checker, running: Running) -> None:
        """Open every transaction under the lock. Raises BarrierError if that does not work in time."""
        try:
            async with barrier.held():
                running.begin()
                try:
                    async with asyncio.timeout(BEGIN):
                        await together([checker.begin(), running.open()])
                except TimeoutError:
                    # If the server lists all their transactions, they are programs that do not say when they begin.
                    silent = await witnessed(helper, lambda: running.at_work + 1, looks=1)
                    why = sentence("did not say that they had begun") if silent else sentence("had not begun")
                    raise BarrierError(
                        sentence(
                            "{late} of {total} {why} within {begin} s",
                            late=running.late,
                            total=running.total,
                            why=why,
                            begin=f"{BEGIN:g}",
                        ),
                        passing=not silent,
                    ) from None
                await running.fetch(_FETCH)
        except DatabaseError as error:
            raise BarrierError(error.message) from error
        finally:
            if barrier.lock_ms is not None:
                # The longer one, if it took two attempts.
                self._lock_ms = max(self._lock_ms or 0, barrier.lock_ms)
            self.longest_ms = max(self.longest_ms, barrier.longest_ms)

    async def _end_waits(self, courtesy: Courtesy) -> None:
        await end_waits(self._database, self._patience, self._live, lambda: courtesy.programs)

    async def _end(self, courtesy: Courtesy) -> None:
        await courtesy.stop()
        self.longest_ms = max(self.longest_ms, courtesy.longest_ms)

    async def _courtesy(self, stack: AsyncExitStack) -> Courtesy:
        courtesy = Courtesy(self._session, self._database, self._live)
        stack.push_async_callback(self._end, courtesy)
        await courtesy.note()
        return courtesy

    def _running(self, stack: AsyncExitStack, workers: Sequence[Program | Reader]) -> Running:
        place = self._incoming.path, self._least_free
        options = self._database.options
        return Running(self._session, workers, options, self._files, self._live, place, stack)

    def _workers(
        self, infos: Sequence[DatabaseInfo], aside: Sequence[Share], exact: Sequence[Share]
    ) -> list[Program | Reader]:
        """Programs for `infos`, and one connection of our own for `aside`, `exact` and all other databases.

        Raises BarrierError if the account may not have so many logins at a time.
        """
        workers: list[Program | Reader] = []
        if self.tool is not None and infos:
            workers += [
                Program(number, self._session, self.tool, share, self._live)
                for number, share in enumerate(self._shares(infos, [*aside, *exact]))
            ]
        whole = [Share((info,)) for info in self._database.databases if info.natively or not infos]
        whole.sort(
            key=lambda share: bool(share.databases[0].held)
        )  # the others do not wait for what somebody holds
        if mine := [*aside, *exact, *whole]:
            workers.append(self._reader(mine, first=len(workers), locked=len(aside)))
        if 0 < self._database.logins < LOGINS + len(workers):
            raise BarrierError(few_logins(self._database))
        return workers

    def _shares(self, infos: Sequence[DatabaseInfo], apart: Sequence[Share]) -> Sequence[Share]:
        """Shares for as many programs as the account may have logins, one at least."""
        left = self._database.logins - LOGINS - 1  # one may be a connection of ours
        for programs in range(self._programs(), 0, -1):
            shares = shared(infos, taken_by(apart), programs=programs)
            if not self._database.logins or len(shares) <= left:
                break
        return shares

    def _reader(
        self, shares: Sequence[Share], *, first: int = 0, locked: int = 0, persistent: bool = False
    ) -> Reader:
        numbered = list(enumerate(shares, first))
        return Reader(
            self._session,
            self._database.another,
            self._database.vendor,
            numbered,
            self._live,
            locked,
            persistent=persistent,
            patience=self._patience,
        )

    def _one(self, infos: Sequence[DatabaseInfo], *, program: bool) -> Program | Reader:
        """One worker for all of `infos`."""
        if program and self.tool is not None:
            return Program(0, self._session, self.tool, Share(tuple(infos)), self._live)
        return self._reader([Share((info,)) for info in infos], persistent=True)

    def _programs(self) -> int:
        total = sum(one.bytes for one in self._database.databases)
        return min(PROGRAMS, max(2, -(-total // _ENOUGH)), self._session.at_once or PROGRAMS)

    async def _run(
        self, worker: Program | Reader, forget: Sequence[DatabaseInfo] = ()
    ) -> tuple[list[Made], list[Ended], bool]:
        """Let one worker dump without a lock; whether it could begin. The old dumps of `forget` are removed before."""
        async with AsyncExitStack() as stack:
            running = self._running(stack, [worker])
            await running.start()
            self._files.forget(info.name for info in forget)
            courtesy = await self._courtesy(stack)
            try:
                running.begin()
                courtesy.start(running.begun(), lambda: running.numbers)
                async with beside(self._end_waits(courtesy)):
                    ended = await running.finish()
            finally:
                await running.stop()
        return await self._made(ended), ended, worker.open

    async def _apart(self, infos: Sequence[DatabaseInfo]) -> dict[str, ViewTexts]:
        """The views that are written apart; if they cannot be read, that is a fault of their databases alone."""
        try:
            await self._database.rows("SELECT 1")  # if the server restarts, this waits for it
            return await read_apart(self._database, infos)
        except (DatabaseError, ConnectionLostError) as error:
            if self._session.lost:
                raise
            return {one.name: ViewTexts(faults=[error.message] * bool(one.apart.views)) for one in infos}

    async def _standing(self, info: DatabaseInfo) -> bytes:
        """The SQL that sets the sequences of `info`, to follow the tables that a program wrote."""
        try:
            return await standing(self._database, info)
        except ConnectionLostError as error:
            if self._session.lost:
                raise
            self._live.say(error.message)
            return b""

    async def _made(self, ended: Sequence[Ended]) -> list[Made]:
        """Put each database's file together from what the workers wrote, in the order of the names."""
        concerned: dict[str, list[Ended]] = {}
        infos: dict[str, DatabaseInfo] = {}
        for one in ended:
            for info in one.share.databases:
                concerned.setdefault(info.name, []).append(one)
                infos[info.name] = info
        apart = await self._apart(tuple(infos.values()))
        made = []
        for name, info in sorted(infos.items()):
            parts, views = concerned[name], apart[name]
            native = any(one.native and one.share.whole for one in parts)
            more = b"" if native else await self._standing(info)
            file, contents = await asyncio.to_thread(self._files.put_together, name, parts, more, views)
            found = tuple(left for one in parts for left in one.left_out)
            info = info.without(found)
            faults = [fault for one in parts if name not in one.spared for fault in one.faults]
            faults += [*views.faults, *verdict.missing(info, contents)]
            made.append(
                Made(
                    info,
                    file,
                    contents,
                    faults,
                    max(one.seconds for one in parts),
                    late=views.late,
                    found=found,
                )
            )
            if native:
                made[-1].exact = frozenset(table.name for table in info.tables)
        self._files.forget_parts()
        return made
