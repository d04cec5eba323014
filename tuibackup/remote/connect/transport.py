"""How bytes get to the next hop: over TCP, through a ProxyCommand, through the hop before. asyncssh's "tunnel".

What a server says before its version is kept: asyncssh throws it away, and it is all that a server says which will
not let us in just now ("Not allowed at this time", "Exceeded MaxStartups").
"""

import asyncio
import contextlib
import os
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import asyncssh

from tuibackup.remote.connect.receiving import Receiver
from tuibackup.text import printable, shorten
from tuibackup.words import joined, sentence

WINDOW = 32 << 20  # asyncssh's default of 2 MiB holds a 20 ms line to a fifth of its speed
PACKET = 256 << 10
_SILENCE = 1.0  # seconds that the server may speak first; OpenSSH does at once
_KEPT = 4096  # bytes of what comes before the version, and of what a ProxyCommand complains
_LONGEST = 300  # cells of it
_ENDING = 1.0  # seconds for a ProxyCommand to tell how it ended


class _Listening(asyncio.BufferedProtocol):
    """Between a transport and asyncssh's connection, which takes it for its transport.

    What asyncssh sends is held back until the server has spoken, for a moment: a server that refuses us writes a line
    and closes, and that with our bytes unread resets the connection, which takes the line away with it.
    """

    def __init__(self, connection: Any, gone: Callable[[], None]) -> None:
        self.connection = connection
        self.heard = b""
        self._gone = gone
        self._receiver = Receiver(connection)
        self._room = memoryview(b"")  # where what comes is put
        self._spoken = False
        self._transport: Any = None
        self._held: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(_SILENCE, self._release)
        self.connection.connection_made(self)

    def session_started(self) -> None:
        self.connection.session_started()

    def get_buffer(self, sizehint: int) -> memoryview:
        self._room = self._receiver.room()
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        if not self._spoken:
            self._hear(bytes(self._room[:nbytes]))
        self._receiver.received(nbytes)

    def data_received(self, data: bytes, datatype: object = None) -> None:
        """From the hop before, which takes this for a session."""
        if not self._spoken:
            self._hear(data)
        self._receiver.feed(data)

    def _hear(self, data: bytes) -> None:
        self.heard = (self.heard + data)[:_KEPT]
        self._spoken = self.heard.startswith(b"SSH-") or b"\nSSH-" in self.heard or len(self.heard) == _KEPT
        self._release()

    def eof_received(self) -> bool | None:
        self._release()
        return self.connection.eof_received()  # type: ignore[no-any-return]  # asyncssh's

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        self.connection.connection_lost(exc)
        self._gone()

    def pause_writing(self) -> None:
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        self.connection.resume_writing()

    # the transport that asyncssh sees

    def write(self, data: bytes) -> None:
        if self._timer is None:
            self._transport.write(data)
        else:
            self._held.append(bytes(data))

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            for data in self._held:
                self._transport.write(data)
            self._held.clear()

    def close(self) -> None:
        self._release()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Way(ABC):
    """One attempt's way. `jump`: the hop before, "" for none."""

    jump = ""

    def __init__(self) -> None:
        self._listening: _Listening | None = None

    @abstractmethod
    async def create_connection(self, factory: Callable[..., Any], host: str, port: int) -> tuple[Any, Any]:
        """What asyncssh calls: a connection made by `factory`, on this way."""

    @property
    def heard(self) -> str:
        """What the server said before its version, in one line."""
        heard = self._listening.heard if self._listening else b""
        lines = heard.decode("utf-8", "replace").splitlines()
        said = " ".join(line for line in lines if not line.startswith("SSH-")).strip()
        return shorten(printable(said), _LONGEST)

    async def ended(self) -> str:
        """How a ProxyCommand failed, "" where there is none, it goes on, or it ended well."""
        return ""

    def _listen(self, factory: Callable[..., Any], gone: Callable[[], None] = lambda: None) -> _Listening:
        self._listening = _Listening(factory(), gone)
        return self._listening


class Direct(Way):
    """Straight over TCP, from a local address and by an address family where those are configured."""

    def __init__(self, family: int = 0, local_addr: tuple[str, int] | None = None) -> None:
        super().__init__()
        self._family = family
        self._local_addr = local_addr

    async def create_connection(self, factory: Callable[..., Any], host: str, port: int) -> tuple[Any, Any]:
        """See `Way`."""
        loop = asyncio.get_running_loop()
        transport, listening = await loop.create_connection(
            lambda: self._listen(factory), host, port, family=self._family, local_addr=self._local_addr
        )
        return transport, listening.connection


class Through(Way):
    """Through the hop before; with asyncssh's default window it would be the bottleneck."""

    def __init__(self, before: asyncssh.SSHClientConnection) -> None:
        super().__init__()
        self._before: Any = before  # takes a protocol for a session: it has what is called of one
        self.jump = printable(before.get_extra_info("host") or "")

    async def create_connection(self, factory: Callable[..., Any], host: str, port: int) -> tuple[Any, Any]:
        """See `Way`."""
        channel, listening = await self._before.create_connection(
            lambda: self._listen(factory), host, port, window=WINDOW, max_pktsize=PACKET
        )
        return channel, listening.connection


_minded: set[asyncio.Task[None]] = set()  # a loop alone does not keep its tasks


class Proxied(Way):
    """Through the standard input and output of a command, which a shell runs as with ssh."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._minding: asyncio.Task[None] | None = None
        self._complaint = b""

    async def create_connection(self, factory: Callable[..., Any], host: str, port: int) -> tuple[Any, Any]:
        """See `Way`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    os.environ.get("SHELL") or "/bin/sh",
                    "-c",
                    f"exec {self._command}",
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        self._minding = asyncio.create_task(self._mind(self._process))
        _minded.add(self._minding)
        self._minding.add_done_callback(_minded.discard)
        transport, listening = await asyncio.get_running_loop().create_connection(
            lambda: self._listen(factory, self._hang_up), sock=ours
        )
        return transport, listening.connection

    async def ended(self) -> str:
        """See `Way`. One that ends well just passes on that the server has closed the connection."""
        if self._minding is None or self._process is None:
            return ""
        await asyncio.wait([self._minding], timeout=_ENDING)
        code = self._process.returncode
        if not code:
            return ""
        said = printable(" ".join(self._complaint.decode("utf-8", "replace").split()))
        return shorten(joined(": ", filter(None, (sentence("exit {code}", code=code), said))), _LONGEST)

    def _hang_up(self) -> None:
        """As ssh does: some commands would wait on."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGHUP)

    async def _mind(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of what it complains, and see it end."""
        assert process.stderr is not None
        try:
            while data := await process.stderr.read(_KEPT):
                self._complaint = (self._complaint + data)[-_KEPT:]
            await process.wait()
        finally:
            self._hang_up()
