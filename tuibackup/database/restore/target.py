"""The database server to restore into: a login, and what must be known about it first."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.database.connect.connection import Connection, Row
from tuibackup.database.connect.faults import faults
from tuibackup.database.connect.login import ANSWER_SECONDS, Channel, logged_in, open_connection
from tuibackup.database.connect.optionfile import Options
from tuibackup.database.inventory import SYSTEM
from tuibackup.database.sql.syntax import Syntax
from tuibackup.database.version import series, vendor
from tuibackup.errors import DatabaseError
from tuibackup.remote.session import Session
from tuibackup.secret import Secret
from tuibackup.text import count, printable
from tuibackup.words import sentence, sentence_n

STATEMENT_SECONDS = 4 * 3600.0  # the index of a huge table takes its time
LARGEST_PACKET = 1 << 30
# A login that reads gives a held table up at once. Here the server's own threads hold tables for a moment: they count
# what was just loaded, and a busy machine made a second of that (a drill was red by it).
_LOCK_SECONDS = 600
_ROOM = 1 << 16  # bytes of a packet besides the statement

Connecting = Callable[[], Awaitable[Connection]]


class TargetServer:
    """A login, opened by `open_target`. Its methods raise DatabaseError and ConnectionLostError with one line."""

    def __init__(self, name: str, options: Options, connecting: Connecting) -> None:
        self.name = name
        self.vendor = ""
        self.version = ""
        self.collations: frozenset[str] = frozenset()
        self.tells_case = True  # whether `Nilai` and `nilai` are two tables there
        self.packet = 0  # bytes of the longest statement that it accepts
        self._options = options
        self._connecting = connecting
        self._connection: Connection | None = None
        self._packet_before: int | None = None

    async def open(self) -> Self:
        """Log in and ask for version, settings and collations."""
        self._connection = await self._log_in()
        try:
            [(version, packet, names)] = await self.rows(
                "SELECT VERSION(), @@max_allowed_packet, @@lower_case_table_names"
            )
            self.tells_case = not int(str(names))
            self.version = printable(str(version))
            self.vendor = vendor(self.version)
            self.packet = int(str(packet))
            found = await self.rows("SELECT COLLATION_NAME FROM information_schema.COLLATIONS")
            self.collations = frozenset(str(name) for (name,) in found)
            if self.vendor == "MariaDB":
                # Since 10.10 a collation stands there without its character set.
                found = await self.rows(
                    "SELECT COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
                )
                self.collations |= {str(name) for (name,) in found}
                if series(self.version) >= (10, 10):
                    found = await self.rows(
                        "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
                    )
                    self.collations |= {str(name) for (name,) in found}
        except BaseException:
            self._connection.drop()
            raise
        return self

    async def _log_in(self) -> Connection:
        connection = await self._connecting()
        try:
            async with faults(self.name, self._options, ANSWER_SECONDS):
                await connection.rows(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
        except BaseException:
            connection.drop()
            raise
        return connection

    @property
    def words(self) -> str:
        """Vendor and version: "MariaDB 10.11.6"."""
        return f"{self.vendor} {self.version.partition('-')[0]}"

    def stored(self, name: str) -> str:
        """A name as the server stores and compares it."""
        return name if self.tells_case else name.lower()

    async def rows(self, query: str, *values: object) -> list[Row]:
        """All rows of `query`."""
        async with faults(self.name, self._options, STATEMENT_SECONDS):
            return await self._live().rows(query, values)

    async def run(self, statement: bytes) -> None:
        """Run one statement."""
        async with faults(self.name, self._options, STATEMENT_SECONDS):
            await self._live().run(statement)

    async def syntax(self) -> Syntax:
        """The syntax in which it reads the next statement."""
        [(sql_mode, charset)] = await self.rows("SELECT @@sql_mode, @@character_set_client")
        return Syntax.of(str(sql_mode), str(charset))

    @property
    def warned(self) -> bool:
        """Whether the last statement that was run gave warnings."""
        return self._live().warned

    async def warnings(self) -> list[tuple[int, str]]:
        """Number and words of each."""
        found = await self.rows("SHOW WARNINGS")
        return [(int(number), printable(str(words))) for level, number, words in found if level == "Warning"]

    async def databases(self) -> list[str]:
        """Its databases, without the server's own."""
        return [str(name) for (name,) in await self.rows("SHOW DATABASES") if str(name).lower() not in SYSTEM]

    async def take_statements_of(self, length: int) -> None:
        """Make the server accept statements of `length` bytes, and log in again if that changed a setting.

        Raises DatabaseError with the statement that is needed, if the account may not change that.
        """
        if length + _ROOM <= self.packet:
            return
        if length + _ROOM > LARGEST_PACKET:
            raise DatabaseError(
                sentence(
                    "{name}: the dump has a statement of {bytes}; no server takes more than 1 GiB",
                    name=self.name,
                    bytes=sentence_n("{count} byte", "{count} bytes", length),
                )
            )
        wanted = -(-(length + _ROOM) // 1024) * 1024
        statement = f"SET GLOBAL max_allowed_packet = {wanted}"
        try:
            await self.rows(statement)
        except DatabaseError as error:
            raise DatabaseError(
                sentence(
                    "{name}: the dump has a statement of {bytes} and the server takes {packet} at most",
                    name=self.name,
                    bytes=sentence_n("{count} byte", "{count} bytes", length),
                    packet=count(self.packet),
                ),
                sentence(
                    "run {statement} there, then try again ({message})",
                    statement=statement,
                    message=error.message,
                ),
            ) from error
        self._packet_before, self.packet = self._packet_before or self.packet, wanted
        await self._live().quit()
        self._connection = await self._log_in()

    async def close(self) -> None:
        """Put back what was changed, and log out."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._packet_before is not None:
                async with faults(self.name, self._options, ANSWER_SECONDS):
                    await connection.rows(f"SET GLOBAL max_allowed_packet = {self._packet_before}")
        except DatabaseError:
            pass  # it stays larger until the server starts again
        finally:
            await connection.quit()

    def drop(self) -> None:
        """Close at once: the server may be in the middle of a statement."""
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, Exception):
            self.drop()  # interrupted in the middle of an answer
        else:
            await self.close()

    def _live(self) -> Connection:
        if self._connection is None:
            raise DatabaseError(sentence("{name}: not logged in", name=self.name))
        return self._connection


def local_target(socket: Path, user: str, password: Secret | None, name: str = "") -> TargetServer:
    """The server of this machine behind the unix socket `socket`."""
    options = Options(user=user, password=password, socket=str(socket))
    name = name or printable(str(socket))

    async def channel() -> Channel:
        try:
            return await asyncio.open_unix_connection(str(socket))
        except OSError as error:
            raise DatabaseError(
                sentence(
                    "{name}: no database server answers there: {error}",
                    name=name,
                    error=error.strerror or error,
                ),
                sentence("does it run?"),
            ) from error

    async def connecting() -> Connection:
        return await logged_in(name, options, channel)

    return TargetServer(name, options, connecting)


def remote_target(session: Session, options: Options) -> TargetServer:
    """The database of the server that `session` is connected to, as `options` say how to log in."""

    async def connecting() -> Connection:
        return await open_connection(session, options)

    return TargetServer(session.name, options, connecting)
