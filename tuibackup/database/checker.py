"""One more session whose snapshot is of the dump's own instant: it counts every table's rows while the programs dump.

A dump with another number of rows is no dump. Unless `checksum` is switched off, it takes each table's CHECKSUM TABLE,
too, with which a restored copy can be compared (see `drill`). It works beside the dumps, on one large table at a time
or on a few small ones.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from tuibackup.database.barrier import BEGIN
from tuibackup.database.inventory import DatabaseInfo, TableInfo, quoted
from tuibackup.database.login import Login
from tuibackup.database.verdict import countable
from tuibackup.errors import ConnectionLostError, DatabaseError

Place = tuple[str, str]  # database and table
LEAST_SECONDS = 600.0  # for the counting, however short the dump was
CHECKSUM_SECONDS = 60.0  # by which checksums may lengthen a dump …
CHECKSUM_SHARE = 0.25  # … or this much of its time, if that is more
_TABLE_SECONDS = 24 * 3600.0
_TOGETHER, _TOGETHER_BYTES = 100, 16 << 20  # small tables that are looked at with one statement

Batch = Sequence[tuple[str, TableInfo]]  # of databases' tables


class Checker:
    """`counts` and `checksums` by table, for those that were had."""

    def __init__(self, login: Login) -> None:
        self.counts: dict[Place, int] = {}
        self.checksums: dict[Place, int] = {}
        self.position = ""  # in the binary log, of this very snapshot
        self._login = login
        self._counted = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """What can be done before the lock. Raises DatabaseError, ConnectionLostError."""
        await self._login.rows("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    async def begin(self) -> None:
        """Open the snapshot: one statement, for the lock is held. Raises as `prepare`."""
        await self._login.rows("START TRANSACTION WITH CONSISTENT SNAPSHOT", seconds=BEGIN)

    def start(self, databases: Iterable[DatabaseInfo], history: bool, *, checksum: bool) -> None:
        """Begin to count, beside whatever else happens; `history`: old rows of system-versioned tables count."""
        self._work = asyncio.create_task(self._carry_out(tuple(databases), history, checksum))

    async def finish(self, seconds: float) -> None:
        """Wait until all is counted, and a while for the checksums; the dump took `seconds`.

        What was not had until then is not there.
        """
        if self._work is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(LEAST_SECONDS, seconds)):
                await self._counted.wait()
            await asyncio.wait((self._work,), timeout=max(CHECKSUM_SECONDS, seconds * CHECKSUM_SHARE))

    async def stop(self) -> None:
        """End it, whatever it does; the server drops what it was asked."""
        self._login.drop()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _carry_out(self, databases: tuple[DatabaseInfo, ...], history: bool, checksum: bool) -> None:
        try:
            await self._look(databases, history, checksum)
        except ConnectionLostError:  # of this login alone, or of all: then the dumps tell
            return
        finally:
            self._counted.set()

    async def _look(self, databases: tuple[DatabaseInfo, ...], history: bool, checksum: bool) -> None:
        # Going back to it after each table gives up the table's metadata lock: else an ALTER TABLE would wait for
        # the end of the dump, and every query of that table behind it.
        await self._login.rows("SAVEPOINT sp")
        self.position = await self._position()
        # Others are not in the snapshot: they have the rows of right now.
        tables = [(one.name, table) for one in databases for table in one.tables if countable(table)]
        for some in batches(tables):
            await self._ask(some, partial(self._count, history))
        self._counted.set()
        if checksum:
            for some in batches(tables):
                await self._ask(some, self._checksum)

    async def _ask(self, tables: Batch, look: Callable[[Batch], Awaitable[None]]) -> None:
        """`look` at all of them; where one was dropped or changed since, which the dump says too, at the others."""
        try:
            await look(tables)
        except DatabaseError:
            await self._login.rows("ROLLBACK TO SAVEPOINT sp")
            half = len(tables) // 2
            for some in (tables[:half], tables[half:]) if half else ():
                await self._ask(some, look)
        else:
            await self._login.rows("ROLLBACK TO SAVEPOINT sp")

    async def _count(self, history: bool, tables: Batch) -> None:
        counting = [
            f"SELECT {number}, COUNT(*) FROM {_name(place)}"
            + (" FOR SYSTEM_TIME ALL" if history and place[1].kind == "SYSTEM VERSIONED" else "")
            for number, place in enumerate(tables)
        ]
        for number, counted in await self._login.rows(" UNION ALL ".join(counting), seconds=_TABLE_SECONDS):
            database, table = tables[int(number)]
            self.counts[database, table.name] = int(counted)

    async def _checksum(self, tables: Batch) -> None:
        statement = "CHECKSUM TABLE " + ", ".join(map(_name, tables))
        found = await self._login.rows(statement, seconds=_TABLE_SECONDS)
        for (database, table), (_, value) in zip(tables, found, strict=True):
            if value is not None:
                self.checksums[database, table.name] = int(value)

    async def _position(self) -> str:
        """Where in MariaDB's binary log this snapshot lies; "" where there is none, or it does not tell."""
        try:
            found: dict[str, object] = dict(
                await self._login.rows("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'")
            )
        except DatabaseError:
            return ""
        keys = ("Binlog_snapshot_file", "Binlog_snapshot_position", "Binlog_snapshot_gtid_pos")
        words = [str(found.get(key, "")) for key in keys]
        return " ".join(filter(None, words)) if words[0] else ""


def batches(tables: Batch) -> Iterator[Batch]:
    """All of `tables`, the smallest first, a few small ones at a time: each statement is a journey to the server."""
    some: list[tuple[str, TableInfo]] = []
    size = 0
    for place in sorted(tables, key=lambda item: item[1].bytes):
        if some and (len(some) == _TOGETHER or size + place[1].bytes > _TOGETHER_BYTES):
            yield some
            some, size = [], 0
        some.append(place)
        size += place[1].bytes
    if some:
        yield some


def _name(place: tuple[str, TableInfo]) -> str:
    database, table = place
    return f"{quoted(database)}.{quoted(table.name)}"
