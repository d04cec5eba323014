"""TLS inside a channel: for database accounts and servers that refuse a password or a query without it.

The SSH connection ends on the server itself, and the database is reached from there. So certificates are not checked;
MySQL's own programs do not check them either unless they are configured to.
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
    """Plain bytes here, TLS on the reader and the writer of the line. Raises what these raise, and SSLError."""

    def __init__(self, reader: _Reads, writer: _Writes) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._reader = reader
        self._writer = writer
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._coming, self._going)

    async def begin(self) -> None:
        """The handshake; it begins with the next byte on the line."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                self._send()
                return

    async def read(self, count: int) -> bytes:
        """The bytes that are here, `count` at most; b"" at the end."""
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
        """Wait until the line can take more bytes."""
        await self._writer.drain()

    def _send(self) -> None:
        if data := self._going.read():
            self._writer.write(data)

    async def _exchange(self) -> None:
        """Send the bytes that TLS has ready and read more. Raises IncompleteReadError at the end of the line."""
        self._send()
        self._coming.write(await self._reader.read(_PIECE))
