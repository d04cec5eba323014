"""The rows of tables as INSERTs of bounded length: as they come from the server, or fetched before they are written."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from tuibackup.database.connect.packets import columns, prefix
from tuibackup.database.inventory import quoted
from tuibackup.database.native.asking import Asker, StatementError
from tuibackup.database.native.columns import Column, Row, base_columns, joined, selection
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.words import sentence

Place = tuple[str, str]  # a table: its database, its name

_STATEMENT = 1 << 20  # bytes of one INSERT, as the dump programs write; a longer row gets one of its own
_FETCHED = 128 << 20  # bytes of rows that `fetch` keeps at most


@dataclass(slots=True)
class _Fetched:
    """A table's rows, read before the rest of it is written; its columns at that time, and the error if it failed."""

    columns: list[Column]
    batches: list[list[bytes]] = field(default_factory=list)
    error: StatementError | None = None


class Rows:
    """Reads rows with `asker`.

    `count` tells the rows written of each table, `longest` the longest statement in bytes. `packet`: the server's
    max_allowed_packet.
    """

    def __init__(self, asker: Asker, server: str) -> None:
        self.count: dict[Place, int] = {}
        self.longest = 0
        self.packet = 1 << 20
        self._asker = asker
        self._server = server
        self._fetched: dict[Place, _Fetched] = {}

    def foresee(self, place: Place, found: list[Column]) -> None:
        """Note a table for `fetch`, with its columns."""
        self._fetched[place] = _Fetched(found)

    def foreseen(self, place: Place) -> list[Column] | None:
        """The columns that a table had when it was noted; None for one that was not."""
        return fetched.columns if (fetched := self._fetched.get(place)) else None

    async def fetch(self) -> AsyncGenerator[Place, None]:
        """Read the rows of all tables given to `foresee`, in one round trip; yields each table when its rows are here.

        Memory keeps them until the table is written; if the server refuses a table, its error is raised then. Raises
        DatabaseError, ConnectionLostError.
        """
        rows = {
            place: selection(base_columns(fetched.columns), self.packet)
            for place, fetched in self._fetched.items()
        }
        self._asker.connection.ahead(
            *(_select(place, row).encode("utf-8", "surrogateescape") for place, row in rows.items())
        )
        kept = 0
        for place, fetched in self._fetched.items():
            try:
                async with aclosing(self._asker.stream(None, sole=not rows[place].long)) as batches:
                    async for batch in batches:
                        fetched.batches.append(batch)
                        kept += sum(map(len, batch))
                        if kept > _FETCHED:
                            raise DatabaseError(
                                sentence(
                                    "{server}: the database sent an answer that is too large",
                                    server=self._server,
                                )
                            )
            except StatementError as error:
                fetched.error = error
            yield place

    async def inserts(
        self, place: Place, written: list[Column], *, history: bool
    ) -> AsyncGenerator[bytes, None]:
        """The columns `written` of a table's rows; with `history` also the old rows of a system-versioned table.

        Raises StatementError, ConnectionLostError after what came before.
        """
        row = selection(written, self.packet)
        # Always with names: an INSERT without them gives invisible columns no values.
        names = f" ({', '.join(quoted(column.name) for column in written)})"
        insert = f"INSERT INTO {quoted(place[1])}{names} VALUES\n".encode()
        nothing = b"\xfb" * len(row.long)
        count = size = 0
        pending: list[bytes] = []
        broken: StatementError | ConnectionLostError | None = None
        async with aclosing(self._rows_of(place, row, history=history)) as batches:
            try:
                async for batch in batches:
                    count += len(batch)
                    texts = _texts(row, batch, nothing) if nothing else [joined(batch)]
                    for text in texts:
                        if size and size + len(text) > _STATEMENT:
                            yield self._statement(insert, pending)
                            size = 0
                        pending.append(text)
                        size += len(text)
            except (StatementError, ConnectionLostError) as error:
                broken = error
        if pending:
            yield self._statement(insert, pending)
        self.count[place] = count
        if broken:
            raise broken

    async def _rows_of(self, place: Place, row: Row, *, history: bool) -> AsyncGenerator[list[bytes], None]:
        """The table's rows in batches: those that were fetched before, or as they come."""
        if (fetched := self._fetched.pop(place, None)) is not None:
            if fetched.error is not None:
                raise fetched.error
            for batch in fetched.batches:
                yield batch
            return
        async with aclosing(
            self._asker.stream(_select(place, row, history=history), sole=not row.long)
        ) as batches:
            async for batch in batches:
                yield batch

    def _statement(self, insert: bytes, rows: list[bytes]) -> bytes:
        statement = b"".join((insert, b",\n".join(rows), b";\n"))
        self.longest = max(self.longest, len(statement))
        rows.clear()
        return statement


def _texts(row: Row, batch: list[bytes], nothing: bytes) -> list[bytes]:
    """The rows of a batch in which values may be long; `nothing`: the end of a packet without long values."""
    short: list[bytes] = []
    texts: list[bytes] = []
    for packet in batch:
        if packet.endswith(nothing):
            short.append(packet[prefix(packet[0]) : -len(nothing)])
        else:
            texts.append(row.text(columns(packet)))
    if short:
        texts.append(joined(short))
    return texts


def _select(place: Place, row: Row, *, history: bool = False) -> str:
    of_all_time = " FOR SYSTEM_TIME ALL" if history else ""
    table = ".".join(map(quoted, place))
    return f"SELECT /*!40001 SQL_NO_CACHE */ {row.select} FROM {table}{of_all_time}"
