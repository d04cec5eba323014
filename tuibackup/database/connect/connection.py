"""aiomysql over a channel of the SSH connection: no listener on this machine. The one place that knows its insides.

aiomysql opens its own sockets; here it is given the reader and writer of a channel. It closes and configures its
socket through `writer.transport`, which asyncssh's writer lacks: an "Access denied" then surfaced as
AttributeError.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import aiomysql
from pymysql.charset import charset_by_name
from pymysql.connections import MAX_PACKET_LEN
from pymysql.constants import CLIENT, COMMAND, CR

from tuibackup.database.connect.packets import EndlessAnswerError, answers, row_packets
from tuibackup.database.connect.tls import Tls
from tuibackup.secret import Secret
from tuibackup.words import sentence

LOGIN_LIMIT = 1 << 20  # bytes of greeting and login
ANSWER_LIMIT = 128 << 20  # bytes of one answer: a hundred thousand tables are some 20 MiB

_PAGE = 4096
_TOGETHER = 500  # statements that are sent one behind the other
_OUT_OF_STEP = (2013, 2014, 2068)  # errors of ours, not the server's
# Access denied: most servers do not say whether only TLS was missing. The last one says so in as many words.
_PERHAPS_TLS = (1045, 1698, 3159)

Row = tuple[Any, ...]


class CutShortError(aiomysql.OperationalError):  # type: ignore[misc]  # aiomysql has no types
    """The connection ended before the answer to statement `at` of those that were sent together."""

    def __init__(self, at: int) -> None:
        super().__init__(CR.CR_SERVER_LOST, "the connection was closed")
        self.at = at


class _Transport:
    """The methods that aiomysql calls on a transport."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def close(self) -> None:
        self._writer.close()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class _Writer:
    """asyncssh's writer, or TLS over it, with a transport; closing that closes the channel `closes`."""

    def __init__(self, writer: Any, closes: Any) -> None:
        self._writer = writer
        self.transport = _Transport(closes)

    def write(self, data: bytes) -> None:
        self._writer.write(bytes(data))

    async def drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError:
            raise
        except Exception as error:  # as in reading
            raise ConnectionResetError(str(error)) from error


class _Reader:
    """asyncssh's reader, with a limit for each answer: aiomysql believes every length that a server claims."""

    def __init__(self, reader: Any, allowed: int) -> None:
        self._reader = reader
        self._left = allowed
        self._kept = b""  # the beginning of the next answer, read together with the last one

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return not self._kept and bool(self._reader.at_eof())

    def allow(self, count: int) -> None:
        """Let the next answer have `count` bytes at most."""
        self._left = count

    def unread(self, data: bytes) -> None:
        """Put back what was read too far: the next read gives it again."""
        self._kept = data + self._kept

    async def readexactly(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise EndlessAnswerError
        kept, self._kept = self._kept[:count], self._kept[count:]
        if len(kept) == count:
            return kept
        try:
            data: bytes = await self._reader.readexactly(count - len(kept))
        except (OSError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # asyncssh raises whatever ended the connection
            raise ConnectionResetError(str(error)) from error
        return kept + data

    async def read(self, count: int) -> bytes:
        """The bytes that are here, `count` at most, without the limit: for rows that are streamed and not kept."""
        if kept := self._kept:
            self._kept = b""
            return kept
        try:
            data: bytes = await self._reader.read(count)
        except OSError:
            raise
        except Exception as error:  # as above
            raise ConnectionResetError(str(error)) from error
        if not data:
            raise asyncio.IncompleteReadError(b"", None)
        return data


class _Cursor(aiomysql.Cursor):  # type: ignore[misc]  # aiomysql has no types
    """A cursor that does not print the server's notes as Python warnings on the user's screen."""

    async def _show_warnings(self, conn: Any) -> None:
        return


class Connection(aiomysql.Connection):  # type: ignore[misc]  # aiomysql has no types
    """A connection over the channel `reader` and `writer`.

    `local` says that the channel ends in the server's unix socket: only then may a password be sent in clear
    (it does not leave the two machines), as some authentication plugins do. `tls`: log in within TLS.
    `wants_tls`: the login was refused, perhaps only because it came without TLS.
    """

    def __init__(
        self,
        reader: Any,
        writer: Any,
        user: str,
        password: Secret | None,
        *,
        local: bool,
        tls: bool = False,
    ) -> None:
        super().__init__(
            user=user,
            # aiomysql encodes it as Latin-1; servers compare the bytes of UTF-8
            password=password.reveal().encode("utf-8", "surrogateescape").decode("latin-1")
            if password
            else "",
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            program_name="tuibackup",
        )
        # The server runs one statement at a time: a dump cannot hide a second one behind the first.
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self._channel = _Reader(reader, LOGIN_LIMIT), writer
        self._local = local
        self.tls = tls
        self.wants_tls = False
        self._ahead = 0  # statements that were sent and whose answers were not read yet

    async def _connect(self) -> None:
        reader, writer = self._channel
        self._reader: _Reader | None = reader
        self._writer: _Writer | None = _Writer(writer, writer)
        self._secure = self._local
        self.host_info = "over SSH"
        self._next_seq_id = 0
        try:
            await self._get_server_information()
            self._refuse(self._server_auth_plugin)
            if self.tls:
                await self._begin_tls(reader, self._writer)
            await self._request_authentication()
            await self.autocommit(True)
        except BaseException as error:
            refused = isinstance(error, aiomysql.MySQLError) and error.args[0] in _PERHAPS_TLS
            self.wants_tls = refused and not self.tls and bool(self.server_capabilities & CLIENT.SSL)
            writer.close()
            self._reader = self._writer = None
            raise

    async def _begin_tls(self, reader: _Reader, writer: _Writer) -> None:
        """Put everything from here on within TLS; aiomysql can do that only with a socket that it opened itself."""
        if not self.server_capabilities & CLIENT.SSL:
            raise aiomysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, sentence("the server offers no TLS"))
        self.client_flag |= CLIENT.SSL | CLIENT.MULTI_RESULTS
        charset = charset_by_name(self.charset).id
        self.write_packet(struct.pack("<iIB23s", self.client_flag, MAX_PACKET_LEN, charset, b""))
        tls = Tls(reader, writer)
        try:
            await tls.begin()
        except ssl.SSLError as error:
            raise aiomysql.OperationalError(
                CR.CR_SSL_CONNECTION_ERROR, sentence("no TLS: {reason}", reason=error.reason)
            ) from error
        self._reader = _Reader(tls, LOGIN_LIMIT)
        self._channel = self._reader, self._channel[1]
        self._writer = _Writer(tls, self._channel[1])
        self._secure = True

    async def _process_auth(self, plugin_name: bytes | str, auth_packet: Any) -> Any:
        name = plugin_name.decode("utf-8", "replace") if isinstance(plugin_name, bytes) else plugin_name
        self._refuse(name)
        return await super()._process_auth(plugin_name, auth_packet)

    def _refuse(self, plugin: str) -> None:
        """The server chooses how we prove who we are; refuse a way that would give the password away."""
        if plugin == "mysql_old_password" or (plugin == "mysql_clear_password" and not self._local):
            raise aiomysql.OperationalError(2059, f"Authentication plugin '{plugin}' not allowed")

    def _write_bytes(self, data: bytes) -> None:
        """Report a closed connection as lost; aiomysql would raise an AttributeError."""
        if self._writer is None:
            raise aiomysql.OperationalError(CR.CR_SERVER_LOST, "the connection is closed")
        self._writer.write(data)

    async def _read_bytes(self, count: int) -> bytes:
        if self._reader is None:  # as above
            raise aiomysql.OperationalError(CR.CR_SERVER_LOST, "the connection is closed")
        data: bytes = await super()._read_bytes(count)
        return data

    async def open(self) -> None:
        """Log in. Raises what aiomysql raises."""
        await self._connect()

    async def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of `query`."""
        self._channel[0].allow(ANSWER_LIMIT)
        async with self.cursor(_Cursor) as cursor:
            await cursor.execute(query, tuple(values) or None)
            return list(await cursor.fetchall())

    def ahead(self, *statements: bytes) -> None:
        """Send `statements`, each shorter than 16 MiB, before anything of their answers is read.

        So all of them take one round trip. `stream(None)` gives the answers, one after the other; `rows` skips those
        that were not read before it asks something else.
        """
        for statement in statements:
            self._write_bytes(struct.pack("<iB", len(statement) + 1, COMMAND.COM_QUERY) + statement)
            self._ahead += 1

    async def _read_query_result(self, unbuffered: bool = False) -> None:
        own = self._next_seq_id  # more than 1 behind a statement of 16 MiB or more
        while self._ahead:
            self._ahead -= 1
            self._next_seq_id = 1
            with suppress(
                aiomysql.MySQLError
            ):  # nobody wants this answer; if the connection is lost, the next one tells
                await super()._read_query_result()
        self._next_seq_id = own
        await super()._read_query_result(unbuffered)

    async def stream(self, query: bytes | None, *, sole: bool = False) -> AsyncGenerator[list[bytes], None]:
        """The rows of `query` in batches as they come, each the bytes of its packet (see `packets.columns`).

        None: the rows of the next statement that was sent `ahead`.

        `sole`: the query has one column; its values are given instead of the packets.

        Memory holds only what the channel has buffered. Leaving the iterator early drops the connection, because
        otherwise the rest of the answer would have to be read. Close it (`contextlib.aclosing`), so that this happens
        at once.
        """
        reader = self._channel[0]
        reader.allow(ANSWER_LIMIT)
        if query is None:
            self._ahead -= 1
            self._next_seq_id = 1
        else:
            await self._execute_command(COMMAND.COM_QUERY, query)
        in_step = False  # the server waits for our next command
        try:
            first = await self._read_packet()
            if first.is_load_local_packet():
                raise aiomysql.OperationalError(2068, sentence("the server asks for a file of this machine"))
            if not first.is_ok_packet():
                for _ in range(first.read_length_encoded_integer() + 1):  # the columns and their end
                    await self._read_packet()
                async with aclosing(row_packets(reader.read, reader.unread, sole=sole)) as batches:
                    async for rows in batches:
                        yield rows
            in_step = True
        except aiomysql.MySQLError as error:
            in_step = error.args[0] not in _OUT_OF_STEP
            raise
        finally:
            if not in_step:
                self.drop()

    async def each(self, statements: Sequence[str]) -> list[list[bytes] | aiomysql.MySQLError]:
        """The answer to each of `statements`: its row packets, or the error with which the server refuses it.

        Many statements share one round trip, because thousands of objects are looked at over lines that take tens of
        milliseconds each way. Raises CutShortError if the connection ends.
        """
        found: list[list[bytes] | aiomysql.MySQLError] = []
        encoded = [statement.encode("utf-8", "surrogateescape") for statement in statements]
        while some := encoded[len(found) : len(found) + _TOGETHER]:
            self._channel[0].allow(ANSWER_LIMIT)
            self.ahead(*some)
            try:
                async with aclosing(answers(self._channel[0].read, len(some))) as answered:
                    async for answer in answered:
                        found.append(answer)  # noqa: PERF401  # those before the end count
                self._ahead -= len(some)
            except (OSError, asyncio.IncompleteReadError) as error:
                raise CutShortError(len(found)) from error
            finally:
                if self._ahead:
                    self.drop()
        return found

    async def run(self, statement: bytes) -> None:
        """Run one statement as it is, and ignore its answer."""
        self._channel[0].allow(ANSWER_LIMIT)
        await self.query(statement)

    @property
    def warned(self) -> bool:
        """Whether the last statement that was run gave warnings."""
        return bool(self._result is not None and self._result.warning_count)

    @property
    def number(self) -> int:
        """The server's number for this session."""
        return int(self.thread_id())

    @property
    def gone(self) -> bool:
        """Whether the connection was closed: by us, or by the other side while it was idle."""
        return self._writer is None or self._channel[0].ended

    def drop(self) -> None:
        """Close at once, without a word to the server: it may be in the middle of an answer."""
        if self._writer is not None:
            self._writer.transport.close()
            self._reader = self._writer = None

    async def quit(self, seconds: float = 3.0) -> None:
        """Say goodbye and close, once the server has ended the session: the next login may need its place."""
        try:
            async with asyncio.timeout(seconds):
                self._write_bytes(struct.pack("<iB", 1, COMMAND.COM_QUIT))
                while True:
                    await self._channel[0].read(_PAGE)
        except Exception:  # noqa: S110  # the server may be gone; what matters is that the channel is closed
            pass
        finally:
            self.drop()

    def __repr__(self) -> str:  # aiomysql keeps the password among its attributes
        return "Connection(…)"
