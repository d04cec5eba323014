"""A database server that means no good, speaking MySQL just far enough."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Conversation = Callable[["Wire"], Awaitable[None]]

_CAPABILITIES = 0x000FF7FF  # all that a MySQL 5.7 has, without TLS and compression


class Wire:
    """The server's end of one connection: packets out, packets in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.sequence = 0

    async def send(self, payload: bytes) -> None:
        self.writer.write(struct.pack("<I", len(payload))[:3] + bytes([self.sequence]) + payload)
        self.sequence = (self.sequence + 1) % 256
        await self.writer.drain()

    async def receive(self) -> bytes:
        header = await self.reader.readexactly(4)
        self.sequence = (header[3] + 1) % 256
        return await self.reader.readexactly(int.from_bytes(header[:3], "little"))

    async def greet(self, plugin: bytes = b"mysql_native_password") -> bytes:
        """The greeting; what the client answers to it."""
        low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
        await self.send(
            b"\x0a5.5.5-10.11.0-MariaDB\0" + struct.pack("<I", 7) + b"x" * 8 + b"\0"
            + struct.pack("<HBHHB", low, 45, 2, high, 21) + b"\0" * 10 + b"y" * 12 + b"\0" + plugin + b"\0"
        )  # fmt: skip
        return await self.receive()

    async def welcome(self) -> None:
        """Greet and let in whoever it is; autocommit is on."""
        await self.greet()
        await self.send(OK)


OK = b"\0\0\0\2\0\0\0"


@contextlib.asynccontextmanager
async def served(conversation: Conversation) -> AsyncIterator[int]:
    """A listener on a free port of 127.0.0.1 that holds `conversation` with everyone."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await conversation(Wire(reader, writer))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
