"""Files from a tar that takes names on its command line only (BusyBox's): a command for each batch of them.

A command each, because only the end of its output tells where such a tar ended: it dies in the middle of a file that
became shorter, without a word about how much it had sent. The rest of that batch is asked for again. Some commands
run at once, so that the next answer is there when the last is used up; the batches are taken in their order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from tuibackup.files import complaints, recheck
from tuibackup.files.complaints import Complaint
from tuibackup.files.fetch import Fetch, Fetched, locked, together
from tuibackup.files.inventory import Listed
from tuibackup.files.keep import Store
from tuibackup.files.pipe import Pipe, StoppedError, in_thread, unpacked
from tuibackup.files.server import Tools, end, gently, piece, taken
from tuibackup.files.tally import Tally
from tuibackup.files.tarstream import REGULAR, Member, StreamCutError, StreamError, TarStream
from tuibackup.text import printable
from tuibackup.vault.index import Wanted

_FILES = 500  # of one batch …
_NAMES = 16 << 10  # … and bytes of their names: xargs, which passes them on, must not make two tars of them
_MOST = b"1000"
_RUNNING = 3  # batches on their way
_ZEROS = bytes(1 << 20)
_SHORT = b"short read"


async def fetch(
    tools: Tools,
    store: Store,
    tally: Tally,
    folder: Listed,
    wanted: Callable[[], Iterator[Wanted]],
    again: frozenset[int] = frozenset(),
) -> Fetched:
    """As `fetch.fetch`. `wanted` gives no folders: such a tar tells no extended attributes."""
    return await _Batches(tools, store, tally, folder, wanted, again).run()


class _Batch:
    """The answer to one command, while it comes. `shrank`: tar gave up because a file had become shorter."""

    def __init__(self, files: list[Wanted]) -> None:
        self.files = files
        self.pipe = Pipe()
        self.shrank = False


class _Batches(Fetch):
    def __init__(
        self,
        tools: Tools,
        store: Store,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int],
    ) -> None:
        super().__init__(tools, store, tally, folder, wanted, again)
        self._files = locked(wanted, store.lock)
        self._left: deque[Wanted] = deque()  # to be asked for before what `_files` gives
        self._shrunk: list[Wanted] = []
        self._asking = asyncio.Lock()
        self._running: deque[_Batch] = deque()
        self._used = asyncio.Event()  # a batch was used up
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._stopped = False

    async def run(self) -> Fetched:
        result = await super().run()
        # The end of these is not theirs, whatever the second look says.
        seen = {one.id for one in (*result.changed, *result.gone, *result.unchecked)}
        result.changed += [one for one in self._shrunk if one.id not in seen]
        return result

    async def _stream(self) -> None:
        tools = self._tools
        look = recheck.command(tools.look.stamp, sudo=tools.sudo)
        async with tools.session.stream(look) as second:
            await together(
                *(self._ask() for _ in range(_RUNNING)),
                in_thread(self._work, stop=self._stop),
                self._recheck.send(second),
                self._recheck.receive(second),
            )

    def _command(self) -> bytes:
        words = [b"xargs", b"-0", b"-r", b"-n", _MOST, *([b"sudo", b"-n", b"--"] if self._tools.sudo else [])]
        words += [b"tar", b"-C", self._folder.place.path, b"-c", b"-f", b"-", b"--no-recursion", b"--"]
        return gently(words, sudo=False, packed=self._tools.packed)

    def _complaint(self, line: bytes) -> Complaint | None:
        return complaints.plain(line)

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
            batch = _Batch(files)
            self._running.append(batch)
            self._queue.put(batch)
            return batch

    def _some(self) -> list[Wanted]:
        files: list[Wanted] = []
        length = 0
        while len(files) < _FILES and length < _NAMES:
            wanted = self._left.popleft() if self._left else next(self._files, None)
            if wanted is None:
                break
            if files and length + len(wanted.entry.path) > _NAMES:
                self._left.appendleft(wanted)
                break
            files.append(wanted)
            length += len(wanted.entry.path) + 3
        return files

    async def _bring(self, batch: _Batch) -> None:
        name = self._tools.name

        def complained(line: bytes) -> None:
            batch.shrank = batch.shrank or line.endswith(_SHORT)
            self._lines.take(line)

        async with self._tools.session.stream(self._command(), on_line=complained) as stream:
            # so few that they fit into the channel, whether the command reads them or not
            await taken(stream, b"".join([b"./" + one.entry.path + b"\0" for one in batch.files]), name)
            stream.write_eof()
            while data := await piece(stream, name):
                await batch.pipe.put(data)
            exit_ = await end(stream, name)
        # 123: tar said 1, as it does for a file that is gone
        if exit_.signal or exit_.status not in (0, 123):
            raise self._tar_failed(str(exit_))
        await batch.pipe.put(b"")

    def _stop(self) -> None:
        self._stopped = True
        for batch in self._running:
            batch.pipe.stop()
        self._queue.put(None)
        self._recheck.stop()

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

    def _unpack_batch(self, batch: _Batch) -> None:
        stream = TarStream(unpacked(batch.pipe.read, self._tools.packed))
        waiting = deque(batch.files)
        try:
            while (member := stream.next()) is not None:
                wanted = self._match(member, waiting)
                if member.kind != REGULAR:
                    self._replaced.add(wanted.id)
                    self._pass(wanted)
                elif not self._keep_all(wanted, member, stream, batch):
                    self._left.extendleft(reversed(waiting))
                    return
        except StreamCutError as error:
            raise self._tar_failed("ended its stream too early") from error
        for wanted in waiting:
            self._pass(wanted)

    def _match(self, member: Member, waiting: deque[Wanted]) -> Wanted:
        path = member.name.removeprefix(b"./").rstrip(b"/")
        while waiting:
            wanted = waiting.popleft()
            if wanted.entry.path == path:
                return wanted
            self._pass(wanted)
        raise StreamError(
            f"the server's tar sent {printable(member.name)}, which was not asked for in this place"
        )

    def _keep_all(self, wanted: Wanted, member: Member, stream: TarStream, batch: _Batch) -> bool:
        """Store a file; its end is filled with zeros where it shrank while it was read. Whether more may follow."""
        whole = True

        def content() -> Iterator[bytes | memoryview]:
            nonlocal whole
            missing = member.size
            try:
                for part in stream.content():
                    missing -= len(part)
                    yield part
            except StreamCutError:
                if not batch.shrank:
                    raise
                whole = False
            while missing:
                zeros = min(missing, len(_ZEROS))
                missing -= zeros
                yield memoryview(_ZEROS)[:zeros]

        self._keep(wanted, member, content())
        if not whole:
            self._shrunk.append(wanted)
            self._result.shrunk.add(wanted.entry.path)
        return whole
