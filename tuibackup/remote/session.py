"""One SSH connection to a server: run commands, stream them, reach its sockets, SFTP. `connect` opens it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

from tuibackup.config import Server
from tuibackup.errors import ConnectionLostError, RemoteCommandError
from tuibackup.remote import connecting
from tuibackup.remote.command import Command, Completed, describe, line, script
from tuibackup.remote.connecting import Hopping, SecretProvider
from tuibackup.remote.hostkeys import HostKey, host_key
from tuibackup.remote.questions import Answers
from tuibackup.remote.stream import LineHandler, Stream
from tuibackup.text import printable, size

LIMIT = 8 << 20  # bytes of output that `run` takes
_OPEN_SECONDS = 30.0  # for the server to start a command or open a channel
_CLOSE_SECONDS = 3.0


async def connect(
    server: Server,
    *,
    known_hosts: Path,
    answers: Answers,
    secrets: SecretProvider,
    deadline: float,
    notes: Callable[[str], None],
) -> "Session":
    """Log in to `server` through its hops. `deadline` is monotonic time; `notes` gets what is worth knowing.

    `known_hosts` is our own file, read beside the user's; accepted host keys are added to it.
    Raises ConnectError, HostKeyError, LoginError, NeedsOperatorError, and what `secrets` raises.
    """
    hopping = Hopping(server, known_hosts, answers, secrets, notes)
    return Session(server.name, await connecting.open_all(hopping, deadline))


async def learn_host_keys(
    server: Server,
    *,
    known_hosts: Path,
    answers: Answers,
    secrets: SecretProvider,
    deadline: float,
    notes: Callable[[str], None],
) -> None:
    """Go the way to `server` so that `answers` is asked about every host key that is not known yet.

    The server itself need not let us in: its key is what counts. A jump host has to. Raises as `connect` does.
    """
    hopping = Hopping(server, known_hosts, answers, secrets, notes)
    connecting.close_all(await connecting.open_all(hopping, deadline, log_in=False))


class Session:
    """A connection that is logged in. Every method raises ConnectionLostError once the connection is gone."""

    def __init__(self, name: str, connections: list[asyncssh.SSHClientConnection]) -> None:
        """`connections`: one for each hop, the server's last."""
        self.name = name
        self._connections = connections
        self._connection = connections[-1]
        self.user: str = self._connection.get_extra_info("username") or ""
        peer = self._connection.get_extra_info("peername")
        self.address: str = printable(str(peer[0])) if peer else name
        key = self._connection.get_server_host_key()
        self.host_key: HostKey = host_key(key) if key else HostKey("", "")

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._connection.is_closed()

    async def run(
        self,
        command: Command,
        *,
        input: bytes = b"",  # noqa: A002  # as in subprocess.run
        timeout: float,
        limit: int = LIMIT,
        sudo: bool = False,
    ) -> Completed:
        """Run `command` to its end, feed it `input`, and take at most `limit` bytes of its output.

        Raises RemoteCommandError when it takes longer than `timeout` seconds or says more than `limit`.
        """
        output = bytearray()
        try:
            async with asyncio.timeout(timeout), self.stream(command, sudo=sudo) as stream:
                feeding = asyncio.create_task(_feed(stream, input))
                try:
                    while chunk := await stream.read():
                        output += chunk
                        if len(output) > limit:
                            raise RemoteCommandError(
                                f"{self.name}: {describe(command)} said more than {size(limit)}"
                            )
                    ended = await stream.wait()
                finally:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
        except TimeoutError:
            raise RemoteCommandError(
                f"{self.name}: {describe(command)} did not end within {timeout:.0f} s"
            ) from None
        return Completed(script(command), bytes(output), bytes(stream.stderr), ended.status, ended.signal)

    @contextlib.asynccontextmanager
    async def stream(
        self, command: Command, *, sudo: bool = False, on_line: LineHandler | None = None
    ) -> AsyncIterator[Stream]:
        """A running command; `on_line` gets each line of its stderr. Leaving the block ends it."""
        stream = Stream(self.name, on_line)
        with self._loss():
            async with asyncio.timeout(_OPEN_SECONDS):
                await self._connection.create_session(
                    lambda: stream,
                    line(command, sudo=sudo),  # type: ignore[arg-type]  # bytes go through as they are
                    encoding=None,
                    window=connecting.WINDOW,
                    max_pktsize=connecting.PACKET,
                )
        try:
            yield stream
        finally:
            stream.abort()

    async def open_unix(self, path: str) -> tuple[Any, Any]:
        """(reader, writer) of a channel to the unix socket `path` on the server. Raises RemoteCommandError."""
        return await self._open(f"socket {path}", self._connection.open_unix_connection(path))

    async def open_tcp(self, host: str, port: int) -> tuple[Any, Any]:
        """(reader, writer) of a channel to `host` and `port` as seen from the server. RemoteCommandError."""
        return await self._open(f"{host} port {port}", self._connection.open_connection(host, port))

    async def _open(self, what: str, opening: Any) -> tuple[Any, Any]:
        with self._loss():
            try:
                async with asyncio.timeout(_OPEN_SECONDS):
                    reader, writer = await opening
            except asyncssh.ChannelOpenError as error:
                said = printable(error.reason)
                raise RemoteCommandError(
                    f"{self.name}: {printable(what)} cannot be reached: {said}"
                ) from error
        return reader, writer

    async def sftp(self) -> asyncssh.SFTPClient:
        """An SFTP client on this connection. Raises RemoteCommandError where the server has none."""
        with self._loss():
            try:
                async with asyncio.timeout(_OPEN_SECONDS):
                    return await self._connection.start_sftp_client()
            except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
                raise RemoteCommandError(f"{self.name}: no SFTP: {printable(error.reason)}") from error

    async def close(self) -> None:
        """Say goodbye; what still runs on this connection is ended."""
        for connection in reversed(self._connections):
            connection.close()
            with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.wait_closed()
        connecting.close_all(self._connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @contextlib.contextmanager
    def _loss(self) -> Iterator[None]:
        """Turn what asyncssh raises when a channel cannot be opened into our errors."""
        try:
            yield
        except asyncssh.ChannelOpenError as error:
            if self.lost or error.code == asyncssh.OPEN_CONNECT_FAILED:
                raise ConnectionLostError(f"connection to {self.name} lost") from error
            raise RemoteCommandError(f"{self.name}: refused a channel: {printable(error.reason)}") from error
        except TimeoutError as error:
            raise RemoteCommandError(f"{self.name}: no answer within {_OPEN_SECONDS:.0f} s") from error
        except (asyncssh.Error, OSError) as error:
            raise ConnectionLostError(f"connection to {self.name} lost: {printable(str(error))}") from error


async def _feed(stream: Stream, data: bytes) -> None:
    if data:
        await stream.write(data)
    stream.write_eof()
