"""TLS inside a channel: for database accounts and servers that take no password and no query without it.

The SSH connection ends on the server itself, and the database is reached from there: so certificates are not looked
at, as MySQL's own programs do not where nothing is configured.
"""

import asyncio
import ssl
from typing import Protocol

_PIECE = 64 << 10


class _Reads(Protocol):
    async def read(self, count: int) -> bytes: ...

    @property
    def ended(self) -> bool: ...


class _Writes(Protocol):
    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class Tls:
    """Reads and writes in clear over a reader and a writer of bytes on the line. Raises what these raise, SSLError."""

    def __init__(self, reader: _Reads, writer: _Writes) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._reader = reader
        self._writer = writer
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._coming, self._going)

    async def begin(self) -> None:
        """The handshake; the next byte on the line is the first of it."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                self._send()
                return

    async def read(self, count: int) -> bytes:
        """What is there, `count` bytes at most; b"" at the end."""
        found = bytearray()
        while len(found) < count:
            try:
                data = self._tls.read(count - len(found))
            except ssl.SSLWantReadError:
                if found:
                    break
                try:
                    await self._exchange()
                except asyncio.IncompleteReadError:
                    break
                continue
            except ssl.SSLZeroReturnError:  # it said goodbye
                break
            found += data
        return bytes(found)

    async def readexactly(self, count: int) -> bytes:
        """`count` bytes. Raises IncompleteReadError."""
        found = b""
        while len(found) < count:
            data = await self.read(count - len(found))
            if not data:
                raise asyncio.IncompleteReadError(found, count)
            found = found + data if found else data
        return found

    def at_eof(self) -> bool:
        """Whether nothing more can come."""
        return self._reader.ended and not self._coming.pending and not self._tls.pending()

    def write(self, data: bytes) -> None:
        """Send `data`."""
        self._tls.write(data)
        self._send()

    async def drain(self) -> None:
        """Wait until the line takes more."""
        await self._writer.drain()

    def _send(self) -> None:
        if data := self._going.read():
            self._writer.write(data)

    async def _exchange(self) -> None:
        """Send what it has to say and take what comes. Raises IncompleteReadError at the end of the line."""
        self._send()
        self._coming.write(await self._reader.read(_PIECE))
