"""aiomysql over a channel of the SSH connection: no listener on this machine. The one place that knows its insides.

aiomysql opens its own sockets; here it is given the reader and writer of a channel. It closes and configures its
socket through `writer.transport`, which asyncssh's writer lacks: an "Access denied" then surfaced as
AttributeError.
"""

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any

import aiomysql

from tuibackup.secret import Secret

# aiomysql warns in Python's way about a server's notes and about LOCAL INFILE, which stays off
warnings.filterwarnings("ignore", module=r"aiomysql(\..*)?")
warnings.filterwarnings("ignore", category=aiomysql.Warning)

Row = tuple[Any, ...]


class _Transport:
    """What aiomysql wants of a transport."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def close(self) -> None:
        self._writer.close()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class _Writer:
    """asyncssh's writer with a transport."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.transport = _Transport(writer)

    def write(self, data: bytes) -> None:
        self._writer.write(bytes(data))

    async def drain(self) -> None:
        await self._writer.drain()


class Connection(aiomysql.Connection):  # type: ignore[misc]  # aiomysql has no types
    """A connection over the channel `reader` and `writer`.

    `local` says that the channel ends in the server's unix socket: only then may a password be sent in clear
    (it does not leave the two machines), as some authentication plugins do.
    """

    def __init__(self, reader: Any, writer: Any, user: str, password: Secret | None, *, local: bool) -> None:
        super().__init__(
            user=user,
            # aiomysql encodes it as Latin-1; servers compare the bytes of UTF-8
            password=password.reveal().encode().decode("latin-1") if password else "",
            charset="utf8mb4",
            autocommit=True,
            local_infile=False,
            program_name="tuibackup",
        )
        self._channel = reader, writer
        self._local = local

    async def _connect(self) -> None:
        reader, writer = self._channel
        self._reader = reader
        self._writer: _Writer | None = _Writer(writer)
        self._secure = self._local
        self.host_info = "over SSH"
        self._next_seq_id = 0
        try:
            await self._get_server_information()
            await self._request_authentication()
            await self.autocommit(True)
        except BaseException:
            writer.close()
            self._reader = self._writer = None
            raise

    async def open(self) -> None:
        """Log in. Raises what aiomysql raises."""
        await self._connect()

    async def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of `query`."""
        async with self.cursor() as cursor:
            await cursor.execute(query, tuple(values) or None)
            return list(await cursor.fetchall())

    def drop(self) -> None:
        """Close at once, without a word to the server: it may be in the middle of an answer."""
        if self._writer is not None:
            self._writer.transport.close()
            self._reader = self._writer = None

    async def quit(self, seconds: float = 3.0) -> None:
        """Say goodbye and close."""
        try:
            async with asyncio.timeout(seconds):
                await self.ensure_closed()
        except Exception:  # the server may be gone; what matters is that the channel is closed
            self.drop()

    def __repr__(self) -> str:  # aiomysql keeps the password among its attributes
        return "Connection(…)"
