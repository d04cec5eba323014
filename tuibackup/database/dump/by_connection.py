"""Tables and databases that are read over a connection of our own, beside the dump programs or instead of them.

It reads what the dump programs lose (see `division.inexact`), what must be read while the lock is held (tables without
transactions), or everything if there is no program. One after the other, at the instant of its own snapshot.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing

from tuibackup.database.connect.connection import Connection
from tuibackup.database.connect.optionfile import Options
from tuibackup.database.dump.division import Share
from tuibackup.database.dump.progress import Live
from tuibackup.database.dump.receive import Ended, Target, pack
from tuibackup.database.inventory import TableInfo
from tuibackup.database.native.dumper import Native
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.words import sentence

_AGAIN_SECONDS, _AGAIN_PAUSE = 60.0, 1.0  # to wait until a server that went down is up again


class Reader:
    """Reads `shares`, of one database each. `fetch` lets it first read the rows of the first `locked` shares.

    `begun` as Program's. `timely`: the tables (database, name) whose rows came before `late` was set.
    """

    def __init__(
        self,
        session: Session,
        log_in: Callable[[], Awaitable[Connection]],
        vendor: str,
        shares: Sequence[tuple[int, Share]],
        live: Live,
        locked: int = 0,
        *,
        persistent: bool = False,
        patience: float = 1,
    ) -> None:
        """`persistent`: if the server ends the connection, go on over another one, at another instant.

        `patience`: seconds for tables that somebody else holds.
        """
        self.shares = tuple(shares)
        self.begun = asyncio.Event()
        self.late = False
        self.timely: set[tuple[str, str]] = set()
        self.open = False
        self.refused = ""  # why it could not begin
        self.number = 0  # the server's number for its session
        self._session = session
        self._log_in = log_in
        self._vendor = vendor
        self._live = live
        self._may_fetch = asyncio.Event()
        self._fetched = asyncio.Event()
        # The smallest first, so that as many as possible are read in time.
        by_size = [
            (table.bytes, info.name, table.name)
            for _number, share in self.shares[:locked]
            for info in share.databases
            for table in info.tables
            if table.name in share.tables
        ]
        self._first = [(database, table) for _size, database, table in sorted(by_size)]
        self._persistent = persistent
        self._patience = patience
        self._native: Native | None = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Log in, and have everything ready. Raises DatabaseError, ConnectionLostError."""

        async def connect() -> Connection:
            connection = await self._log_in()
            stack.callback(connection.drop)
            self.number = connection.number
            return connection

        async def connect_again() -> Connection:
            """Log in as soon as a server that went down is up again."""
            loop = asyncio.get_running_loop()
            until = loop.time() + _AGAIN_SECONDS
            while True:
                try:
                    return await connect()
                except (DatabaseError, ConnectionLostError):
                    if self._session.lost or loop.time() > until:
                        raise
                await asyncio.sleep(_AGAIN_PAUSE)

        reconnect = connect_again if self._persistent else None
        self._native = Native(
            await connect(),
            self._vendor,
            server=self._session.name,
            reconnect=reconnect,
            patience=self._patience,
        )
        await self._native.prepare()
        await self._native.foresee(self._first)

    async def go(self, options: Options) -> None:
        """Open the snapshot."""
        assert self._native is not None
        await self._native.begin()
        self.open = True
        self.begun.set()

    async def take(self, targets: dict[int, Target]) -> list[Ended]:
        """Read share by share. If one cannot be read, that is its fault alone; the next is read."""
        if self._first:
            await self._fetch_all()
        return [await self._take(number, share, targets[number]) for number, share in self.shares]

    async def fetch(self) -> None:
        """Let the rows of the `locked` shares be read, and wait until they are here."""
        self._may_fetch.set()
        if self._first:
            await self._fetched.wait()

    async def _fetch_all(self) -> None:
        assert self._native is not None
        try:
            await self._may_fetch.wait()
            async with aclosing(self._native.fetch()) as places:
                async for place in places:
                    if not self.late:
                        self.timely.add(place)
        except (DatabaseError, ConnectionLostError):  # the tables will say so, one by one
            if self._session.lost:
                raise
        finally:
            self._fetched.set()

    async def _take(self, number: int, share: Share, target: Target) -> Ended:
        assert self._native is not None
        faults: list[str] = []
        notes = len(self._native.notes)

        async def sql() -> AsyncGenerator[bytes, None]:
            try:
                async with aclosing(self._read(number, share)) as parts:
                    async for part in parts:
                        yield part
            except (DatabaseError, ConnectionLostError) as error:
                if self._session.lost:
                    raise
                faults.append(error.message)

        try:
            async with aclosing(sql()) as parts:
                packed = await pack(parts, "", target, self._live)
        finally:
            self._live.program_ends(number)
        if packed.fault:
            faults.append(packed.fault)
        if share.whole and not faults and not packed.scanner.completed:
            faults.append(sentence("the dump ends without its last line: it is cut off"))
        return Ended(
            number,
            share,
            tuple(faults),
            tuple(self._native.notes[notes:]),
            packed.scanner,
            packed.shifts,
            packed.foot,
            packed.seconds,
            tuple(self._native.left_out.pop(share.databases[0].name, ())),
            native=True,
        )

    async def _read(self, number: int, share: Share) -> AsyncGenerator[bytes, None]:
        assert self._native is not None
        [info] = share.databases
        if share.whole:
            self._live.say(sentence("{info}: read without a dump program", info=printable(info.name)))
            async with aclosing(self._native.database(info)) as parts:
                async for part in parts:
                    yield part
            return
        by_name: dict[str, TableInfo] = {table.name: table for table in info.tables}
        for name in share.tables:
            self._live.table(number, printable(info.name), printable(name))
            async with aclosing(self._native.table(info.name, by_name[name])) as parts:
                async for part in parts:
                    yield part
