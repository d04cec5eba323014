"""Asks a database over one connection: small answers as a whole, large ones as they stream; errors are our own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import aiomysql

from tuibackup.database.connect.connection import Connection
from tuibackup.database.connect.packets import EndlessAnswerError, columns
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence

STALL_SECONDS = 900.0  # without a row: a table may take long to sort
_ANSWER = 128 << 20  # bytes of an answer that is kept
_GONE = (2006, 2013, 2014, 2027)


class StatementError(DatabaseError):
    """The server refuses a statement, with its error's number in `code` (1412: the table was changed meanwhile).

    `said`: its words.
    """

    def __init__(self, message: str, code: int, said: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.said = said or message


class Asker:
    """`connection` may be replaced after a loss. Raises StatementError, DatabaseError, ConnectionLostError."""

    def __init__(self, connection: Connection, server: str) -> None:
        """`server`: its name in messages."""
        self.connection = connection
        self._server = server

    async def ask(self, query: str) -> list[list[bytes | None]]:
        """All rows of a small answer."""
        found: list[list[bytes | None]] = []
        size = 0
        async with aclosing(self.stream(query)) as batches:
            async for batch in batches:
                size += sum(map(len, batch))
                if size > _ANSWER:
                    raise DatabaseError(
                        sentence(
                            "{server}: the database sent an answer that is too large", server=self._server
                        )
                    )
                found += map(columns, batch)
        return found

    async def stream(self, query: str | None, *, sole: bool = False) -> AsyncGenerator[list[bytes], None]:
        """Batches of row packets; raises our own errors. None: of the next statement that was sent ahead."""
        asked = None if query is None else query.encode("utf-8", "surrogateescape")
        stream = self.connection.stream(asked, sole=sole)
        try:
            async with aclosing(stream):
                while True:
                    async with asyncio.timeout(STALL_SECONDS):
                        batch = await anext(stream, None)
                    if batch is None:
                        return
                    yield batch
        except TimeoutError as error:
            raise DatabaseError(
                sentence("{server}: no answer from the database", server=self._server)
            ) from error
        except EndlessAnswerError as error:
            raise DatabaseError(
                sentence("{server}: the database sent an answer that is too large", server=self._server)
            ) from error
        except aiomysql.MySQLError as error:
            code = int(error.args[0]) if error.args and isinstance(error.args[0], int) else 0
            said = printable(str(error.args[1] if len(error.args) > 1 else error))
            if code in _GONE or isinstance(error, aiomysql.InterfaceError):
                raise ConnectionLostError(
                    sentence(
                        "{server}: the database closed the connection: {said}", server=self._server, said=said
                    )
                ) from error
            raise StatementError(
                sentence("{server}: the database says: {said}", server=self._server, said=said), code, said
            ) from error
        except (asyncio.IncompleteReadError, OSError, AttributeError) as error:
            raise ConnectionLostError(
                sentence("{server}: the database closed the connection", server=self._server)
            ) from error


def as_bytes(value: bytes | None) -> bytes:
    """A value that every server gives."""
    if value is None:
        raise StatementError(sentence("the database's answer lacks a value that was asked for"), 0)
    return value


def as_text(value: bytes | None) -> str:
    return as_bytes(value).decode("utf-8", "surrogateescape")
