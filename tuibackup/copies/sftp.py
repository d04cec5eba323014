"""Another host as a place for copies, over SFTP alone: no shell is needed there.

An object is written under a name that is nobody's (exclusive create), synced where the server can, and renamed to its
key by the plain rename of SFTP 3, which refuses a name that exists. Calls come from any thread; the connection lives in
a loop of its own.
"""

import asyncio
import secrets
import stat
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import asyncssh

from tuibackup.copies.folder import DRAFT
from tuibackup.copies.target import AlreadyThereError, AwayError, CopyError, MissingError, Object
from tuibackup.copies.throttle import Throttle
from tuibackup.errors import ConnectionLostError
from tuibackup.text import printable, size
from tuibackup.words import joined, sentence

_PIECE = 1 << 20  # bytes that are written or read in one go
_AHEAD = 3  # pieces under way at once
_SECONDS = 120.0  # for the server to answer one call
_TRIES = 3  # connections for one call, where they are lost
_SHORT = 64 << 20  # bytes: with less room than that, a failure is a full disk

T = TypeVar("T")
Client = asyncssh.SFTPClient
Connect = Callable[[], Awaitable[tuple[Client, Callable[[], Awaitable[None]]]]]


class SftpTarget:
    """Objects below the folder `path` of a host. `connect` gives a client, and what closes its connection."""

    parallel = 1  # two at once took 189 MiB, and a copy has 150
    may_be_unmounted = True
    reads_back = True

    def __init__(self, name: str, path: str, connect: Connect, throttle: Throttle) -> None:
        """Connects. Raises AwayError, CopyError, and what `connect` raises."""
        self.name = name
        self._path = path.encode().rstrip(b"/")
        self._connect = connect
        self._throttle = throttle
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="sftp")
        self._thread.start()
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._leave: Callable[[], Awaitable[None]] | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def is_folder(self) -> bool:
        """Whether the folder itself is there. Raises AwayError, CopyError."""
        try:
            found = self._try(lambda client: client.stat(self._path))
        except MissingError:
            return False
        return stat.S_ISDIR(found.permissions or 0)

    def create(self, key: str, data: bytes | memoryview, sha256: str = "") -> str:
        for attempt in range(_TRIES):
            client = self._client
            try:
                return self._create(key, data)
            except AwayError:
                if attempt == _TRIES - 1:
                    raise
                self._reopen(client)
        raise AssertionError

    def _create(self, key: str, data: bytes | memoryview) -> str:
        place = self._place(key)
        folder = place.rpartition(b"/")[0]
        draft = folder + b"/" + DRAFT.encode() + secrets.token_hex(8).encode()
        if self._is_there(place):
            raise self._already(key)
        self._folders(folder)
        try:
            self._write(draft, data)
            self._publish(draft, place, key)
        except CopyError:
            self._remove_quietly(draft)
            raise
        return ""

    def _write(self, draft: bytes, data: bytes | memoryview) -> None:
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        attributes = asyncssh.SFTPAttrs(permissions=0o600)
        file = self._try(lambda client: client.open(draft, flags, attributes, encoding=None), retry=False)
        view = memoryview(data)
        step = Throttle.PIECE * 4 if self._throttle.limited else _PIECE
        ahead: deque[Future[object]] = deque()  # the line carries the next piece while one is answered
        try:
            for start in range(0, len(view), step):
                piece = bytes(view[start : start + step])
                self._throttle.sent(len(piece))
                if len(ahead) == _AHEAD:
                    self._written(ahead.popleft())
                ahead.append(asyncio.run_coroutine_threadsafe(_await(file.write(piece, start)), self._loop))
            while ahead:
                self._written(ahead.popleft())
            self._sync(file)
        finally:
            for one in ahead:
                one.cancel()
            self._try_quietly(lambda _client: file.close())

    def _written(self, piece: "Future[object]") -> None:
        try:
            piece.result(_SECONDS)
        except (OSError, asyncssh.Error, ConnectionLostError, TimeoutError) as error:
            raise self._fault(error) from error

    def _sync(self, file: Any) -> None:
        try:
            self._wait(file.fsync())
        except asyncssh.SFTPOpUnsupported:  # the server has no such call: what it says of the write has to do
            return
        except (OSError, asyncssh.Error) as error:
            raise self._fault(error) from error

    def _publish(self, draft: bytes, place: bytes, key: str) -> None:
        try:
            self._try(lambda client: client.rename(draft, place), retry=False)
        except AwayError:
            raise
        except CopyError:
            if self._is_there(place):
                raise self._already(key) from None
            raise

    def _folders(self, folder: bytes) -> None:
        missing = []
        while folder != self._path and not self._is_folder(folder):
            missing.append(folder)
            folder = folder.rpartition(b"/")[0]
        if folder == self._path and missing and not self.is_folder():
            raise AwayError(sentence("{folder} is not there any more", folder=self.name))
        for one in reversed(missing):
            try:
                self._try(lambda client, one=one: client.mkdir(one, asyncssh.SFTPAttrs(permissions=0o700)))  # type: ignore[misc]
            except AwayError:
                raise
            except CopyError:
                if not self._is_folder(one):  # another one was first
                    raise

    def _is_folder(self, folder: bytes) -> bool:
        found = self._lstat(folder)
        if found is not None and not stat.S_ISDIR(found.permissions or 0):
            raise CopyError(
                sentence("{folder} is a link; nothing is written through it", folder=printable(folder)),
                sentence("see who made it, and remove it"),
            )
        return found is not None

    def _is_there(self, place: bytes) -> bool:
        return self._lstat(place) is not None

    def _lstat(self, place: bytes) -> Any:
        try:
            return self._try(lambda client: client.lstat(place))
        except MissingError:
            return None

    def objects(self, prefix: str = "") -> Iterator[Object]:
        folder, _, _ = prefix.rpartition("/")
        for one in self._below(folder):
            if one.key.startswith(prefix):
                yield one

    def _below(self, folder: str) -> Iterator[Object]:
        place = self._path + (b"/" + folder.encode() if folder else b"")
        try:
            entries = self._try(lambda client: _listed(client, place))
        except MissingError:
            if not self.is_folder():
                raise AwayError(sentence("{folder} is not there any more", folder=self.name)) from None
            return
        for raw, attributes in sorted(entries, key=lambda one: one[0]):
            if raw.startswith(b".") or raw == b"lost+found":
                continue
            name = raw.decode("ascii", "backslashreplace")
            key = f"{folder}/{name}" if folder else name
            mode = attributes.permissions or 0
            if stat.S_ISDIR(mode):
                yield from self._below(key)
            elif stat.S_ISREG(mode):
                yield Object(key, attributes.size or 0)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        place = self._place(key)
        found = self._lstat(place)
        if found is None:
            raise MissingError(sentence("{place} is missing", place=f"{self.name}/{key}"))
        if not stat.S_ISREG(found.permissions or 0):
            raise CopyError(sentence("{path}: is no regular file", path=f"{self.name}/{key}"))
        left = length
        file = None
        client: Client | None = None
        try:
            while left is None or left > 0:
                if file is None or client is not self._client:  # the connection was lost meanwhile
                    file = self._try(lambda client: client.open(place, asyncssh.FXF_READ, encoding=None))
                    client = self._client
                want = _PIECE if left is None else min(_PIECE, left)
                try:
                    piece = self._try(
                        lambda _client, file=file, start=start, want=want: file.read(want, start),  # type: ignore[misc]
                        retry=False,
                    )
                except AwayError:
                    self._reopen(client)
                    continue
                if not piece:
                    return
                start += len(piece)
                left = None if left is None else left - len(piece)
                yield bytes(piece)
        finally:
            if file is not None:
                self._try_quietly(lambda _client: file.close())

    def delete(self, key: str) -> None:
        place = self._place(key)
        try:
            self._try(lambda client: client.remove(place))
        except MissingError:
            return
        folder = place.rpartition(b"/")[0]
        while folder != self._path and self._try_quietly(lambda client, folder=folder: client.rmdir(folder)):  # type: ignore[misc]
            folder = folder.rpartition(b"/")[0]

    def tidy(self) -> None:
        self._tidy(self._path)

    def _tidy(self, folder: bytes) -> None:
        for name, attributes in self._try(lambda client: _listed(client, folder)):
            if name.startswith(DRAFT.encode()):
                self._remove_quietly(folder + b"/" + name)
            elif stat.S_ISDIR(attributes.permissions or 0) and not name.startswith(b"."):
                self._tidy(folder + b"/" + name)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        leave, self._client, self._leave = self._leave, None, None
        if leave is not None:
            with suppress(TimeoutError, OSError, asyncssh.Error, ConnectionLostError):
                asyncio.run_coroutine_threadsafe(_await(leave()), self._loop).result(10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._loop.close()

    def _place(self, key: str) -> bytes:
        return self._path + b"/" + key.encode()

    def _open(self) -> None:
        future = asyncio.run_coroutine_threadsafe(_await(self._connect()), self._loop)
        try:
            self._client, self._leave = future.result()
        except BaseException:
            future.cancel()
            raise

    def _reopen(self, lost: Client | None) -> None:
        """Connect anew, unless another thread did. Raises AwayError."""
        with self._lock:
            if self._client is not lost and self._client is not None:
                return
            for attempt in range(_TRIES):
                try:
                    self._open()
                    return
                except AwayError:
                    if attempt == _TRIES - 1:
                        raise
                    self._throttle.pause(2.0**attempt)

    def _try(self, call: "Callable[[Client], Any]", *, retry: bool = True) -> Any:
        """The answer of one call; over another connection where this one is lost. Raises CopyError."""
        for attempt in range(_TRIES):
            client = self._client
            if client is None:
                raise AwayError(sentence("{place} cannot be reached any more", place=self.name))
            try:
                return self._wait(call(client))
            except (OSError, asyncssh.Error, ConnectionLostError, TimeoutError) as error:
                fault = self._fault(error)
                if not isinstance(fault, AwayError) or not retry or attempt == _TRIES - 1:
                    raise fault from error
                self._reopen(client)
        raise AssertionError

    def _wait(self, awaitable: "Awaitable[T]") -> T:
        future = asyncio.run_coroutine_threadsafe(_await(awaitable), self._loop)
        try:
            return future.result(_SECONDS)
        except BaseException:
            future.cancel()
            raise

    def _try_quietly(self, call: "Callable[[Client], Any]") -> bool:
        try:
            self._try(call, retry=False)
        except CopyError:
            return False
        return True

    def _remove_quietly(self, place: bytes) -> None:
        self._try_quietly(lambda client: client.remove(place))

    def _fault(self, error: Exception) -> CopyError:
        if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
            return MissingError(sentence("{place} is missing", place=self.name))
        if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection) or not isinstance(
            error, asyncssh.SFTPError
        ):
            said = printable(str(error)) or sentence("no answer in {seconds} s", seconds=int(_SECONDS))
            return AwayError(sentence("{place}: the connection was lost: {said}", place=self.name, said=said))
        if (free := self._free()) is not None and free < _SHORT:
            return CopyError(
                sentence("{folder} is full: {size} are free there", folder=self.name, size=size(free)),
                sentence("free some room there, or take a larger disk"),
            )
        return CopyError(joined(": ", (self.name, printable(error.reason))))

    def _free(self) -> int | None:
        """Room there, where the server tells."""
        client = self._client
        if client is None:
            return None
        try:
            numbers = self._wait(client.statvfs(self._path))
        except (OSError, asyncssh.Error, TimeoutError):
            return None
        return int((numbers.bavail or 0) * (numbers.frsize or numbers.bsize or 0))

    def _already(self, key: str) -> AlreadyThereError:
        return AlreadyThereError(sentence("{place} exists already", place=f"{self.name}/{key}"))


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def _listed(client: Client, place: bytes) -> list[tuple[bytes, Any]]:
    found = []
    async for entry in client.scandir(place):
        name = entry.filename if isinstance(entry.filename, bytes) else entry.filename.encode()
        if name not in (b".", b".."):
            found.append((name, entry.attrs))
    return found
