"""Dumps tables and databases over a database connection, without a program on the server.

It serves servers without a shell or a dump program, and tables whose numbers a dump program shortens (FLOAT). The
server itself writes the rows as SQL; they stream through, statement by statement. The form is mariadb-dump's.
"""

import struct
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime

from tuibackup.database.connect.connection import Connection
from tuibackup.database.dump.holders import AT_ONCE, HELD, holders
from tuibackup.database.inventory import DatabaseInfo, TableInfo, quoted
from tuibackup.database.native import lines
from tuibackup.database.native.asking import Asker, StatementError, as_bytes, as_text
from tuibackup.database.native.columns import Column, base_columns, column_of, period_columns
from tuibackup.database.native.lines import Circumstances
from tuibackup.database.native.rows import Rows
from tuibackup.database.objects import tablespaces
from tuibackup.database.objects.shown import (
    EVENT,
    SEQUENCE,
    TABLE,
    TRIGGER,
    UNREADABLE,
    VIEW,
    WITHOUT_ROWS,
    LeftOut,
    literal,
)
from tuibackup.database.version import series
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.text import printable
from tuibackup.words import joined, later, sentence

_CHANGED = 1412
_HISTORY_SINCE = (10, 11)
_SEQUENCE = "SEQUENCE"
_VERSIONED = "SYSTEM VERSIONED"
_BACK = "ROLLBACK TO SAVEPOINT tuibackup"
_LOSSES = 3  # reconnections at most: what ends our connection may hurt other clients, too
_ORDER = {  # a body comes after its package
    later("function"): 0, later("procedure"): 1, later("package"): 2, later("package body"): 3
}  # fmt: skip


class Native:
    """Dumps over `connection`, which is its own from now on.

    `notes` says what the dump lacks, and `left_out`, by database, which objects could not be read. Ask one thing at a
    time; leaving an iterator early costs the connection. `reconnect` gives another connection if the server ends this
    one: a damaged table may bring it down.
    """

    def __init__(
        self,
        connection: Connection,
        vendor: str,
        *,
        server: str = sentence("the database"),
        reconnect: Callable[[], Awaitable[Connection]] | None = None,
        patience: float = 1,
    ) -> None:
        """`patience`: seconds to wait for tables that somebody else holds, for all of them together."""
        self.left_out: dict[str, list[LeftOut]] = defaultdict(list)
        self.notes: list[str] = []
        self._asker = Asker(connection, server)
        self._mariadb = vendor == "MariaDB"
        self._server = server
        self._reconnect = reconnect
        self._losses = 0
        self._patience = max(1, round(patience))
        self._version = ""
        self._using = ""
        self._collation = b""  # of the database in use
        self._rows = Rows(self._asker, server)

    @property
    def rows(self) -> dict[tuple[str, str], int]:
        """The rows written of each (database, table)."""
        return self._rows.count

    @property
    def longest(self) -> int:
        """The longest statement of rows, in bytes."""
        return self._rows.longest

    async def prepare(self) -> None:
        """Prepare for `begin`, before the lock is taken. Raises DatabaseError, ConnectionLostError."""
        with self._sense():
            await self._prepare()

    async def begin(self) -> None:
        """Open the snapshot; all snapshots that are opened under one barrier show one instant. Raises as `prepare`."""
        with self._sense():
            if not self._version:
                await self._prepare()
            for statement in ("START TRANSACTION WITH CONSISTENT SNAPSHOT", "SAVEPOINT tuibackup"):
                await self._asker.ask(statement)

    async def _prepare(self) -> None:
        self._version, packet = map(
            as_text, (await self._asker.ask("SELECT VERSION(), @@max_allowed_packet"))[0]
        )
        self._rows.packet = int(packet)
        unlimited = "max_statement_time" if self._mariadb else "max_execution_time"
        for statement in (
            "SET NAMES binary",
            "SET SESSION sql_mode='', time_zone='+00:00', sql_quote_show_create=1",
            f"SET SESSION sql_select_limit=18446744073709551615, {unlimited}=0",
            # The vault may take no rows for a while.
            f"SET SESSION net_write_timeout=3600, wait_timeout=86400, lock_wait_timeout={self._patience}",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        ):
            await self._asker.ask(statement)

    async def foresee(self, places: Iterable[tuple[str, str]]) -> None:
        """Read the columns of these plain tables (database, name), for `fetch`. Raises as `prepare`."""
        with self._sense():
            for database, table in places:
                self._rows.foresee((database, table), await self._columns(database, table))

    async def fetch(self) -> AsyncGenerator[tuple[str, str], None]:
        """Read the rows of all tables given to `foresee`, in one round trip; yields each table when its rows are here.

        Raises DatabaseError, ConnectionLostError.
        """
        with self._sense():
            async with aclosing(self._rows.fetch()) as places:
                async for place in places:
                    yield place

    async def table(
        self, database: str, table: TableInfo, *, alone: bool = True
    ) -> AsyncGenerator[bytes, None]:
        """One table: structure, rows, triggers.

        `alone`: with all settings that it needs, so that it restores by itself once its database is in use, or within
        another dump of that database, between the sequences and the views. Raises DatabaseError, ConnectionLostError.
        """
        with self._sense():
            async with aclosing(self._table(database, table, alone=alone)) as parts:
                async for part in parts:
                    yield part
            # Now others may change the table again; the snapshot stays.
            await self._asker.ask(_BACK)

    async def _table(
        self, database: str, table: TableInfo, *, alone: bool, damage: list[Exception] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """An error that ends the rows too early is appended to `damage`; if that is None, it is raised."""
        await self._use(database)
        name = quoted(table.name)
        raw = name.encode()
        [create] = await self._asker.ask(f"SHOW CREATE TABLE {name}")
        yield lines.table(raw, tablespaces.without(as_bytes(create[1])), alone=alone)
        if table.engine.lower() not in WITHOUT_ROWS:
            found = await self._columns(database, table.name)
            history = self._history(database, table, found)
            written = base_columns(found)
            foreseen = self._rows.foreseen((database, table.name))
            if foreseen is not None and foreseen != found:
                raise StatementError(
                    sentence(
                        "{database}.{table} was changed meanwhile",
                        database=printable(database),
                        table=printable(table.name),
                    ),
                    1412,
                )
            if history:
                written += period_columns(found)
            yield lines.data(raw, history=history)
            async with aclosing(
                self._rows.inserts((database, table.name), written, history=history)
            ) as inserts:
                try:
                    async for statement in inserts:
                        yield statement
                except (StatementError, ConnectionLostError) as error:
                    if damage is None:
                        raise
                    damage.append(error)
                    yield lines.cut_off(raw, self._rows.count[database, table.name])
            yield lines.data_end(raw, history=history)
        if not any(isinstance(error, ConnectionLostError) for error in damage or ()):
            async for text in self._triggers(database, table.name):
                yield text
        if alone:
            yield lines.table_end()

    async def database(self, info: DatabaseInfo) -> AsyncGenerator[bytes, None]:
        """A whole dump of one database, which creates it and restores by itself; it lacks views that are written apart.

        Raises DatabaseError, ConnectionLostError.
        """
        with self._sense():
            async with aclosing(self._database(info)) as parts:
                async for part in parts:
                    yield part

    async def _database(self, info: DatabaseInfo) -> AsyncGenerator[bytes, None]:
        name = quoted(info.name).encode()
        [made] = await self._asker.ask(f"SHOW CREATE DATABASE IF NOT EXISTS {quoted(info.name)}")
        await self._use(info.name)
        yield lines.head(self._version, name, mariadb=self._mariadb)
        yield lines.current(name, as_bytes(made[1]))
        for table in info.tables:
            if table.kind == _SEQUENCE:
                with self._unless_refused(info.name, SEQUENCE, table.name):
                    yield await self._sequence(table.name)
        # Tables that somebody holds come last, so that the others do not wait.
        for table in sorted(info.tables, key=lambda table: table.name in info.held):
            if table.kind != _SEQUENCE:
                async with aclosing(self._readable(info.name, table)) as parts:
                    async for part in parts:
                        yield part
        async for part in self._events(info):
            yield part
        async for part in self._routines(info):
            yield part
        for view in info.views:
            if view not in info.apart.views:
                with self._unless_refused(info.name, VIEW, view):
                    yield await self._view(view)
        await self._back(info.name)
        yield lines.tail(datetime.now(UTC))

    async def view(self, database: str, name: str) -> bytes:
        """One view, to be made while its database is in use. Raises DatabaseError, ConnectionLostError."""
        with self._sense():
            await self._use(database)
            return await self._view(name)

    async def _view(self, name: str) -> bytes:
        [(_, create, charset, collation, *_)] = await self._asker.ask(f"SHOW CREATE VIEW {quoted(name)}")
        under = Circumstances(as_bytes(charset), as_bytes(collation))
        return lines.view(quoted(name).encode(), as_bytes(create), under)

    async def _readable(self, database: str, table: TableInfo) -> AsyncGenerator[bytes, None]:
        """A table of a whole database, as far as it can be read."""
        for again in (False, True):
            damage: list[Exception] = []
            begun = False
            try:
                async with aclosing(self._table(database, table, alone=False, damage=damage)) as parts:
                    async for part in parts:
                        begun = True
                        yield part
            except (StatementError, ConnectionLostError) as error:
                damage.append(error)
            if again or not any(
                isinstance(error, StatementError) and error.code == _CHANGED for error in damage
            ):
                break
            await self.begin()  # the one who held it has changed it
            place = f"{printable(database)}.{printable(table.name)}"
            self.notes.append(
                sentence(
                    "{place} was changed during the dump; it and everything after it show a later instant",
                    place=place,
                )
            )
        for broken in damage[:1]:
            rows = self.rows.get((database, table.name), 0) if begun else None
            said = broken.said if isinstance(broken, StatementError) else str(broken)
            held = isinstance(broken, StatementError) and broken.code == HELD
            if held:
                said = joined(
                    "; ", (said, await holders(self._asker.ask, literal(database), literal(table.name)))
                )
                self._patience = 1  # the time to wait is used up: it is for all tables together
                await self._asker.ask(AT_ONCE)
            changed = isinstance(broken, StatementError) and broken.code == _CHANGED
            self.left_out[database].append(
                LeftOut(TABLE, table.name, said, rows=rows, held=held, changed=changed)
            )
            if isinstance(broken, ConnectionLostError):
                await self._begin_again(database, broken)
        await self._back(database)

    async def _back(self, database: str) -> None:
        """Release the table, so that others may change it; the snapshot stays, unless the server ended it."""
        try:
            await self._asker.ask(_BACK)
        except StatementError:
            await self.begin()
            self.notes.append(
                sentence("the server ended the transaction; everything after it shows a later instant")
            )

    async def _begin_again(self, database: str, error: ConnectionLostError) -> None:
        if self._reconnect is None or self._losses == _LOSSES:
            raise error
        self._losses += 1
        self._asker.connection = await self._reconnect()
        self._using = self._version = ""
        await self.begin()
        await self._use(database)
        self.notes.append(sentence("the connection was lost; everything after it shows a later instant"))

    @contextmanager
    def _unless_refused(self, database: str, kind: str, name: str) -> Iterator[None]:
        """The block reads one object of a whole database; if the server refuses it, the object is left out."""
        try:
            yield
        except StatementError as error:
            self.left_out[database].append(LeftOut(kind, name, error.said, held=error.code == HELD))

    @contextmanager
    def _sense(self) -> Iterator[None]:
        """Turn an answer that has not the expected shape into a DatabaseError, not a traceback."""
        try:
            yield
        except (ValueError, IndexError, KeyError, TypeError, AssertionError, struct.error) as error:
            raise DatabaseError(
                sentence("{server}: the database's answer cannot be read", server=self._server)
            ) from error

    async def _use(self, database: str) -> None:
        if database != self._using:
            await self._asker.ask(f"USE {quoted(database)}")
            [(collation,)] = await self._asker.ask("SELECT @@collation_database")
            self._using, self._collation = database, as_bytes(collation)

    async def _columns(self, database: str, table: str) -> list[Column]:
        return [
            column_of(*row)
            for row in await self._asker.ask(
                "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, IS_NULLABLE, EXTRA, GENERATION_EXPRESSION,"
                " CHARACTER_OCTET_LENGTH FROM information_schema.COLUMNS"
                f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(table)}"
                " ORDER BY ORDINAL_POSITION"
            )
        ]

    def _history(self, database: str, table: TableInfo, found: list[Column]) -> bool:
        """Whether the old rows of a system-versioned table are written, too."""
        if not table.kind.startswith(_VERSIONED):
            return False
        by_transaction = any(column.period and column.type == "bigint" for column in found)
        if not by_transaction and series(self._version) >= _HISTORY_SINCE:
            return True
        self.notes.append(
            sentence(
                "{database}.{table}: only the present rows are dumped; the history of a system-versioned "
                "table cannot be restored {when}",
                database=printable(database),
                table=printable(table.name),
                when=sentence("if it is kept by transactions")
                if by_transaction
                else sentence("before MariaDB 10.11"),
            )
        )
        return False

    async def _sequence(self, name: str) -> bytes:
        [create] = await self._asker.ask(f"SHOW CREATE SEQUENCE {quoted(name)}")
        [(following, cycles)] = await self._asker.ask(
            f"SELECT next_not_cached_value, cycle_count FROM {quoted(name)}"
        )
        setval = f"DO SETVAL({quoted(name)}, {as_text(following)}, 0, {as_text(cycles)})"
        return lines.sequence(quoted(name).encode(), as_bytes(create[1]), setval.encode())

    async def _triggers(self, database: str, table: str) -> AsyncGenerator[bytes, None]:
        order = "ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"
        for (name,) in await self._asker.ask(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS"
            f" WHERE EVENT_OBJECT_SCHEMA = {literal(database)} AND EVENT_OBJECT_TABLE = {literal(table)}"
            f" ORDER BY {order}"
        ):
            with self._unless_refused(database, TRIGGER, as_text(name)):
                [(_, mode, create, charset, collation, of_database, *_)] = await self._asker.ask(
                    f"SHOW CREATE TRIGGER {quoted(as_text(name))}"
                )
                under = Circumstances(
                    as_bytes(charset), as_bytes(collation), as_bytes(mode), None, as_bytes(of_database)
                )
                yield lines.trigger(as_bytes(create), under, quoted(database).encode(), self._collation)

    async def _events(self, info: DatabaseInfo) -> AsyncGenerator[bytes, None]:
        yield lines.title(b"Dumping events for database", f"'{info.name}'".encode())
        for name in info.events:
            own = quoted(name)
            with self._unless_refused(info.name, EVENT, name):
                [(_, mode, zone, create, charset, collation, of_database, *_)] = await self._asker.ask(
                    f"SHOW CREATE EVENT {own}"
                )
                under = Circumstances(
                    as_bytes(charset),
                    as_bytes(collation),
                    as_bytes(mode),
                    as_bytes(zone),
                    as_bytes(of_database),
                )
                yield lines.event(
                    own.encode(), as_bytes(create), under, quoted(info.name).encode(), self._collation
                )

    async def _routines(self, info: DatabaseInfo) -> AsyncGenerator[bytes, None]:
        yield lines.title(b"Dumping routines for database", f"'{info.name}'".encode())
        for kind, name in sorted(info.routines, key=lambda one: (_ORDER.get(one[0], len(_ORDER)), one)):
            own = quoted(name)
            with self._unless_refused(info.name, kind, name):
                [(_, mode, create, charset, collation, of_database, *_)] = await self._asker.ask(
                    f"SHOW CREATE {kind.upper()} {own}"
                )
                if create is None:
                    raise StatementError(UNREADABLE, 0)
                under = Circumstances(
                    as_bytes(charset), as_bytes(collation), as_bytes(mode), None, as_bytes(of_database)
                )
                yield lines.routine(
                    kind.upper().encode(),
                    own.encode(),
                    create,
                    under,
                    quoted(info.name).encode(),
                    self._collation,
                )
