"""One tar stream: files of one folder asked for by name, parsed and hashed on the way, stored in one archive.

Names go out and contents come in at the same time. The event loop moves bytes, one thread unpacks, parses,
hashes and lays out the archive (whose frames are packed in a further thread), and complete files are looked
at a second time while the stream goes on.

The server's tar is asked for the headers that the archive is to have. A header of which every byte is what we would
write needs no parsing, and a whole piece of the stream that is so is stored as the server packed it.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event

from tuibackup.errors import DownloadError
from tuibackup.files.complained import NO_ATTRIBUTES, StreamComplaints
from tuibackup.files.contract import (
    GREW,
    GROWN,
    NO_FILE,
    Destination,
    Fetched,
    Listed,
    ToolFailedError,
    UnbelievedError,
)
from tuibackup.files.cut_streams import MAY_BE_CUT, StreamResult
from tuibackup.files.shell import complaints, recheck
from tuibackup.files.shell.complaints import Complaint
from tuibackup.files.shell.order import Order
from tuibackup.files.shell.recheck import ShellSecondLook
from tuibackup.files.shell.tarstream import FOLDER, REGULAR, Member, StreamCutError, TarStream
from tuibackup.files.shell.tools import Tools, at_low_priority, last_line, read_piece, wait_for_exit
from tuibackup.files.store import FileStore
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread, locked, together
from tuibackup.remote.command import Exit
from tuibackup.remote.pipe import Pipe, StoppedError
from tuibackup.remote.stream import Stream
from tuibackup.remote.unpack import UnpackError
from tuibackup.remote.zstdjobs import unpacked_parts
from tuibackup.text import printable, size
from tuibackup.vault.archive import tarheader
from tuibackup.vault.archive.archive import Came
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.archive.frames import FRAME
from tuibackup.vault.archive.tarheader import PAX_OPTIONS
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence, sentence_n

_BREATH = 0.05  # seconds between two looks at whether more names may be sent
_PATIENCE = 2.0  # seconds without an answer, after which all the rest is sent
# A folder's path that needs no quoting where tar puts it in front of names.
_PLAIN = re.compile(rb"(/[A-Za-z0-9._+@=~:-]+)+")
ROUND = 20_000  # files asked for at a time, where they are looked at again only when all have come


def command(tools: Tools, place: bytes, *, sparse: bool = False, alike: bytes = b"") -> bytes:
    """What brings the files below `place` whose names it is sent.

    `alike`: the headers are to be those that we would write, with this in front of a file's path below `place`.
    """
    words = [b"tar", b"-C", place, b"-c", b"--format=posix", b"-P"]
    if alike:
        words += [b"--transform=s,^\\./\\?," + alike + b",", b"--pax-option=" + PAX_OPTIONS]
    else:
        words += [b"--numeric-owner", b"--pax-option=delete=atime,delete=ctime,delete=mtime"]
    words += [b"--hard-dereference", b"--ignore-failed-read"]
    if sparse:
        words.append(b"--sparse")
    if tools.xattrs:
        words += [b"--xattrs", b"--acls"]
    words += [b"--null", b"--no-recursion", b"-T", b"-"]
    return at_low_priority(words, sudo=tools.sudo, packed=tools.packed, level=tools.level if alike else 0)


def alike(tools: Tools, folder: bytes) -> bytes:
    """What an archive has in front of a file's path in `folder`, where the server's tar is asked for headers like ours.

    b"" where it is not: nothing is stored there as the server packed it.
    """
    possible = tools.alike and tools.packed == "zstd" and _PLAIN.fullmatch(folder)
    return folder.lstrip(b"/") + b"/" if possible else b""


async def fetch(
    tools: Tools,
    destination: Destination,
    tally: Tally,
    folder: Listed,
    wanted: Callable[[], Iterator[Wanted]],
    again: frozenset[int] = frozenset(),
) -> Fetched:
    """Fetch the files that `wanted` gives, in that order, into further archives of `folder`.

    Of folders among them only the extended attributes are taken. `again` are the ids of files that were stored once.
    Raises DownloadError, VaultError. Whatever happens, files that came whole are in the index.
    """
    return await Fetch(tools, destination, tally, folder, wanted, again).run()


class Fetch:
    """One use of `fetch`."""

    def __init__(
        self,
        tools: Tools,
        destination: Destination,
        tally: Tally,
        folder: Listed,
        wanted: Callable[[], Iterator[Wanted]],
        again: frozenset[int],
    ) -> None:
        self._tools = tools
        self._tally = tally
        self._folder = folder
        self._alike = alike(tools, folder.folder)
        self._order = Order(lambda: locked(wanted, destination.lock), self._alike or b"./")
        self._pipe = Pipe()
        self._again = again
        self._second_look = ShellSecondLook(tools.name, tools.find, self._doubtful)
        self._complaints = StreamComplaints(destination.index, destination.lock, folder.root, self._readings)
        self._store = FileStore(
            destination, folder, tally, self._second_look.hand_over, again, self._complaints.record
        )
        self._replaced: set[int] = set()  # ids of files that came as something else
        self._ended = Event()  # the command has: all that it complained is here
        self._stopped = False
        self._unclean: Exit | None = None  # how tar ended, when not well
        self._result = StreamResult(tools.session, tally, self._second_look, self._store)

    async def run(self) -> Fetched:
        result = self._result
        try:
            await self._stream()
        except MAY_BE_CUT as error:
            await result.cut_by(error)
        finally:
            self._store.abandon()
        await in_thread(self._complaints.record)
        if not result.fetched.cut:
            self._explain()
        self._say()
        result.fetched.looked = self._second_look.why_failed()
        return result.complete()

    async def _stream(self) -> None:
        tools = self._tools
        second_look = recheck.second_look_command(tools.find.stamp_words, sudo=tools.sudo)
        async with tools.session.stream(
            command(tools, self._folder.place.path, sparse=self._folder.sparse, alike=self._alike),
            on_line=self._complaints.lines.take,
        ) as stream:
            try:
                await together(
                    self._send_names(stream),
                    self._receive(stream),
                    in_thread(self._work, stop=self._stop),
                    self._second_look.run(tools.session, second_look, beside=True),
                )
            except StreamCutError:
                raise await self._why_cut(stream) from None
        await self._second_look.run(tools.session, second_look)

    def _readings(self, line: bytes) -> Iterator[Complaint]:
        """The ways to understand a line of tar's, the likeliest first; none where it is not worth a word."""
        likeliest = complaints.from_tar(line)
        return complaints.readings(line, likeliest, escaped=True) if likeliest else iter(())

    def _doubtful(self, wanted: Wanted) -> bool:
        """Whether a change while it was read left no trace. Read once more it is seen, unless it goes on."""
        young = self._tools.whole_seconds and self._folder.young(wanted.entry)
        return young and wanted.id not in self._again

    # on the event loop

    async def _send_names(self, stream: Stream) -> None:
        waited = 0.0
        while names := await in_thread(self._order.names):
            await stream.write(names)
            if self._second_look.postponed and self._order.files >= ROUND and self._order.all_remembered:
                self._result.fetched.more = True
                break
            while self._order.far_ahead and waited < _PATIENCE:
                before = self._order.last, self._tally.bytes
                await asyncio.sleep(_BREATH)
                # Nothing came: perhaps all that was asked for is gone, and tar waits for the next name.
                waited = waited + _BREATH if before == (self._order.last, self._tally.bytes) else 0.0
        stream.write_eof()

    async def _receive(self, stream: Stream) -> None:
        while data := await read_piece(stream, self._tools.name):
            await self._pipe.put(data)
        await self._pipe.put(b"")
        exit_ = await wait_for_exit(stream, self._tools.name)
        self._unclean = None if exit_.ok else exit_
        self._ended.set()
        if exit_.signal or exit_.status not in (0, 1, 2):
            raise self._tar_failed(str(exit_))

    def _stop(self) -> None:
        self._stopped = True
        self._ended.set()
        self._pipe.stop()
        self._second_look.stop()

    async def _why_cut(self, stream: Stream) -> DownloadError:
        """The stream ended too early: how its command ended tells more than the stream."""
        try:
            async with asyncio.timeout(10):
                exit_ = await stream.wait()
        except TimeoutError:
            return self._tar_failed(sentence("ended its stream too early and still runs"))
        return self._tar_failed(sentence("ended its stream too early and {exit}", exit=exit_))

    def _tar_failed(self, how: str) -> DownloadError:
        lines = self._complaints.lines.drain()
        if not lines and not self._order.last and self._complaints.lines.by_sudo:
            return self._tools.refused(self._complaints.lines.by_sudo)
        for line in lines:
            self._complaints.lines.take(line)
        said = last_line(b"\n".join(lines[-1:]))
        return ToolFailedError(
            sentence(
                "{tools}: reading {folder} failed: tar {how}{said}",
                tools=self._tools.name,
                folder=printable(self._folder.folder),
                how=how,
                said=said,
            )
        )

    def _explain(self) -> None:
        """Find out from tar's complaints why files never came."""
        fetched = self._result.fetched
        fetched.lost = [(wanted, self._why_lost(wanted)) for wanted, _ in fetched.lost]

    def _why_lost(self, wanted: Wanted) -> str:
        if wanted.id in self._replaced:
            return NO_FILE
        said = self._complaints.files.get(wanted.id)
        return (
            said.complaint.reason if said else sentence("could not be read; the server's tar did not say why")
        )

    def _say(self) -> None:
        """What tar complained is the result's."""
        heard, result = self._complaints, self._result.fetched
        result.complaints = heard.files
        result.said = heard.said
        if heard.unsaid:
            result.said.append(
                sentence(
                    "the server's tar complained in {lines}",
                    lines=sentence_n("{count} more line", "{count} more lines", heard.unsaid),
                )
            )
        if heard.more:
            more = sentence_n("{count} more file", "{count} more files", heard.more)
            result.said.append(
                sentence("the server's tar complained of {more}, listed in the index", more=more)
            )
        if heard.lines.dropped:
            more = sentence_n("{count} line", "{count} lines", heard.lines.dropped)
            result.said.append(
                sentence("the server's tar complained in {more} more, which were not kept", more=more)
            )
        if self._unclean and not heard.lines.any:
            result.said.append(
                sentence(
                    "the server's tar {unclean} and did not say why: what it sent may differ from what is "
                    "there",
                    unclean=self._unclean,
                )
            )
        if heard.no_attributes:
            result.notes.append(NO_ATTRIBUTES)

    # in the worker's thread

    def _work(self) -> None:
        try:
            self._unpack()
            self._ended.wait()  # what tar complained of the last files may come after their contents
            if self._stopped:
                raise StoppedError
        except (StoppedError, DownloadError, UnpackError):
            self._store.cut()
            raise
        self._store.close()
        self._second_look.hand_over([])

    def _unpack(self) -> None:
        stream = TarStream(self._pieces())
        while True:
            if self._alike and self._store_next(stream):
                continue
            if (member := stream.next()) is None:
                break
            wanted = self._order.match(member.name, self._pass)
            if wanted.entry.kind is Kind.FOLDER:
                self._note_attributes(wanted, member)
            elif member.kind != REGULAR:
                self._replaced.add(wanted.id)
                self._pass(wanted)
            else:
                self._store_file(wanted, member, stream.content(), stream.content_at if self._alike else None)
        for wanted in self._order.rest():
            self._pass(wanted)

    def _pieces(self) -> Iterator[bytes]:
        """The stream, a job of the server's packer at a time unless there is nothing else to do.

        The store is told of each job once all of it is used up.
        """
        start = 0
        given: list[bytes] = []
        parts: list[bytes] = []
        try:
            for part in unpacked_parts(self._pipe.read, self._tools.packed, FRAME, lambda: self._pipe.empty):
                parts.append(part.data)
                if self._alike and not (part.ends or self._pipe.empty):
                    continue
                given.append(_joined(parts))
                parts = []
                yield given[-1]
                if not self._alike:
                    given = []
                elif part.ends:
                    self._store.came(Came(start, data := _joined(given), part.frame))
                    start += len(data)
                    given = []
        except (StoppedError, UnpackError):
            if parts:
                yield _joined(parts)
            raise

    def _store_next(self, stream: TarStream) -> bool:
        """Store the next file that was asked for, if its header is just what it should be."""
        wanted = self._order.peek()
        if wanted is None or wanted.entry.kind is not Kind.FILE:
            return False
        entry = wanted.entry
        head = self._head(wanted, entry)
        if not stream.next_is(head, entry.size):
            return False
        self._order.take()
        at = stream.content_at
        whole = None if at is None or self._again else stream.whole()
        if at is None or whole is None:
            self._store.store(wanted, entry, stream.content(), {}, head=head, at=at)
        else:
            self._store.store_whole(wanted, head, whole, at)
        return True

    def _head(self, wanted: Wanted, entry: Entry, attributes: Mapping[bytes, bytes] | None = None) -> bytes:
        """The header of a file as the server's tar would write it."""
        numbers = self._tools.device_numbers
        return tarheader.header(wanted.name, entry, extra=attributes, device_numbers=numbers)

    def _store_file(
        self, wanted: Wanted, member: Member, content: Iterable[bytes | memoryview], at: int | None = None
    ) -> None:
        entry = wanted.entry
        if member.size != entry.size:
            if member.size > 2 * entry.size + GROWN:
                raise UnbelievedError(wanted, sentence(GREW, before=size(entry.size), now=size(member.size)))
            entry = entry._replace(size=member.size)
        if member.hollow and self._folder.sparse:
            self._result.fetched.hollow = True
            return
        head = b"" if at is None else self._head(wanted, entry, member.attributes)
        self._store.store(wanted, entry, content, member.attributes, head=head, at=at)

    def _note_attributes(self, folder: Wanted, member: Member) -> None:
        """A folder is only asked for because of these; a snapshot without them is as good as the server allows."""
        if member.kind == FOLDER and member.attributes:
            self._store.store_attributes(folder.id, member.attributes)

    def _pass(self, wanted: Wanted) -> None:
        """It never came. Of a folder `find` has said so already, or will say so of what is in it."""
        if wanted.entry.kind is Kind.FOLDER:
            return
        self._result.lose(wanted)


def _joined(parts: Sequence[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)
