"""The inventory: everything in the configured folders as `find` sees it, before any of it is read."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from tuibackup.config import Server
from tuibackup.errors import DownloadError
from tuibackup.files import resolved
from tuibackup.files.contract import MOST, NO_FOLDER, OTHER_FILESYSTEM, Listed, ToolFailedError, missing
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.shell import complaints
from tuibackup.files.shell.compare import Comparison
from tuibackup.files.shell.listing import FORMAT, HONEST, Listing
from tuibackup.files.shell.owners import Names, name_owners, names_of
from tuibackup.files.shell.tools import (
    StderrLines,
    Tools,
    at_low_priority,
    last_line,
    read_piece,
    wait_for_exit,
)
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread
from tuibackup.remote.session import Session
from tuibackup.remote.unpack import Unpacker, UnpackError
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index import listing as kept
from tuibackup.vault.index.listing import KeptListing
from tuibackup.vault.index.read import IndexWriter
from tuibackup.vault.index.renewal import Known, UnrenewableError
from tuibackup.words import joined, sentence, sentence_n

_LOOK_SECONDS = 60.0
_PIECE = 1 << 20  # bytes of a listing that are read at once
_LATEST = 9_000_000_000  # seconds since 1970 (the year 2255): the index keeps nanoseconds in 64 bits


async def list_folders(
    tools: Tools, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
) -> list[Listed]:
    """List every configured folder of `server` into `writer`; `tally` counts the names found.

    Raises DownloadError for answers that are no listing, ConnectionLostError.
    """
    session = tools.session
    names = [folder.encode("utf-8", "surrogateescape") for folder in server.folders]
    started_ns, found = await _ask_clock_and_places(tools, names)
    folders = [
        _Folder(tools, server, writer, findings, tally, name, place, started_ns)
        for name, place in zip(names, found, strict=True)
    ]
    known = await in_thread(writer.known)
    renewing = known is not None and all(folder.comparable for folder in folders)
    # Meanwhile: on a far line every answer that is waited for counts.
    naming = asyncio.ensure_future(_known_names(session, known))
    try:
        for folder in folders:
            # The older index is copied while the server begins to list: should too much differ, it was for nothing.
            await folder.read(known, writer.renew if renewing and folder is folders[0] else None)
        named = await naming
    finally:
        naming.cancel()
        await asyncio.gather(naming, return_exceptions=True)
    if known is None or not renewing or not await _renew(session, writer, known, named, folders):
        for folder in folders:
            await in_thread(folder.replay)
        if not await name_owners(session, writer):
            findings.note(
                sentence(
                    "the server does not tell the names of users and groups: owners are stored as numbers"
                )
            )
    return [await folder.conclude() for folder in folders]


async def _known_names(session: Session, known: Known | None) -> Names:
    """What the owners of the older index are called now; as then, where the server does not tell."""
    owners = known.owners if known else []
    now = await names_of(session, {uid for uid, *_rest in owners}, {gid for _uid, gid, *_rest in owners})
    users, groups = (
        {uid: user for uid, _gid, user, _group in owners},
        {gid: group for _uid, gid, _user, group in owners},
    )
    return Names(now.users or users, now.groups or groups)


async def _renew(
    session: Session, writer: IndexWriter, known: Known, named: Names, folders: "list[_Folder]"
) -> bool:
    """Make the index from the copy of the older one, where the listings differ little; False when they do not."""
    try:
        news = [await in_thread(folder.news) for folder in folders]
        entries = [entry for came in news for entry in came]
        if any((user, group) != named.of(uid, gid) for uid, gid, user, group in known.owners):
            raise UnrenewableError(
                "an owner is called otherwise now: that is a difference of every file of his"
            )
        users = {entry.uid for entry in entries} - {uid for uid, *_rest in known.owners}
        groups = {entry.gid for entry in entries} - {gid for _uid, gid, *_rest in known.owners}
        more = await names_of(session, users, groups)
        named = Names(named.users | more.users, named.groups | more.groups)
        for folder, came in zip(folders, news, strict=True):
            await in_thread(folder.renew, came, named)
        await in_thread(writer.finish_renewal)
    except UnrenewableError:
        await in_thread(writer.start_over)
        return False
    return True


async def _ask_clock_and_places(tools: Tools, folders: list[bytes]) -> tuple[int, list[Place]]:
    """The server's clock in nanoseconds, and where each folder lies (where it says, when that cannot be told)."""
    text = b"date +%s\n" + resolved.resolving_script(folders, sudo=tools.sudo, gnu=tools.find.gnu)
    answer = (await tools.session.run(text, timeout=_LOOK_SECONDS)).check().stdout
    seconds, _, rest = answer.partition(b"\n")
    try:
        if not _is_clock(seconds):
            raise ValueError
        found = resolved.parse_places(rest, len(folders))
    except ValueError:
        raise DownloadError(
            sentence(
                "{tools}: its answer cannot be understood (asked for its clock and folders)", tools=tools.name
            )
        ) from None
    return int(seconds) * 1_000_000_000, [
        place or Place(folder, told=False) for place, folder in zip(found, folders, strict=True)
    ]


async def resolve(tools: Tools, folders: Sequence[bytes], *, identities: bool = True) -> list[Place | None]:
    """Where folders lie now; None for one that cannot be entered any more."""
    script = resolved.resolving_script(folders, sudo=tools.sudo, gnu=tools.find.gnu, identities=identities)
    answer = await tools.session.run(script, timeout=_LOOK_SECONDS)
    try:
        return resolved.parse_places(answer.check().stdout, len(folders))
    except ValueError:
        raise DownloadError(
            sentence("{tools}: its answer cannot be understood (asked for its folders)", tools=tools.name)
        ) from None


def _is_clock(seconds: bytes) -> bool:
    return seconds.isdigit() and len(seconds) <= 10 and int(seconds) <= _LATEST


class _Folder:
    """The listing of one folder."""

    def __init__(
        self,
        tools: Tools,
        server: Server,
        writer: IndexWriter,
        findings: Findings,
        tally: Tally,
        folder: bytes,
        place: Place,
        started_ns: int,
    ) -> None:
        self._tools = tools
        self._session = tools.session
        self._packed = tools.packed
        self._find = find = tools.find
        self._server = server
        self._writer = writer
        self._findings = findings
        self._tally = tally
        self._before = tally.items
        self._folder = folder
        self._excludes = server.left_out(os.fsdecode(folder))
        self._root = writer.add_root(folder, place.path, started_ns=started_ns, excludes=self._excludes)
        self._place = place
        self._start = find.start_of(place.path)
        self._listing = find.listing(self._start)
        self._started_ns = started_ns
        self._comparison: Comparison | None = None
        self._status = 0
        self._kept: KeptListing | None = None
        self._older: Iterator[bytes] | None = None
        if find.gnu:
            header = kept.header(folder, place.path, FORMAT, self._excludes)
            self._kept, self._older = writer.listing(self._root, header)
        self._top: Entry | None = None
        self._mounts: list[bytes] = []
        self._lines = StderrLines()
        self._complained = False
        self._fault = ""
        self._said = ""  # about no file in particular

    @property
    def comparable(self) -> bool:
        """Whether there is an older listing to compare with."""
        return self._older is not None

    async def read(self, known: Known | None, meanwhile: Callable[[], None] | None = None) -> None:
        """Take the whole listing: into the index, or beside the older one where that can be.

        `meanwhile` is done when the server has begun, before anything of the listing is looked at.
        """
        if known is not None and self._older is not None:
            self._comparison = Comparison(self._older, known.doubtful.get(self._root, ()))
        unpacker = Unpacker(self._packed)
        async with self._session.stream(self._command(), on_line=self._lines.take) as stream:
            if meanwhile is not None:
                await in_thread(meanwhile)
            while data := await read_piece(stream, self._server.name):
                for part in unpacker.feed(data):
                    await in_thread(self._take, part)
                    self._report()
                records = self._comparison.records if self._comparison else self._listing.records
                self._tally.items = self._before + records
            exit_ = await wait_for_exit(stream, self._server.name)
        self._report()
        listed = self._comparison.records if self._comparison else self._listing.records
        if not exit_.ok and not listed and not self._complained and self._lines.by_sudo:
            raise self._tools.refused(self._lines.by_sudo)
        if exit_.signal or exit_.status not in (0, 1):
            said = last_line(bytes(stream.stderr))
            raise ToolFailedError(
                sentence(
                    "{server}: the inventory failed: find {exit}{said}",
                    server=self._server.name,
                    exit=exit_,
                    said=said,
                )
            )
        try:
            for part in unpacker.close():
                await in_thread(self._take, part)
        except UnpackError as error:
            if exit_.ok:
                raise
            raise ToolFailedError(joined("", (error.message, f": {self._packed} ", str(exit_)))) from error
        self._status = exit_.status
        if self._comparison is None:
            self._listing.close()
        else:
            self._comparison.close()

    def news(self) -> list[Entry]:
        """What is new or changed since the older listing. UnrenewableError where that is not known."""
        if self._comparison is None or not self._comparison.hopeful:
            raise UnrenewableError
        came = list(Listing().feed(b"".join(self._comparison.came.values())))
        gone = Listing().feed(b"".join(self._comparison.gone.values()))
        if any(entry.links > 1 and entry.kind is not Kind.FOLDER for entry in chain(came, gone)):
            raise UnrenewableError
        changed, lost = self._comparison.came, self._comparison.gone
        for above in (path.rpartition(b"/")[0] for path in lost if path not in changed):
            if above not in changed and above not in lost:
                raise UnrenewableError("a folder that did not change lost a name: see `cut_listings`")
        return came

    def renew(self, came: Sequence[Entry], named: Names) -> None:
        """Bring what differs into the index, which is a copy of the older one."""
        assert self._comparison is not None
        assert self._kept is not None
        self._top = next(Listing().feed(next(self._kept.replay(), b"")), None)
        for path in reversed(self._comparison.gone):
            if path not in self._comparison.came:
                self._writer.remove(self._root, path)
        new = []
        for entry in came:
            user, group = named.of(entry.uid, entry.gid)
            seen = entry._replace(user=user, group=group)
            if not self._writer.update(self._root, seen):
                new.append(seen)
        self._writer.add(self._root, new)
        self._mounts += self._writer.mounts(self._root)
        # Of what is strange, only this much is looked at again: it is among what is doubtful.
        list(self._listing.feed(b"".join(self._comparison.came.values())))

    def replay(self) -> None:
        """Bring the whole listing into the index, if that was not done as it came."""
        if self._comparison is None or self._kept is None:
            return
        for data in self._kept.replay():
            for at in range(0, len(data), _PIECE):
                self._writer.add(self._root, self._noted(self._listing.feed(data[at : at + _PIECE])))
        self._listing.close()

    async def conclude(self) -> Listed:
        """The verdict on the folder."""
        self._report()
        fault = self._judge(self._status)
        files, size = await in_thread(self._writer.listed_totals, self._root)
        renewed = self._comparison is not None and not self._listing.allocated
        allocated = size if renewed else self._listing.allocated
        sparse = self._top is not None and self._top.fstype in HONEST
        return Listed(
            self._root, self._folder, self._place, fault, files, size, allocated, self._started_ns, sparse
        )

    def _command(self) -> bytes:
        words = self._find.list_all(self._folder, self._place.path, self._excludes)
        return at_low_priority(words, sudo=self._server.sudo, packed=self._packed)

    def _take(self, data: bytes) -> None:
        if self._kept is not None:
            self._kept.write(data)
        if self._comparison is not None:
            self._comparison.feed(data)
            records = self._comparison.records
        else:
            self._writer.add(self._root, self._noted(self._listing.feed(data)))
            records = self._listing.records
        if records > MOST:
            raise DownloadError(
                sentence(
                    "{server}: lists more than {most} names in one folder",
                    server=self._server.name,
                    most=MOST,
                )
            )

    def _noted(self, found: Iterable[Entry]) -> Sequence[Entry]:
        """The entries that the index may take, with a look at the first and at mount points."""
        entries = list(found)
        if not entries:
            return entries
        top = self._top
        if top is None:
            top = self._top = entries[0]
        device = top.device
        self._mounts += [
            entry.path for entry in entries if entry.device != device and entry.kind is Kind.FOLDER
        ]
        return entries if top.kind is Kind.FOLDER and not top.path else ()

    def _report(self) -> None:
        """Turn what the last piece brought that is worth a word into findings; keeps the lists short."""
        for path in self._mounts:
            self._found(path, OTHER_FILESYSTEM)
        for path, reason in self._listing.strange:
            self._found(path, reason)
        self._mounts.clear()
        self._listing.strange.clear()
        start = self._start.rstrip(b"/") + b"/"
        for line in self._lines.drain():
            complaint = self._find.complaint(line)
            if complaint is None:
                continue
            self._complained = True
            if complaint.name == self._start:
                self._fault = complaint.reason
            elif complaint.name.startswith(start):
                self._found(complaint.name.removeprefix(start), complaint.reason)
            else:
                self._said = complaint.reason
                self._findings.folder(self._root, self._folder, complaint.reason)

        self._findings.flush()

    def _found(self, path: bytes, reason: str) -> None:
        self._findings.entry(self._root, self._folder, path, reason)

    def _judge(self, status: int) -> str:
        """Why the folder itself is not there, if so; else ""."""
        if self._top is None:
            if self._said and not self._fault:  # it is find that fails, not the folder that is missing
                raise DownloadError(
                    sentence(
                        "{server}: the inventory failed: {said}", server=self._server.name, said=self._said
                    )
                )
            if self._fault == "Not a directory":
                return NO_FOLDER
            return missing(self._folder) if self._fault in ("", complaints.VANISHED) else self._fault
        if self._top.kind is not Kind.FOLDER or self._top.path:
            return NO_FOLDER
        if self._lines.dropped:
            self._findings.folder(
                self._root,
                self._folder,
                sentence(
                    "find complained of {names}, not listed here",
                    names=sentence_n("{count} more name", "{count} more names", self._lines.dropped),
                ),
            )
        if status and not self._complained:
            self._findings.folder(
                self._root, self._folder, sentence("find failed and did not say at which file")
            )
        return self._fault
