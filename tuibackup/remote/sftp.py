"""An SFTP client (version 3) that only reads: requests go out without waiting for answers, and no answer is believed.

asyncssh has one too. This one knows the bandwidth limit of the connection, sends the requests of one moment in one
packet, keeps names as bytes, and refuses an answer that is larger than was asked for before it is in memory (asyncssh
makes 350,000 objects of one packet of 4 MiB).

Every request is sent at once, and gives a future; an awaited future raises SftpError when the server says no,
RemoteCommandError when it answers nonsense or ends SFTP, RemoteTimeoutError when it is silent for too long,
ConnectionLostError.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from tuibackup.errors import ConnectionLostError, RemoteCommandError, RemoteTimeoutError
from tuibackup.remote.refusals import words
from tuibackup.remote.session import Session
from tuibackup.remote.sftpanswers import (
    Attributes,
    Name,
    attributes,
    data,
    extensions,
    file_handle,
    filesystem_id,
    limits,
    listed_names,
    one_name,
    packed_string,
    status,
)
from tuibackup.remote.stream import Stream
from tuibackup.text import duration
from tuibackup.words import sentence

SILENCE = (
    600.0  # seconds without an answer to anything, as for commands: a slow disk may be searched for long
)
_START_SECONDS = 30.0
_VERSION = 3
_SHORT = 64 << 10  # bytes of an answer that is no content and no list
_LIST = 320 << 10  # of a list of names; OpenSSH's longest message is 256 KiB
_PIECE = 32 << 10  # bytes that every server gives at once …
_LARGEST_PIECE = 256 << 10  # … and that are asked for at once where a server says that it can
_HANDLES = 64  # open files and folders where the server does not say how many it can have
_MOST_HANDLES = 128

NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = 2, 3, 4
_EOF = 1
# The beginning of the server's first answer, its version: what start-up files write before it is no answer. (OpenSSH's
# own client says "Received message too long" to that.)
_HELLO = re.compile(rb"\0[\0\1]..\x02\0\0\0.", re.DOTALL)
_MOST_NOISE = 64 << 10

_T = TypeVar("_T")


class SftpError(Exception):
    """The server's answer to one request is no; `code` is SFTP's, `said` its own words, cleaned."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class _Request(msgspec.Struct):
    future: "asyncio.Future[Any]"
    answer: int  # the type of a good answer
    parse: Callable[[memoryview], Any]
    most: int  # bytes that a good answer has at most
    at_end: Any = None  # the answer where the server says "end of file"


_INIT_TYPE, _VERSION_TYPE = 1, 2
_OPEN, _CLOSE, _READ, _LSTAT, _FSTAT = 3, 4, 5, 7, 8
_OPENDIR, _READDIR, _REALPATH, _STAT, _READLINK = 11, 12, 16, 17, 19
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED, _REPLY = 101, 102, 103, 104, 105, 200, 201
_FXF_READ = 1


@asynccontextmanager
async def opened(session: Session) -> AsyncIterator["Sftp"]:
    """SFTP over a channel of `session`. RemoteCommandError where the server has none."""
    async with session.subsystem("sftp") as stream:
        client = Sftp(stream, session.name)
        tasks = [asyncio.create_task(client._send()), asyncio.create_task(client._receive())]
        try:
            await client._start()
            yield client
        except RemoteTimeoutError:
            stream.abort()  # it hangs in something, and may be told to end
            raise
        finally:
            client._fail(RemoteCommandError(sentence("{session}: SFTP was closed", session=session.name)))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Sftp:
    """One SFTP channel, opened by `opened`. `piece` bytes are read at once, `handles` may be open."""

    def __init__(self, stream: Stream, name: str) -> None:
        self.piece = _PIECE
        self.handles = _HANDLES
        self._stream = stream
        self._server = name
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Request] = {}
        self._next = 0
        self._out = bytearray()
        self._wake = asyncio.Event()
        self._buffer = bytearray()
        self._since = 0.0  # when we last heard something, or began to wait
        self._fault: Exception | None = None
        self._extensions: dict[bytes, bytes] = {}
        self._greeted = True  # whether its first answer has begun, behind whatever start-up files write
        self._begun = False  # whether it answered in this language

    # requests

    def lstat(self, path: bytes) -> "asyncio.Future[Attributes]":
        """Attributes of what is at `path`, of the link itself if it is one."""
        return self._ask(_LSTAT, packed_string(path), _ATTRS, attributes)

    def stat(self, path: bytes) -> "asyncio.Future[Attributes]":
        """The same behind links."""
        return self._ask(_STAT, packed_string(path), _ATTRS, attributes)

    def fstat(self, handle: bytes) -> "asyncio.Future[Attributes]":
        """The same of an open file."""
        return self._ask(_FSTAT, packed_string(handle), _ATTRS, attributes)

    def open(self, path: bytes) -> "asyncio.Future[bytes]":
        """A handle to read the file at `path`. A FIFO there stops the server for ever: look first."""
        body = packed_string(path) + struct.pack(">II", _FXF_READ, 0)
        return self._ask(_OPEN, body, _HANDLE, file_handle)

    def read(self, handle: bytes, offset: int, length: int) -> "asyncio.Future[bytes]":
        """Up to `length` bytes; b"" at the end of the file. A server may give less than that at any time."""
        body = packed_string(handle) + struct.pack(">QI", offset, length)
        return self._ask(_READ, body, _DATA, data, most=length + 9, at_end=b"")

    def close(self, handle: bytes) -> None:
        """Close a file or folder. Whatever the server says of that is nothing to us."""
        self._ask(_CLOSE, packed_string(handle), _STATUS, bytes)

    def opendir(self, path: bytes) -> "asyncio.Future[bytes]":
        """A handle to list the folder at `path`."""
        return self._ask(_OPENDIR, packed_string(path), _HANDLE, file_handle)

    def readdir(self, handle: bytes) -> "asyncio.Future[list[Name]]":
        """The next names of a folder; none at its end."""
        return self._ask(_READDIR, packed_string(handle), _NAME, listed_names, most=_LIST, at_end=[])

    def readlink(self, path: bytes) -> "asyncio.Future[bytes]":
        """Where the link at `path` points to."""
        return self._ask(_READLINK, packed_string(path), _NAME, one_name)

    def realpath(self, path: bytes) -> "asyncio.Future[bytes]":
        """`path` made absolute, by most servers without links in it."""
        return self._ask(_REALPATH, packed_string(path), _NAME, one_name)

    @property
    def knows_filesystems(self) -> bool:
        """Whether `filesystem` may be asked."""
        return self._extensions.get(b"statvfs@openssh.com") == b"2"

    def filesystem(self, path: bytes) -> "asyncio.Future[int]":
        """A number of the file system that `path` lies in."""
        return self._ask(
            _EXTENDED, packed_string(b"statvfs@openssh.com") + packed_string(path), _REPLY, filesystem_id
        )

    # the way there

    async def _start(self) -> None:
        hello: asyncio.Future[dict[bytes, bytes]] = self._loop.create_future()
        # An answer's number stands where the version does in the first one.
        self._waiting[_VERSION] = _Request(hello, _VERSION_TYPE, extensions, _SHORT)
        self._greeted = False
        self._since = self._loop.time()
        self._out += struct.pack(">IBI", 5, _INIT_TYPE, _VERSION)
        self._wake.set()
        try:
            async with asyncio.timeout(_START_SECONDS):
                self._extensions = await hello
                self._begun = True
                self._next = _VERSION + 1
                if self._extensions.get(b"limits@openssh.com") == b"1":
                    ask = self._ask(_EXTENDED, packed_string(b"limits@openssh.com"), _REPLY, limits)
                    piece, handles = await ask
                    self.piece = min(_LARGEST_PIECE, piece) if piece else _PIECE
                    self.handles = min(_MOST_HANDLES, handles // 2 or 1) if handles else _MOST_HANDLES
        except SftpError:  # then it has no limits to tell
            pass
        except TimeoutError:
            silent = sentence(
                "does not answer within {start_seconds}", start_seconds=duration(_START_SECONDS)
            )
            raise RemoteTimeoutError(
                sentence(
                    "{server}: SFTP {silent}{said}", server=self._server, silent=silent, said=self._said()
                )
            ) from None

    def _ask(
        self,
        kind: int,
        body: bytes,
        answer: int,
        parse: Callable[[memoryview], _T],
        *,
        most: int = _SHORT,
        at_end: _T | None = None,
    ) -> "asyncio.Future[_T]":
        future: asyncio.Future[_T] = self._loop.create_future()
        if self._fault is not None:
            _refuse(future, self._fault)
            return future
        if not self._waiting:
            self._since = self._loop.time()
        number = self._next
        self._next = (number + 1) & 0xFFFFFFFF
        self._waiting[number] = _Request(future, answer, parse, max(most, _SHORT), at_end)
        self._out += struct.pack(">IBI", len(body) + 5, kind, number) + body
        self._wake.set()
        return future

    async def _send(self) -> None:
        """All that was asked since the last time goes out together."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                data = bytes(self._out)
                self._out.clear()
                await self._stream.write(data)
        except ConnectionLostError as error:
            self._fail(error)

    # the way back

    async def _receive(self) -> None:
        try:
            while data := await self._piece():
                self._take(data)
            raise self._broken(sentence("the server ended it"))
        except (ConnectionLostError, RemoteCommandError) as error:
            self._fail(error)
        except (struct.error, ValueError, OverflowError):
            self._fail(self._broken(sentence("the server's answer cannot be understood")))

    def _broken(self, why: str) -> RemoteCommandError:
        if self._begun:
            return RemoteCommandError(
                sentence("{server}: SFTP: {why}{said}", server=self._server, why=why, said=self._said())
            )
        return RemoteCommandError(
            sentence(
                "{server}: SFTP cannot be opened: {why} at once{said}",
                server=self._server,
                why=why,
                said=self._said(),
            )
        )

    def _said(self) -> str:
        """The server's own words, where it has any."""
        said = words(bytes(self._stream.stderr), b"" if self._begun else bytes(self._buffer))
        return sentence('; it says: "{said}"', said=said) if said else ""

    def _skip_noise(self) -> bool:
        """Whether the server's first answer has begun; what came before it is dropped then."""
        if found := _HELLO.search(self._buffer):
            del self._buffer[: found.start()]
            self._greeted = True
        elif len(self._buffer) > _MOST_NOISE:
            raise ValueError
        return self._greeted

    async def _piece(self) -> bytes:
        while True:
            try:
                data = await self._stream.read(within=SILENCE)
            except TimeoutError:
                if self._waiting and self._loop.time() - self._since >= SILENCE:
                    raise RemoteTimeoutError(
                        sentence(
                            "{server}: SFTP: the server sent nothing for {silence}",
                            server=self._server,
                            silence=duration(SILENCE),
                        )
                    ) from None
            else:
                self._since = self._loop.time()
                return data

    def _take(self, data: bytes) -> None:
        """Hand out the answers that are complete."""
        buffer = self._buffer
        buffer += data
        if not self._greeted and not self._skip_noise():
            return
        at, end = 0, len(buffer)
        with memoryview(buffer) as view:
            while end - at >= 9:
                length, kind, number = struct.unpack_from(">IBI", view, at)
                request = self._waiting.get(number)
                if request is None or not 5 <= length <= request.most:
                    raise ValueError
                if end - at < 4 + length:
                    break
                with view[at + 9 : at + 4 + length] as body:
                    self._answer(request, kind, body)
                del self._waiting[number]
                at += 4 + length
        del buffer[:at]

    def _answer(self, request: _Request, kind: int, body: memoryview) -> None:
        if kind == _STATUS:
            refusal = status(body)
            if request.answer == _STATUS:
                result = None
            elif refusal.code == _EOF and request.at_end is not None:
                result = request.at_end
            elif refusal.code == 0:
                raise ValueError
            else:
                if not request.future.done():
                    _refuse(request.future, SftpError(*refusal))
                return
        elif kind != request.answer:
            raise ValueError
        else:
            result = request.parse(body)
        if not request.future.done():
            request.future.set_result(result)

    def _fail(self, fault: Exception) -> None:
        """No more answers: everyone who waits is told why."""
        if self._fault is None:
            self._fault = fault
        for request in self._waiting.values():
            if not request.future.done():
                _refuse(request.future, self._fault)
        self._waiting.clear()


def _refuse(future: "asyncio.Future[Any]", error: Exception) -> None:
    future.set_exception(error)
    future.exception()  # looked at: the one who asked may have stopped waiting
