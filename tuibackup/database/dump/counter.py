"""One more session, with a snapshot of the dump's own instant: it counts every table's rows while the programs dump.

A dump with another number of rows is not good. Unless `checksum` is switched off, the session also takes each table's
CHECKSUM TABLE, with which a restored copy can be compared (see `drill`); for tables whose restored copy would give
another one, it takes the number of `content`. It works beside the dumps, on one large or a few small tables at once.

A large table is read once for both: the rows that the server read for the checksum are counted. If the dump has another
number, COUNT(*) decides.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from tuibackup.database import content
from tuibackup.database.connect.login import Login
from tuibackup.database.content import Content, ContentColumn
from tuibackup.database.dump.barrier import BEGIN
from tuibackup.database.dump.verdict import countable
from tuibackup.database.inventory import DatabaseInfo, TableInfo, quoted
from tuibackup.errors import ConnectionLostError, DatabaseError

Place = tuple[str, str]  # database and table
LEAST_SECONDS = 600.0  # for the counting, even if the dump was short
CHECKSUM_SECONDS = 60.0  # by which checksums may lengthen a dump …
CHECKSUM_SHARE = 0.25  # … or this share of its time, if that is more
_TABLE_SECONDS = 24 * 3600.0
_TOGETHER, _TOGETHER_BYTES = 100, 16 << 20  # small tables that one statement asks about
_LARGE = 8 << 20  # bytes of a table from which on it is not read twice
_COLUMNS_TOGETHER = 1000  # columns whose content one statement asks for
_PARTITIONS = (
    "SELECT COUNT(*) FROM information_schema.PARTITIONS"
    " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND PARTITION_NAME IS NOT NULL"
)

Batch = Sequence[tuple[str, TableInfo]]  # databases and tables
Tables = Mapping[str, frozenset[str]]  # by database


class Checker:
    """`counts`, and `checksums` or `contents`, by table, as far as they could be taken."""

    def __init__(self, login: Login, vendor: str = "MariaDB") -> None:
        self.counts: dict[Place, int] = {}
        self.checksums: dict[Place, int] = {}
        self.contents: dict[Place, Content] = {}
        self.position = ""  # of this snapshot in the binary log
        self._login = login
        self._vendor = vendor
        self._history = False
        self._exact: Tables | None = None
        self._counted = asyncio.Event()
        self._by_the_way: list[tuple[str, TableInfo]] = []  # tables whose rows were counted with the checksum
        self._work: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Do what can be done before the lock. Raises DatabaseError, ConnectionLostError."""
        await self._login.rows("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await self._login.rows(content.SETTINGS)

    async def begin(self) -> None:
        """Open the snapshot: one statement, because the lock is held. Raises as `prepare`."""
        await self._login.rows("START TRANSACTION WITH CONSISTENT SNAPSHOT", seconds=BEGIN)

    def start(
        self, databases: Iterable[DatabaseInfo], history: bool, *, checksum: bool, exact: Tables | None = None
    ) -> None:
        """Begin to count in the background.

        `history`: old rows of system-versioned tables count. `exact`: tables whose FLOAT is dumped with all digits;
        None means all of them.
        """
        self._history, self._exact = history, exact
        self._work = asyncio.create_task(self._count_all(tuple(databases), checksum))

    async def finish(self, seconds: float) -> None:
        """Wait until all rows are counted, and a while for the checksums; the dump took `seconds`.

        What is not ready by then is missing.
        """
        if self._work is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(LEAST_SECONDS, seconds)):
                await self._counted.wait()
            await asyncio.wait((self._work,), timeout=max(CHECKSUM_SECONDS, seconds * CHECKSUM_SHARE))

    async def confirm(self, dumped: Mapping[Place, int | None]) -> None:
        """Count again with COUNT(*) where the dump differs from a count taken with the checksum. After `finish`."""
        doubted = [one for one in self._by_the_way if self._differs(one, dumped)]
        for schema, table in doubted:
            del self.counts[schema, table.name]
        if doubted and self._work is not None and self._work.done():
            with suppress(ConnectionLostError):
                for some in batches(doubted):
                    await self._ask(some, self._count)

    def _differs(self, place: tuple[str, TableInfo], dumped: Mapping[Place, int | None]) -> bool:
        key = place[0], place[1].name
        return dumped.get(key) not in (None, self.counts[key])

    async def stop(self) -> None:
        """Stop at once; the server drops what it was asked."""
        self._login.drop()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _count_all(self, databases: tuple[DatabaseInfo, ...], checksum: bool) -> None:
        try:
            await self._look(databases, checksum)
        except ConnectionLostError:  # if not only this login is lost, the dumps tell
            return
        finally:
            self._counted.set()

    async def _look(self, databases: tuple[DatabaseInfo, ...], checksum: bool) -> None:
        # Rolling back to it after each table releases the table's metadata lock. Otherwise an ALTER TABLE would wait
        # for the end of the dump, and every query of that table behind it.
        await self._login.rows("SAVEPOINT sp")
        self.position = await self._position()
        # Other tables are not in the snapshot: they show the rows of right now.
        tables = [
            (one.name, table)
            for one in databases
            for table in one.tables
            if countable(table) and table.name not in one.held
        ]
        peculiar = await self._peculiar(tables) if checksum else frozenset(tables)
        large = frozenset(one for one in tables if one[1].bytes >= _LARGE) - peculiar
        for some in batches([one for one in tables if one not in large]):
            await self._ask(some, self._count)
        for one in sorted(large, key=lambda one: one[1].bytes):
            await self._ask((one,), self._count_by_the_way)
        for some in batches([one for one in large if (one[0], one[1].name) not in self.counts]):
            await self._ask(some, self._count)
        self._counted.set()
        if checksum:
            for some in batches([one for one in tables if one not in peculiar and one not in large]):
                await self._ask(some, self._checksum)
            for some in batches([one for one in tables if one in peculiar]):
                await self._contents(some)

    async def _peculiar(self, tables: Batch) -> frozenset[tuple[str, TableInfo]]:
        """The tables whose CHECKSUM TABLE is, or may be, another one after a restore."""
        if self._vendor != "MariaDB":  # a drill's server is mostly a MariaDB
            return frozenset(tables)
        try:
            found = {(str(schema), str(name)) for schema, name in await self._login.rows(content.PECULIAR)}
        except DatabaseError:  # before 10.2: nothing is generated there
            found = set()
        return frozenset(
            (schema, table)
            for schema, table in tables
            if table.kind.startswith("SYSTEM VERSIONED") or (schema, table.name) in found
        )

    async def _contents(self, tables: Batch) -> None:
        """The content of each, database by database and a bounded number of columns at a time."""
        by_database: dict[str, list[TableInfo]] = {}
        for schema, table in tables:
            by_database.setdefault(schema, []).append(table)
        for schema, infos in by_database.items():
            asked = content.COLUMNS.format(", ".join(["%s"] * len(infos)))
            try:
                rows = await self._login.rows(asked, schema, *[one.name for one in infos])
            except DatabaseError:
                continue
            columns = content.by_table(rows)
            look = partial(self._content, columns)
            some: list[tuple[str, TableInfo]] = []
            for info in infos:
                width = sum(len(columns.get(one.name, ())) for _, one in (*some, (schema, info)))
                if some and width > _COLUMNS_TOGETHER:
                    await self._ask(some, look)
                    some = []
                some.append((schema, info))
            await self._ask(some, look)

    async def _ask(self, tables: Batch, look: Callable[[Batch], Awaitable[None]]) -> None:
        """`look` at all of them; if one was dropped or changed (which the dump says, too), at the others."""
        try:
            await look(tables)
        except DatabaseError:
            await self._login.rows("ROLLBACK TO SAVEPOINT sp")
            half = len(tables) // 2
            for some in (tables[:half], tables[half:]) if half else ():
                await self._ask(some, look)
        else:
            await self._login.rows("ROLLBACK TO SAVEPOINT sp")

    async def _count(self, tables: Batch) -> None:
        counting = [
            f"SELECT {number}, COUNT(*) FROM {_name(place)}"
            + (" FOR SYSTEM_TIME ALL" if self._of_all_time(place[1]) else "")
            for number, place in enumerate(tables)
        ]
        for number, counted in await self._login.rows(" UNION ALL ".join(counting), seconds=_TABLE_SECONDS):
            database, table = tables[int(number)]
            self.counts[database, table.name] = int(counted)

    async def _count_by_the_way(self, tables: Batch) -> None:
        """The checksum of one table, and how many rows were read for it: one less than were asked for.

        Each partition has an end of its own, so a table with partitions is counted separately.
        """
        [(database, table)] = tables
        [(partitions,)] = await self._login.rows(_PARTITIONS, database, table.name)
        before = await self._read()
        await self._checksum(tables)
        rows = await self._read() - before - 1
        if rows >= 0 and not partitions:
            self.counts[database, table.name] = rows
            self._by_the_way.append((database, table))

    async def _read(self) -> int:
        """How often this session has asked a table for its next row."""
        [(_name, times)] = await self._login.rows("SHOW SESSION STATUS LIKE 'Handler\\_read\\_rnd\\_next'")
        return int(times)

    async def _checksum(self, tables: Batch) -> None:
        statement = "CHECKSUM TABLE " + ", ".join(map(_name, tables))
        found = await self._login.rows(statement, seconds=_TABLE_SECONDS)
        for (database, table), (_, value) in zip(tables, found, strict=True):
            if value is not None:
                self.checksums[database, table.name] = int(value)

    async def _content(self, columns: Mapping[str, list[ContentColumn]], tables: Batch) -> None:
        asking = []
        for number, (schema, table) in enumerate(tables):
            about = content.query(
                _name((schema, table)),
                columns.get(table.name, ()),
                history=self._of_all_time(table),
                rounded=self._rounded(schema, table),
            )
            asking.append(f"SELECT {number}, {about}")
        for number, _rows, total in await self._login.rows(
            " UNION ALL ".join(asking), seconds=_TABLE_SECONDS
        ):
            schema, table = tables[int(number)]
            taken = Content(int(total), self._of_all_time(table), self._rounded(schema, table))
            self.contents[schema, table.name] = taken

    def _of_all_time(self, table: TableInfo) -> bool:
        return self._history and table.kind == "SYSTEM VERSIONED"

    def _rounded(self, schema: str, table: TableInfo) -> bool:
        exact = self._exact
        return bool(table.floats) and exact is not None and table.name not in exact.get(schema, frozenset())

    async def _position(self) -> str:
        """Where in MariaDB's binary log this snapshot lies; "" if there is no log, or the server does not tell."""
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
    """All of `tables`, the smallest first, several small ones together: each statement is a round trip."""
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
