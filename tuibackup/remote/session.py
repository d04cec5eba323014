"""One SSH connection to a server: run commands, stream them, reach its sockets, SFTP. `connect` opens it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import asyncssh
from asyncssh.constants import OPEN_REQUEST_SESSION_FAILED

from tuibackup.config import Server
from tuibackup.errors import (
    ConnectionLostError,
    ForbiddenError,
    NoChannelError,
    RemoteCommandError,
    RemoteTimeoutError,
)
from tuibackup.remote.command import Command, Completed, describe, line, rights, script
from tuibackup.remote.connect import connecting
from tuibackup.remote.connect.hopping import Hopping, SecretProvider
from tuibackup.remote.connect.hostkeys import HostKey, KnownHosts, host_key
from tuibackup.remote.connect.patience import Patience
from tuibackup.remote.marks import Marks
from tuibackup.remote.pace import Pace, Toll
from tuibackup.remote.questions import Answers
from tuibackup.remote.refusals import not_carried_out
from tuibackup.remote.slots import PAUSES, Slots
from tuibackup.remote.stream import HIGH, LineHandler, Stream
from tuibackup.remote.window import bound
from tuibackup.text import printable, shorten, size
from tuibackup.words import joined, sentence

LIMIT = 8 << 20  # bytes of output that `run` takes
BEGIN_SECONDS = 60.0  # for the account's start-up files
_OPEN_SECONDS = 30.0  # for the server to start a command or open a channel
_MOMENT = 1.0  # between the end of a command and of its connection, when a server goes down
_LONGEST = 300  # cells of what a server says
# What the account's start-up files may set for its people, and what would leave out or rename files of ours. From the
# root: find goes back to where it was started, and complains of a home that the account may not enter.
_OWN_GROUND = b"unset TAR_OPTIONS POSIXLY_CORRECT; cd /; "


async def connect(
    server: Server,
    *,
    known_hosts: KnownHosts,
    answers: Answers,
    secrets: SecretProvider,
    deadline: float,
    notes: Callable[[str], None],
    alone: bool = False,
) -> "Session":
    """Log in to `server` through its hops. `deadline` is monotonic time; `notes` gets what is worth knowing.

    `known_hosts` is our own, read beside the user's; accepted host keys are added to it and told. `alone`: only the key
    and the password of its configuration count, whatever the agent and ~/.ssh hold.
    Raises ConnectError, HostKeyError, LoginError, NeedsOperatorError, and what `secrets` raises.
    """
    hopping = Hopping(server, known_hosts, answers, secrets, notes, Patience(deadline), alone=alone)
    session = Session(server.name, await connecting.open_all(hopping))
    session.waited = joined("; ", hopping.waited)
    return session


async def learn_host_keys(
    server: Server,
    *,
    known_hosts: KnownHosts,
    answers: Answers,
    secrets: SecretProvider,
    deadline: float,
    notes: Callable[[str], None],
    heard: Callable[[str, HostKey | None], None] = lambda _version, _key: None,
) -> None:
    """Go the way to `server` so that `answers` is asked about every host key that is not known yet.

    No login is tried at the server itself: its key is what counts. A jump host has to let us in. `heard` is told how
    each hop presents itself, and with which key.
    Raises as `connect` does.
    """
    hopping = Hopping(server, known_hosts, answers, secrets, notes, Patience(deadline), heard)
    await connecting.close_all(await connecting.open_all(hopping, log_in=False))


class Session:
    """A connection that is logged in. Every method raises ConnectionLostError once the connection is gone."""

    def __init__(self, name: str, connections: list[asyncssh.SSHClientConnection]) -> None:
        """`connections`: one for each hop, the server's last."""
        self.name = name
        self._connections = connections
        self._connection = connections[-1]
        self._late: set[asyncio.Task[Any]] = set()
        self._slots = Slots()
        self.waited = ""  # for servers that refused us for a while, in words
        self.pace: Pace | None = (
            None  # the bandwidth limit of what is opened from now on; None: there is none
        )
        self.user: str = self._connection.get_extra_info("username") or ""
        peer = self._connection.get_extra_info("peername")  # behind a jump host it is empty
        self.address: str = printable(
            str((peer and peer[0]) or self._connection.get_extra_info("host") or name)
        )
        key = self._connection.get_server_host_key()
        self.host_key: HostKey = host_key(key) if key else HostKey("", "")

    @property
    def at_once(self) -> int | None:
        """How many commands the server runs at a time; None where it refused none so far."""
        return self._slots.most

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
        beside: bool = False,
    ) -> Completed:
        """Run `command` to its end, feed it `input`, and take at most `limit` bytes of its output.

        Raises RemoteCommandError when it takes longer than `timeout` seconds (from when it begins) or says more than
        `limit`; NoShellError where the server does something else instead. `beside` as for `stream`.
        """
        output, begun, loop = bytearray(), False, asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(None) as patience,
                self.stream(command, sudo=sudo, beside=beside) as stream,
            ):
                patience.reschedule(loop.time() + BEGIN_SECONDS)
                feeding = asyncio.create_task(_feed(stream, input))
                try:
                    await stream.begun()
                    begun = True
                    patience.reschedule(loop.time() + timeout)
                    while chunk := await stream.read():
                        output += chunk
                        if len(output) > limit:
                            raise RemoteCommandError(
                                sentence(
                                    "{name}: {command} said more than {limit}",
                                    name=self.name,
                                    command=describe(command),
                                    limit=size(limit),
                                )
                            )
                    ended = await stream.wait()
                finally:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
        except TimeoutError:
            if begun:
                raise RemoteTimeoutError(
                    sentence(
                        "{name}: {command} did not end within {timeout} s",
                        name=self.name,
                        command=describe(command),
                        timeout=f"{timeout:g}",
                    )
                ) from None
            said = sentence('; it says: "{noise}"', noise=stream.noise) if stream.noise else ""
            raise RemoteTimeoutError(
                sentence(
                    "{name}: the login worked, but its shell did not answer within {begin_seconds} s{said}",
                    name=self.name,
                    begin_seconds=f"{BEGIN_SECONDS:g}",
                    said=said,
                ),
                sentence("do the start-up files of that account wait for something?"),
            ) from None
        return Completed(script(command), bytes(output), bytes(stream.stderr), ended.status, ended.signal)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        command: Command,
        *,
        sudo: bool = False,
        on_line: LineHandler | None = None,
        window: int = connecting.WINDOW,
        beside: bool = False,
    ) -> AsyncIterator[Stream]:
        """A running command; `on_line` gets each line of its stderr. Leaving the block ends it.

        `window`: bytes that may be under way; less where several stream at the same time. Where the server runs no
        more at a time, it waits until another one has ended; one that is needed `beside` others (they wait for it)
        raises NoChannelError instead.
        """
        marks = Marks()
        text = line(marks.text(_OWN_GROUND + rights(command, sudo=sudo)))
        what = describe(command)
        async with self._started(what, on_line, marks, beside=beside, command=text, window=window) as stream:
            try:
                yield stream
            finally:
                stream.abort()

    @contextlib.asynccontextmanager
    async def subsystem(self, name: str) -> AsyncIterator[Stream]:
        """A subsystem of the server ("sftp"; see `remote.sftp`). RemoteCommandError where it has none.

        Leaving the block closes its channel. No signal is sent: asyncssh's server ends the whole connection over one.
        """
        async with self._started(name.upper(), None, subsystem=name) as stream:
            try:
                yield stream
            finally:
                stream.abort(signal=False)

    @contextlib.asynccontextmanager
    async def _started(
        self,
        what: str,
        on_line: LineHandler | None,
        marks: Marks | None = None,
        *,
        beside: bool = False,
        window: int = connecting.WINDOW,
        **kind: bytes | str,
    ) -> AsyncIterator[Stream]:
        """Something that counts as one of the server's sessions. Tried again where it may be one too many."""
        refused = 0
        while True:
            if self._slots.full and beside:
                raise self._no_more(what)
            await self._slots.free()
            try:
                stream = await self._begun(what, on_line, marks, window=window, **kind)
                break
            except RemoteCommandError as error:
                if marks and _request_refused(error):
                    raise not_carried_out(self.name, b"", error.message.encode(), None) from error
                if not isinstance(error, NoChannelError):
                    raise
                refused += 1
                if self._slots.refused(refused):
                    await asyncio.sleep(PAUSES[refused - 1])
                elif beside or not self._slots.taken:
                    raise
        with self._slots:
            yield stream

    def _no_more(self, what: str) -> NoChannelError:
        return NoChannelError(
            sentence(
                "{name}: {what}: the server allows only {at_once} at a time",
                name=self.name,
                what=what,
                at_once=self.at_once,
            ),
            sentence("see MaxSessions in its sshd_config"),
        )

    async def _begun(
        self, what: str, on_line: LineHandler | None, marks: Marks | None, *, window: int, **kind: bytes | str
    ) -> Stream:
        stream = Stream(self.name, on_line, self.pace, min(HIGH, window), marks)
        await self._opened(
            self._connection.create_session(
                lambda: stream,
                encoding=None,
                window=min(window, self.pace.window) if self.pace else window,
                max_pktsize=connecting.PACKET,
                **kind,  # type: ignore[arg-type]  # bytes of a command go through as they are
            ),
            what,
            lambda opened: opened[0].abort(),
            session=True,
        )
        return stream

    async def sftp(self) -> "asyncssh.SFTPClient":
        """A client that can write, too; names are bytes. Raises RemoteCommandError: the server has no SFTP."""
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await self._connection.start_sftp_client(path_encoding=None)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            if await self.gone(error):
                raise ConnectionLostError(
                    sentence("{server}: the connection was lost", server=self.name)
                ) from error
            raise RemoteCommandError(
                sentence("{server}: no SFTP there ({error})", server=self.name, error=printable(str(error))),
                sentence("it needs a line in its sshd_config: Subsystem sftp internal-sftp"),
            ) from error

    async def open_unix(self, path: str) -> tuple[Any, Any]:
        """(reader, writer) of a channel to the unix socket `path` on the server. Raises RemoteCommandError."""
        opening = self._connection.open_unix_connection(path, **self._window())
        return self._paced(
            await self._opened(opening, sentence("socket {path}", path=printable(path)), _drop)
        )

    async def open_tcp(self, host: str, port: int) -> tuple[Any, Any]:
        """(reader, writer) of a channel to `host` and `port` as seen from the server. RemoteCommandError."""
        opening = self._connection.open_connection(host, port, **self._window())
        return self._paced(
            await self._opened(
                opening, sentence("{host} port {port}", host=printable(host), port=port), _drop
            )
        )

    async def gone(self, error: Exception) -> bool:
        """Whether `error`, which a command or channel ended with, comes of the connection's loss.

        A server that goes down ends its commands first: so it is asked a moment later whether it is still there.
        """
        if isinstance(error, ConnectionLostError):
            return True
        await asyncio.sleep(_MOMENT)
        try:
            await self.run(b":", timeout=_OPEN_SECONDS, beside=True)
        except ConnectionLostError:
            return True
        except RemoteCommandError:  # it answers, or there is no shell that could
            pass
        return self.lost

    def _window(self) -> dict[str, int]:
        """asyncssh's option for a channel's window, where ours is to be smaller."""
        return {"window": self.pace.window} if self.pace else {}

    def _paced(self, opened: tuple[Any, Any]) -> tuple[Any, Any]:
        reader, writer = opened
        bound(writer.channel)
        return (_PacedReader(reader, self.pace.reader()), writer) if self.pace else (reader, writer)

    async def close(self) -> None:
        """Say goodbye; what still runs on this connection is ended."""
        await connecting.close_all(self._connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _opened(
        self, opening: Awaitable[Any], what: str, drop: Callable[[Any], None], *, session: bool = False
    ) -> Any:
        """What `opening` a channel gives. One that opens when nobody waits any more is dropped.

        Cancelling asyncssh in the middle would leave the channel, and a command that has started, to the server.
        """
        task = asyncio.ensure_future(opening)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._leave(task, drop)
            raise
        except TimeoutError as error:
            self._leave(task, drop)
            raise RemoteCommandError(
                sentence(
                    "{name}: {what}: no answer within {open_seconds} s",
                    name=self.name,
                    what=what,
                    open_seconds=f"{_OPEN_SECONDS:g}",
                )
            ) from error
        except Exception as error:  # asyncssh hands through whatever ended the connection
            await asyncio.sleep(0)  # until it has noted that itself
            if self.lost or isinstance(error, asyncssh.DisconnectError):
                raise ConnectionLostError(sentence("connection to {name} lost", name=self.name)) from error
            raise self._not_opened(what, error, session) from error

    def _not_opened(self, what: str, error: Exception, session: bool) -> RemoteCommandError:
        """The error for a channel that the server does not open. Of a session too many sshd says that it failed."""
        said = shorten(printable(getattr(error, "reason", "") or str(error)), _LONGEST)
        line = sentence("{name}: {what} cannot be opened: {said}", name=self.name, what=what, said=said)
        code = getattr(error, "code", None)
        if code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            return ForbiddenError(line)
        if session and code in (asyncssh.OPEN_RESOURCE_SHORTAGE, asyncssh.OPEN_CONNECT_FAILED):
            return NoChannelError(line, sentence("see MaxSessions in its sshd_config"))
        return RemoteCommandError(line)

    def _leave(self, task: asyncio.Task[Any], drop: Callable[[Any], None]) -> None:
        """Let `task` end by itself, at the latest with the connection."""

        def ended(task: asyncio.Task[Any]) -> None:
            self._late.discard(task)
            if not task.cancelled() and task.exception() is None:
                drop(task.result())

        self._late.add(task)
        task.add_done_callback(ended)


class _PacedReader:
    """asyncssh's reader of a channel under a bandwidth limit."""

    def __init__(self, reader: Any, toll: Toll) -> None:
        self._reader = reader
        self._toll = toll

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def read(self, count: int = -1) -> Any:
        await self._toll.ready()
        return self._took(await self._reader.read(count))

    async def readexactly(self, count: int) -> Any:
        await self._toll.ready()
        return self._took(await self._reader.readexactly(count))

    def _took(self, data: Any) -> Any:
        self._toll.took(len(data))
        return data


def _request_refused(error: RemoteCommandError) -> bool:
    """Whether the server opened the session, and runs no commands in any."""
    return getattr(error.__cause__, "code", None) == OPEN_REQUEST_SESSION_FAILED


def _drop(opened: tuple[Any, Any]) -> None:
    opened[1].close()


async def _feed(stream: Stream, data: bytes) -> None:
    if data:
        await stream.write(data)
    stream.write_eof()
