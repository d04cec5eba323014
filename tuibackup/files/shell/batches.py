"""Files from a tar that takes names on its command line only (BusyBox's): a command for each batch of them.

A command each, because only the end of its output tells where such a tar ended: it dies in the middle of a file that
became shorter, or that its disk does not give, without a word about how much it had sent. The rest of that batch is
asked for again, so that one such file costs no other. Some commands run at once, so that the next answer is there
when the last is used up; the batches are taken in their order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from tuibackup.files.contract import Destination, Fetched, Listed
from tuibackup.files.shell import complaints, recheck
from tuibackup.files.shell.complaints import Complaint
from tuibackup.files.shell.stream import ROUND, Fetch
from tuibackup.files.shell.tarstream import REGULAR, Member, StreamCutError, StreamError, TarStream
from tuibackup.files.shell.tools import Tools, at_low_priority, read_piece, send, wait_for_exit
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread, locked, together
from tuibackup.remote.command import Exit
from tuibackup.remote.pipe import Pipe, StoppedError
from tuibackup.remote.unpack import unpacked
from tuibackup.text import printable
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence

_FILES = 500  # of one batch …
_NAMES = 16 << 10  # … and bytes of their names: xargs, which passes them on, must not make two tars of them
_MOST = b"1000"
_RUNNING = 3  # batches on their way
_ZEROS = bytes(1 << 20)
_LAST_WORDS = (
    b": short read",
    b": read error: ",
)  # of a tar that dies in the middle of a file, which it does not name
_HOPELESS = 20  # files in a row with which a tar of their own ended: then it is not the files


def command(tools: Tools, place: bytes) -> bytes:
    """What brings the files below `place` whose names it is sent."""
    words = [b"xargs", b"-0", b"-r", b"-n", _MOST, *([b"sudo", b"-n", b"--"] if tools.sudo else [])]
    words += [b"tar", b"-C", place, b"-c", b"-f", b"-", b"--no-recursion", b"--"]
    return at_low_priority(words, sudo=False, packed=tools.packed)


async def fetch(
    tools: Tools,
    destination: Destination,
    tally: Tally,
    folder: Listed,
    wanted: Callable[[], Iterator[Wanted]],
    again: frozenset[int] = frozenset(),
) -> Fetched:
    """As `stream.fetch`. `wanted` gives no folders: such a tar tells no extended attributes."""
    return await _Batches(tools, destination, tally, folder, wanted, again).run()


class _Batch:
    """The answer to one command, while it comes. `said` are tar's last words; `ended`, once all is here, how it did."""

    def __init__(self, files: list[Wanted], before: asyncio.Event | None) -> None:
        self.files = files
        self.before = before  # the beginning of the batch that is used up before this one
        self.begun = asyncio.Event()
        self.pipe = Pipe()
        self.said = b""
        self.ended: Exit | None = None

    @property
    def failed(self) -> bool:
        """Whether tar gave up. Where it stopped is where the stream is cut off."""
        return bool(self.said) or self.ended is None or not self.ended.ok


class _Batches(Fetch):
    def __init__(
        self,
        tools: Tools,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int],
    ) -> None:
        super().__init__(tools, destination, tally, folder, wanted, again)
        self._files = locked(wanted, destination.lock)
        self._left: deque[Wanted] = deque()  # to be asked for before what `_files` gives
        self._alone = False  # the next batch is of one file: tar ended before any of its files had come
        self._hopeless = 0
        self._came = False
        self._how = ""  # it ended, when it did so over a file alone
        self._broken: list[Wanted] = []  # their end was not sent
        self._last: asyncio.Event | None = None  # the last batch's beginning
        self._asked = 0
        self._asking = asyncio.Lock()
        self._running: deque[_Batch] = deque()
        self._used = asyncio.Event()  # a batch was used up
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._ended.set()  # each batch waits for the end of its own command

    async def run(self) -> Fetched:
        result = await super().run()
        # The end of these is not theirs, whatever the second look says.
        seen = {one.id for one in (*result.changed, *result.gone, *result.unchecked)}
        result.changed += [one for one in self._broken if one.id not in seen]
        return result

    async def _stream(self) -> None:
        tools = self._tools
        second_look = recheck.second_look_command(tools.find.stamp_words, sudo=tools.sudo)
        await together(
            *(self._ask() for _ in range(_RUNNING)),
            in_thread(self._work, stop=self._stop),
            self._second_look.run(tools.session, second_look, beside=True),
        )
        await self._second_look.run(tools.session, second_look)

    def _readings(self, line: bytes) -> Iterator[Complaint]:
        likeliest = complaints.plain(line)
        return complaints.readings(line, likeliest, escaped=False) if likeliest else iter(())

    # on the event loop

    async def _ask(self) -> None:
        """Bring one batch after another; several of these run at once."""
        while batch := await self._next():
            await self._bring(batch)

    async def _next(self) -> _Batch | None:
        """The next batch, in its place in the queue; None when all files have come."""
        async with self._asking:
            while True:
                self._used.clear()
                busy = bool(self._running)
                files = await in_thread(self._some)
                if files or not busy:
                    break
                await self._used.wait()  # what is under way may leave something to be asked for again
            if not files:
                self._queue.put(None)
                return None
            batch = _Batch(files, self._last)
            self._last = batch.begun
            self._running.append(batch)
            self._queue.put(batch)
            return batch

    def _some(self) -> list[Wanted]:
        files: list[Wanted] = []
        length = 0
        most, self._alone = 1 if self._alone else _FILES, False
        while len(files) < most and length < _NAMES:
            wanted = self._left.popleft() if self._left else self._another()
            if wanted is None:
                break
            if files and length + len(wanted.entry.path) > _NAMES:
                self._left.appendleft(wanted)
                break
            files.append(wanted)
            length += len(wanted.entry.path) + 3
        return files

    def _another(self) -> Wanted | None:
        if self._second_look.postponed and self._asked >= ROUND:
            self._result.fetched.more = True
            return None
        self._asked += 1
        return next(self._files, None)

    async def _bring(self, batch: _Batch) -> None:
        name = self._tools.name
        if batch.before:
            # Where the server runs few commands at a time, those that are used up first have to be the first.
            await batch.before.wait()

        def complained(line: bytes) -> None:
            if any(words in line for words in _LAST_WORDS) and line.startswith(b"tar: "):
                batch.said = line
                self._complaints.lines.any = True
            else:
                self._complaints.lines.take(line)

        async with self._tools.session.stream(
            command(self._tools, self._folder.place.path), on_line=complained
        ) as stream:
            batch.begun.set()
            # so few that they fit into the channel, whether the command reads them or not
            await send(stream, b"".join([b"./" + one.entry.path + b"\0" for one in batch.files]), name)
            stream.write_eof()
            while data := await read_piece(stream, name):
                await batch.pipe.put(data)
            batch.ended = exit_ = await wait_for_exit(stream, name)
            if not exit_.ok:
                self._unclean = exit_
        # xargs: 123 when tar said 1, as it does for a file that is gone; 124 and 125 when it ended in a worse way.
        # Where a packer follows, those may be its end.
        taken_care_of = (0, 123) if self._tools.packed else (0, 123, 124, 125)
        if exit_.signal or exit_.status not in taken_care_of:
            raise self._tar_failed(str(exit_))
        await batch.pipe.put(b"")

    def _stop(self) -> None:
        self._stopped = True
        for batch in self._running:
            batch.pipe.stop()
        self._queue.put(None)
        self._second_look.stop()

    def _use_up(self) -> None:
        self._running.popleft()
        self._used.set()

    # in the worker's thread

    def _unpack(self) -> None:
        while (batch := self._queue.get()) is not None:
            self._unpack_batch(batch)
            self._loop.call_soon_threadsafe(self._use_up)
        if self._stopped:
            raise StoppedError
        if self._hopeless and not self._came:
            raise self._tar_failed(self._how)

    def _unpack_batch(self, batch: _Batch) -> None:
        stream = TarStream(unpacked(batch.pipe.read, self._tools.packed))
        waiting = deque(batch.files)
        try:
            while (member := stream.next()) is not None:
                wanted = self._match(member, waiting)
                self._hopeless, self._came = 0, True
                if member.kind != REGULAR:
                    self._replaced.add(wanted.id)
                    self._pass(wanted)
                elif not self._store_padded(wanted, member, stream, batch):
                    self._left.extendleft(reversed(waiting))
                    return
        except StreamCutError:
            self._stopped_between(batch, waiting)
            return
        if batch.said:
            self._complaints.lines.take(batch.said)
        for wanted in waiting:
            self._pass(wanted)

    def _stopped_between(self, batch: _Batch, waiting: deque[Wanted]) -> None:
        """Tar ended before a file. The rest is asked for again; where nothing had come, the first of it alone."""
        if not batch.failed:
            raise self._tar_failed(sentence("ended its stream too early"))
        if batch.said:
            self._complaints.lines.take(batch.said)
        if len(waiting) == len(batch.files) == 1:
            self._hopeless += 1
            self._how = str(batch.ended)
            if self._hopeless >= _HOPELESS:
                raise self._tar_failed(self._how)
            self._pass(waiting.popleft())
        elif len(waiting) == len(batch.files):
            self._alone = True
        self._left.extendleft(reversed(waiting))

    def _match(self, member: Member, waiting: deque[Wanted]) -> Wanted:
        path = member.name.removeprefix(b"./").rstrip(b"/")
        while waiting:
            wanted = waiting.popleft()
            if wanted.entry.path == path:
                return wanted
            self._pass(wanted)
        raise StreamError(
            sentence(
                "the server's tar sent {member}, which was not asked for in this place",
                member=printable(member.name),
            )
        )

    def _store_padded(self, wanted: Wanted, member: Member, stream: TarStream, batch: _Batch) -> bool:
        """Store a file; its end is filled with zeros where it shrank while it was read. Whether more may follow."""
        whole, path = True, wanted.entry.path

        def content() -> Iterator[bytes | memoryview]:
            nonlocal whole
            missing = member.size
            try:
                for part in stream.content():
                    missing -= len(part)
                    yield part
            except StreamCutError:
                if not batch.failed:
                    raise
                whole = False
                said = batch.said.partition(b": ")[2] or f"the server's tar {batch.ended}".encode()
                complaint = Complaint(path, printable(said), padded=True)
                self._complaints.record_against(wanted.id, path, complaint)
            while missing:
                zeros = min(missing, len(_ZEROS))
                missing -= zeros
                yield memoryview(_ZEROS)[:zeros]

        self._store_file(wanted, member, content())
        if not whole:
            self._broken.append(wanted)
        return whole
