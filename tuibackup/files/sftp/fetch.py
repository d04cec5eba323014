"""Files of one folder read over SFTP: many are open at once, their pieces are asked for far ahead.

A round trip costs the same for one request as for a hundred, so each step of a file (look, open, read, look again)
is taken for many files together. What comes is stored in the order of the inventory, by one thread, into the same
archives as a tar stream's. No more is asked for than may wait in memory.

A file is looked at before it is opened, because a server that opens a FIFO stands still for ever; and twice after it
was read, through its handle and by its name: size or time (whole seconds, more SFTP does not tell) decide whether it
changed.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import NamedTuple

from tuibackup.errors import DownloadError
from tuibackup.files.contract import GREW, GROWN, NO_FILE, Destination, Fetched, Listed
from tuibackup.files.cut_streams import MAY_BE_CUT, StreamResult
from tuibackup.files.sftp.answers import reason_of
from tuibackup.files.sftp.recheck import SftpSecondLook, entry_now
from tuibackup.files.store import FileStore
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread, locked, together
from tuibackup.remote.pipe import StoppedError
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import Sftp, SftpError, opened
from tuibackup.text import size
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence

_HELD = 32 << 20  # bytes that are asked for, or wait to be stored
_SMALL = 1 << 20  # files up to this size go to the worker whole
_AGAIN_ASKED = 8  # pieces on their way of a file that is read a second time
_LEAST_PIECE = 4 << 10
_BATCH = 200
SHRANK = sentence("shrank while it was read, twice")


async def fetch(
    session: Session,
    destination: Destination,
    tally: Tally,
    folder: Listed,
    wanted: Callable[[], Iterator[Wanted]],
    again: frozenset[int] = frozenset(),
) -> Fetched:
    """As `Source.fetch`."""
    return await _Fetch(session, destination, tally, folder, wanted, again).run()


class _Piece(NamedTuple):
    """A part of a file that was asked for."""

    offset: int
    length: int
    data: "asyncio.Future[bytes]"


class _Open(NamedTuple):
    """A file that is open, and what is stored of it: the inventory's entry, with the size that it has now."""

    handle: bytes
    entry: Entry


@dataclass(eq=False, slots=True)
class _File:
    """One file on its way. `opening` gives the reason where it cannot be read."""

    wanted: Wanted
    opening: "asyncio.Task[_Open | str]"
    pieces: "asyncio.Queue[_Piece | None]" = field(default_factory=asyncio.Queue)
    given_up: bool = False  # no more of it is to be asked for
    ended: bool = False  # the last of `pieces` was taken

    def goes_on(self) -> bool:
        """Whether more of it may be asked for."""
        return not self.given_up


class _Parcel(NamedTuple):
    """What goes to the worker: a whole small file, or the beginning of one whose pieces follow (`content` None)."""

    wanted: Wanted
    entry: Entry
    content: list[bytes] | None
    charge: int  # bytes that it holds of what may be held


class _Part(NamedTuple):
    """A piece of a large file; `data` None is its end, and `broken` an end too early."""

    data: bytes | None
    charge: int = 0
    broken: bool = False


class _BrokenError(Exception):
    """The file under way does not go on."""


class _Fetch:
    def __init__(
        self,
        session: Session,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int],
    ) -> None:
        self._session = session
        self._wanted = locked(wanted, destination.lock)
        self._loop = asyncio.get_running_loop()
        self._second_look = SftpSecondLook(
            session.name, lambda one: folder.young(one.entry) and one.id not in again
        )
        self._store = FileStore(destination, folder, tally, self._second_look.hand_over, again)
        self._opened: asyncio.Queue[_File | None] = asyncio.Queue()
        self._asked: asyncio.Queue[_File | None] = asyncio.Queue()
        self._opening: set[asyncio.Task[_Open | str]] = set()
        self._parcels: SimpleQueue[_Parcel | _Part | None] = SimpleQueue()
        self._stopped = False
        self._held = 0
        self._room = asyncio.Event()
        self._result = StreamResult(session, tally, self._second_look, self._store)
        self._sftp: Sftp
        self._slots: asyncio.Semaphore

    async def run(self) -> Fetched:
        try:
            async with opened(self._session) as self._sftp:
                self._slots = asyncio.Semaphore(self._sftp.handles)
                await together(
                    self._open_all(),
                    self._ask_all(),
                    self._hand_over_all(),
                    in_thread(self._work, stop=self._stop),
                    self._second_look.run(self._sftp),
                )
        except MAY_BE_CUT as error:
            await self._result.cut_by(error)
        finally:
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)
            self._store.abandon()
        return self._result.complete()

    # on the event loop: each file goes through these three in turn

    async def _open_all(self) -> None:
        """Open files, as many as may be open."""
        while batch := await in_thread(self._next):
            for wanted in batch:
                await self._slots.acquire()
                task = asyncio.create_task(self._open(wanted))
                self._opening.add(task)
                self._opened.put_nowait(_File(wanted, task))
        self._opened.put_nowait(None)

    def _next(self) -> list[Wanted]:
        return list(islice(self._wanted, _BATCH))

    async def _open(self, wanted: Wanted) -> _Open | str:
        """Open one file, or say why not."""
        try:
            now = entry_now(wanted.entry, await self._sftp.lstat(wanted.place))
            if now is None:
                return NO_FILE
            entry = wanted.entry
            if now.size != entry.size:
                if now.size > 2 * entry.size + GROWN:
                    return sentence(GREW, before=size(entry.size), now=size(now.size))
                entry = entry._replace(size=now.size)
            return _Open(await self._sftp.open(wanted.place), entry)
        except SftpError as error:
            return reason_of(error)

    async def _ask_all(self) -> None:
        """Ask for the pieces of open files, as long as there is room for what will come."""
        while (file := await self._opened.get()) is not None:
            found = await file.opening
            self._opening.discard(file.opening)
            self._asked.put_nowait(file)
            if isinstance(found, _Open):
                at = 0
                while at < found.entry.size and file.goes_on():
                    length = min(self._sftp.piece, found.entry.size - at)
                    await self._take_room(length)
                    if not file.goes_on():
                        self._give_room(length)
                        break
                    data = self._sftp.read(found.handle, at, length)
                    file.pieces.put_nowait(_Piece(at, length, data))
                    at += length
            file.pieces.put_nowait(None)
        self._asked.put_nowait(None)

    async def _hand_over_all(self) -> None:
        """Give the files to the worker, in their order."""
        while (file := await self._asked.get()) is not None:
            found = file.opening.result()
            if isinstance(found, str):
                self._result.lose(file.wanted, found)
            else:
                await self._hand_over(file, found)
            self._slots.release()
        self._parcels.put(None)

    async def _hand_over(self, file: _File, found: _Open) -> None:
        wanted = file.wanted
        way = self._small if found.entry.size <= _SMALL else self._large
        try:
            if await way(wanted, found, _issued(file)):
                return
        except SftpError as error:
            self._result.lose(wanted, reason_of(error))
            await self._drop_rest(file)
            return
        await self._drop_rest(file)
        # It shrank, and what was stored of it is taken out again: once more from the beginning, as it is now.
        again = await self._open(wanted)
        if isinstance(again, str):
            self._result.lose(wanted, again)
            return
        try:
            if not await self._large(wanted, again, self._windowed(again)):
                self._result.lose(wanted, SHRANK)
        except SftpError as error:
            self._result.lose(wanted, reason_of(error))

    async def _drop_rest(self, file: _File) -> None:
        """Nobody takes what else was asked for of a file."""
        file.given_up = True
        while not file.ended:
            piece = await file.pieces.get()
            if piece is None:
                file.ended = True
            else:
                self._give_room(piece.length)

    async def _small(self, wanted: Wanted, found: _Open, pieces: AsyncIterator[_Piece]) -> bool:
        """Hand over a file in one; it is as long as it turns out to be."""
        content: list[bytes] = []
        charge, whole = 0, True
        try:
            async for piece in pieces:
                charge += piece.length
                data = await self._filled(found.handle, piece)
                if whole:
                    content.append(data)
                whole = whole and len(data) == piece.length
        except SftpError:
            self._give_room(charge)
            self._sftp.close(found.handle)
            raise
        self._look_by_handle(wanted, found.handle)
        length = sum(map(len, content))
        entry = found.entry if length == found.entry.size else found.entry._replace(size=length)
        self._parcels.put(_Parcel(wanted, entry, content, charge))
        return True

    async def _large(self, wanted: Wanted, found: _Open, pieces: AsyncIterator[_Piece]) -> bool:
        """Hand over a file piece by piece; whether it was as long as its size said."""
        self._parcels.put(_Parcel(wanted, found.entry, None, 0))
        whole = False
        try:
            async for piece in pieces:
                try:
                    data = await self._filled(found.handle, piece)
                except SftpError:
                    self._give_room(piece.length)
                    raise
                self._parcels.put(_Part(data, piece.length))
                if len(data) < piece.length:
                    return False
            whole = True
        finally:
            if whole:
                self._look_by_handle(wanted, found.handle)
            else:
                self._sftp.close(found.handle)
            self._parcels.put(_Part(None, broken=not whole))
        return True

    async def _filled(self, handle: bytes, piece: _Piece) -> bytes:
        """All of a piece; less only at the end of the file. A server may give as little at a time as it likes."""
        data = await piece.data
        if len(data) == piece.length or not data:
            return data
        parts, got = [data], len(data)
        while got < piece.length:
            more = await self._sftp.read(handle, piece.offset + got, piece.length - got)
            if not more:
                break
            # It gives no more at once: from now on no more is asked for.
            self._sftp.piece = max(_LEAST_PIECE, min(self._sftp.piece, len(data)))
            parts.append(more)
            got += len(more)
        return b"".join(parts)

    async def _windowed(self, found: _Open) -> AsyncIterator[_Piece]:
        """The pieces of a file, a few asked for ahead; beside what may be held, so that nobody waits for us."""
        asked: deque[_Piece] = deque()
        at = 0
        while at < found.entry.size or asked:
            while at < found.entry.size and len(asked) < _AGAIN_ASKED:
                length = min(self._sftp.piece, found.entry.size - at)
                asked.append(_Piece(at, length, self._sftp.read(found.handle, at, length)))
                self._held += length
                at += length
            yield asked.popleft()

    def _look_by_handle(self, wanted: Wanted, handle: bytes) -> None:
        """A look at a file that was read, through its handle, and the end of that."""
        self._second_look.read[wanted.id] = self._sftp.fstat(handle)
        self._sftp.close(handle)

    async def _take_room(self, length: int) -> None:
        while self._held and self._held + length > _HELD:
            self._room.clear()
            await self._room.wait()
        self._held += length

    def _give_room(self, length: int) -> None:
        self._held -= length
        self._room.set()

    def _stop(self) -> None:
        self._stopped = True
        self._parcels.put(None)
        self._second_look.stop()

    # in the worker's thread

    def _work(self) -> None:
        try:
            while (parcel := self._parcel()) is not None:
                assert isinstance(parcel, _Parcel)
                if parcel.content is not None:
                    self._store.store(parcel.wanted, parcel.entry, parcel.content, {})
                    self._done_with(parcel.charge)
                else:
                    self._store_large(parcel)
            if self._stopped:
                raise StoppedError
        except (StoppedError, DownloadError):
            self._store.cut()
            raise
        self._store.close()
        self._second_look.hand_over([])

    def _store_large(self, parcel: _Parcel) -> None:
        try:
            self._store.store(parcel.wanted, parcel.entry, self._parts(), {})
        except _BrokenError:
            self._store.cut()

    def _parts(self) -> Iterator[bytes]:
        while (part := self._parcel()) is not None:
            assert isinstance(part, _Part)
            if part.broken:
                raise _BrokenError
            if part.data is None:
                return
            yield part.data
            self._done_with(part.charge)
        raise StoppedError

    def _parcel(self) -> _Parcel | _Part | None:
        parcel = self._parcels.get()
        return None if self._stopped else parcel

    def _done_with(self, charge: int) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for room any more
            self._loop.call_soon_threadsafe(self._give_room, charge)


async def _issued(file: _File) -> AsyncIterator[_Piece]:
    """The pieces of a file as they are asked for."""
    while (piece := await file.pieces.get()) is not None:
        yield piece
    file.ended = True
