"""Step 2, put together: inventory, room, one stream a folder, a second try for what changed, and the verdict.

Incremental: files that did not change since the newest good snapshot are not fetched, the index points to where
they lie already. That snapshot also tells whether a folder has lost half of what it held. What an interrupted run
left is taken over in the same way. Where the connection is lost, the caller makes another, and the work goes on with
what has not come yet.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from operator import attrgetter
from threading import Lock

import msgspec
from msgspec.structs import replace

from tuibackup.config import Server
from tuibackup.files import cut_listings, false_empty
from tuibackup.files.choose import choose_source
from tuibackup.files.contract import Destination, Fetched, Listed, Source, ToolFailedError
from tuibackup.files.cut_streams import compare_unchecked
from tuibackup.files.findings import Findings
from tuibackup.files.lasting import LastingSource, Reconnect
from tuibackup.files.links_out import places_outside, tell_of_places
from tuibackup.files.resolved import Place, what_moved
from tuibackup.files.resume import resume
from tuibackup.files.retry import Retry
from tuibackup.files.reuse import Reuse, reusable
from tuibackup.files.second_try import SecondTry
from tuibackup.files.tally import Tally, reporting
from tuibackup.files.verdict import comparable_folders, storage_ratio, why_poor
from tuibackup.files.workers import in_thread
from tuibackup.progress import Finding, Reporter
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.sop import Outcome
from tuibackup.text import count, duration, printable, size
from tuibackup.vault.disk import RoomGuard, require_room, room
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.index.read import Index, IndexWriter, Totals, Wanted
from tuibackup.vault.index.renewal import Older
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.summary import FolderSummary
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.words import joined, sentence, sentence_n

_STREAMS = 3  # of one folder: everything; what changed meanwhile, and other names of what was lost; the same


class Download(msgspec.Struct, frozen=True):
    """What step 2 gave. `bytes` of content, `stored_bytes` on the disk; `findings` are all that were reported.

    `whole`: every configured folder is in the snapshot whole, so that with *done* or *warnings* it is good.
    """

    outcome: Outcome
    whole: bool
    folders: tuple[FolderSummary, ...]
    files: int
    bytes: int
    stored_bytes: int
    findings: tuple[Finding, ...]
    parent: str | None = None  # name of the snapshot that unchanged files were taken from
    changed: int = 0  # files that are new or changed since then, each inode once
    changed_bytes: int = 0  # of those that were fetched
    resumed: int = 0  # files that an interrupted run had fetched
    limits: tuple[str, ...] = ()  # what the way of reading could not see
    reconnected: int = 0  # how often the connection was lost and made again
    uncovered: tuple[str, ...] = ()  # what links lead to outside of the folders, a line each


async def _at_once() -> None:
    """There is nothing to wait for."""


async def download(
    session: Session,
    probe: Probe,
    server: Server,
    incoming: Incoming,
    previous: Snapshot | None,
    reporter: Reporter,
    *,
    full: bool,
    damaged: Collection[str] = (),
    least_free: int = 0,
    unfinished: Sequence[UnfinishedRun] = (),
    reconnect: Reconnect | None = None,
    listed: Callable[[], Awaitable[None]] = _at_once,
) -> Download:
    """Fetch the folders of `server` into `incoming`: archives and a finished index, ready to be published.

    `previous` is the newest good snapshot of this clock; `full` fetches everything all the same, and what lies in
    `damaged` files of the vault (see `vault.damage`) is always fetched. `least_free`: bytes that must stay free on the
    vault's disk. `unfinished` of interrupted runs are used where they can be, and are gone afterwards. `reconnect`
    gives another connection when this one is lost; it is told how many were lost since the last file came. `listed` is
    awaited when all is listed: what else uses the connection has ended then.
    Raises DownloadError, VaultError, ConnectionLostError, what `reconnect` raises; then `incoming` holds no more than
    what `Incoming.keep` keeps.
    """
    source = choose_source(session, probe, server)
    older = None if full or previous is None else await in_thread(reusable, previous, damaged)
    index = incoming.index(RoomGuard(incoming.path, least_free))
    try:
        destination = Destination(incoming, index, Lock(), least_free)
        work = _Download(
            source, server, destination, previous, older, reporter, unfinished, reconnect, listed, full=full
        )
        return await work.run()
    finally:
        index.abandon()


class _Download:
    def __init__(
        self,
        source: Source,
        server: Server,
        destination: Destination,
        previous: Snapshot | None,
        older: Reuse | None,
        reporter: Reporter,
        unfinished: Sequence[UnfinishedRun],
        reconnect: Reconnect | None,
        listed: Callable[[], Awaitable[None]],
        *,
        full: bool,
    ) -> None:
        self._server = server
        self._listed = listed
        self._destination = destination
        self._index: IndexWriter = destination.index
        self._reporter = reporter
        self._findings = Findings(destination.index, reporter)
        self._before = comparable_folders(previous, server)
        self._ratio = storage_ratio(previous)
        self._previous = previous
        self._older = older
        if older and not older.damaged and not unfinished:
            self._index.older = Older(older.snapshot.path, older.snapshot.name)
        self._full = full
        self._unfinished = unfinished
        self._tally = Tally()
        self._noted: set[str] = set()
        self._source = LastingSource(source, server, reconnect, self._tally, self._say)

    async def run(self) -> Download:
        tally = self._tally
        async with reporting(tally, self._reporter):
            started = time.monotonic()
            self._tell_of_damage()
            listed = await self._inventory()
            await self._listed()
            files, bytes_ = sum(one.files for one in listed), sum(one.bytes for one in listed)
            self._say(
                sentence_n(
                    "{files} file, {size} listed in {time}",
                    "{files} files, {size} listed in {time}",
                    files,
                    files=count(files),
                    size=size(bytes_),
                    time=duration(time.monotonic() - started),
                )
            )
            resumed = await resume(self._destination, self._unfinished, tally, self._say, full=self._full)
            unchanged = await in_thread(self._take_over)
            listed = await cut_listings.find_cut_listings(self._index, self._findings, listed, self._seen)
            wanted = wanted_bytes = 0
            if await in_thread(
                self._index.any_wanted
            ):  # of what did not change, this was asked when it was fetched
                for one in listed:
                    await false_empty.leave_out_false_empty(self._index, self._findings, one, self._held)
                wanted, wanted_bytes = await in_thread(self._index.wanted_totals)
            if unchanged:
                self._say(
                    sentence("{wanted} new or changed, {size}", wanted=count(wanted), size=size(wanted_bytes))
                )
            self._check_room(min(wanted_bytes, sum(one.allocated for one in listed)))
            tally.items, tally.items_total, tally.bytes, tally.bytes_total = 0, wanted, 0, wanted_bytes
            await self._source.measure_line(wanted_bytes)
            self._source.fetching = True
            found = await in_thread(lambda: places_outside(self._index.symlinks(), listed))
            uncovered = await self._source.insist(
                lambda: tell_of_places(
                    found,
                    listed,
                    partial(self._source.now.resolve, identities=False),
                    self._source.now.session.gone,
                )
            )
            for one in listed:
                await self._fetch_all(one)
            places = await self._source.insist(partial(self._places, listed))
            folders = [await self._judged(one, *places[one.root]) for one in listed]
            total = await in_thread(self._finish)
        self._findings.close()
        return Download(
            Outcome.WARNINGS if self._findings.count else Outcome.DONE,
            all(folder.whole for folder in folders),
            tuple(folders),
            total.files,
            total.content_bytes,
            sum(folder.stored_bytes for folder in folders),
            tuple(self._findings.shown),
            self._older.snapshot.name if self._older and unchanged else None,
            wanted + resumed,
            wanted_bytes,
            resumed,
            self._source.now.limits,
            self._source.reconnected,
            tuple(uncovered),
        )

    def _tell_of_damage(self) -> None:
        """Say what of the older snapshot is not used, and so fetched anew."""
        if self._older is None and self._previous is not None and not self._full:
            text = sentence(
                "{snapshot} has a damaged index or list: everything is fetched anew",
                snapshot=self._previous.spec,
            )
            self._say(text)
        elif self._older and (number := len(self._older.damaged)):
            text = sentence_n(
                "{number} archive in the vault is damaged: what it held is fetched anew",
                "{number} archives in the vault are damaged: what they held is fetched anew",
                number,
                number=count(number),
            )
            self._say(text)

    async def _inventory(self) -> list[Listed]:
        """All folders; once more from the beginning where the connection is lost on the way."""
        self._findings.held = True
        begun = False

        async def take() -> list[Listed]:
            nonlocal begun
            if begun:
                await in_thread(self._index.restart)
                self._findings.forget()
                self._tally.items = 0
            begun = True
            return await self._source.now.list_folders(self._server, self._index, self._findings, self._tally)

        listed = await self._source.insist(take)
        self._findings.held = False
        self._findings.flush()
        return listed

    def _take_over(self) -> int:
        """Let unchanged files point to where they lie already; how many."""
        if self._older is None:
            if self._previous is not None:
                self._index.compare(self._previous.path / INDEX)
            return 0
        older = self._older.snapshot
        return self._index.take_over(older.path / INDEX, older.name, self._older.damaged)

    def _finish(self) -> Totals:
        total = self._index.finish()
        if total.problems > self._findings.count:
            with Index(self._index.path) as index:
                self._findings.take_over(index.problems())
        return total

    def _say(self, line: str) -> None:
        self._reporter.output(line)

    def _check_room(self, allocated: int) -> None:
        """Refuse before the first byte is fetched, when less would stay free than is to."""
        needed = int(allocated * self._ratio)
        if needed:
            disk = room(self._destination.incoming.path)
            require_room(disk, self._server.name, needed, self._destination.least_free)

    async def _fetch_all(self, folder: Listed) -> None:
        if not folder.fault or folder.files:
            self._say(sentence("fetching {folder}", folder=printable(folder.folder)))
            await self._fetch(folder)

    async def _places(self, listed: Sequence[Listed]) -> dict[int, tuple[Place | None, Place | None]]:
        """Where each folder lies now, and what is there now where it was read; by its root."""
        paths = list(dict.fromkeys(path for one in listed for path in (one.folder, one.place.path)))
        found = dict(zip(paths, await self._source.now.resolve(paths), strict=True))
        return {one.root: (found[one.folder], found[one.place.path]) for one in listed}

    async def _judged(self, folder: Listed, now: Place | None, there: Place | None) -> FolderSummary:
        fault = folder.fault
        if not fault:
            said, spoilt = what_moved(folder.folder, folder.place, now, there)
            if spoilt:
                fault = said
            elif said:
                self._findings.folder(folder.root, folder.folder, said)
        summary = await in_thread(self._judge, folder, fault)
        self._findings.flush()
        return summary

    async def _fetch(self, folder: Listed) -> None:
        """All streams of one folder: everything once, then what changed while it was read once more."""
        if not await in_thread(self._anything_wanted, folder):
            return
        again: list[Wanted] = []  # changed files, as they are now, in the order of the inventory
        second_try = SecondTry(self._index, self._findings, folder)
        retry = Retry()
        tried = second_try.tried
        asked = folder
        part = 1
        while part <= _STREAMS:

            def wanted(
                again: list[Wanted] = again,
                folders: bool = part == 1 and not retry.alone,
                most: int | None = 1 if retry.alone else None,
            ) -> Iterator[Wanted]:
                missing = self._index.wanted(folder.root, folders=folders and self._source.now.xattrs)
                found = merge(again, missing, key=attrgetter("turn")) if again else missing
                return islice(found, most) if most else found

            ids = frozenset(one.id for one in again)
            before = self._tally.items
            fetched = await self._source.now.fetch(self._destination, self._tally, asked, wanted, ids)
            if fetched.hollow:  # what came as one hole is asked for again without holes
                asked = replace(folder, sparse=False)
            tried |= fetched.stored_again
            tried |= ids & {one.id for one, _ in fetched.lost}
            if fetched.broken:
                further = self._tally.items > before
                await self._go_on(folder, fetched, retry, wanted, further=further)
                tried |= ids & {one.id for one, _ in fetched.lost}
                await self._look_again(fetched)
            elif fetched.cut:
                await self._source.connect_again()
                await self._look_again(fetched)
            elif retry.alone:
                retry.stream_ended()
            elif not fetched.more:
                tried |= ids
                part += 1
            self._note(folder, fetched)
            changed = await in_thread(second_try.take_result, fetched)
            left = [one for one in again if one.id not in tried]
            again = []
            if part > _STREAMS:
                await in_thread(second_try.still_changing, changed)
            elif changed or left:
                again = await self._afresh(second_try, sorted([*changed, *left], key=attrgetter("id")))
            self._findings.flush()
            if again:
                text = sentence_n(
                    "{count} file changed meanwhile: fetching it again",
                    "{count} files changed meanwhile: fetching them again",
                    len(again),
                )
                self._say(text)
            elif not await in_thread(self._anything_wanted, folder, part == 1):
                break
        await in_thread(second_try.close)

    async def _go_on(
        self,
        folder: Listed,
        fetched: Fetched,
        retry: Retry,
        wanted: Callable[[], Iterator[Wanted]],
        *,
        further: bool,
    ) -> None:
        """A stream broke, though the connection holds. Raises what broke it where going on is no use."""
        error = fetched.broken
        assert error is not None
        if isinstance(error, ToolFailedError) and self._source.without_packer(error):
            return
        if not retry.gives_up_file(error, further=further):
            self._say(sentence("{error}: continuing with the other files", error=error.message))
            return
        if not await in_thread(self._anything_held, folder):
            raise error
        (one,) = await in_thread(lambda: list(wanted()))
        fetched.lost.append(
            (one, sentence("the server's tar stops at this file ({message})", message=error.message))
        )

    def _anything_held(self, folder: Listed) -> bool:
        """Whether a file of the folder is in the snapshot already: then tar, or what we ask of it, is not to blame."""
        return self._index.totals(folder.root).files > self._index.wanted_totals(folder.root)[0]

    def _note(self, folder: Listed, fetched: Fetched) -> None:
        """What is worth a word once for each folder."""
        for text in fetched.notes:
            line = joined(": ", (printable(folder.folder), text))
            if line not in self._noted:
                self._noted.add(line)
                self._say(line)

    async def _look_again(self, fetched: Fetched) -> None:
        """The second look at what had come before the connection was lost, over the new one."""
        if not fetched.unchecked:
            return
        compare_unchecked(fetched, await self._source.insist(partial(self._now, fetched.unchecked)))

    async def _held(self, files: Sequence[Wanted]) -> dict[int, str]:
        return await self._source.insist(lambda: self._source.now.find_not_empty(files))

    async def _seen(self, files: Sequence[Wanted]) -> list[Wanted]:
        return await self._source.insist(lambda: self._now(files))

    async def _now(self, files: Sequence[Wanted]) -> list[Wanted]:
        return await self._source.now.look_again(files)

    def _anything_wanted(self, folder: Listed, folders: bool = True) -> bool:
        """Whether there is a file to fetch, or (`folders`) a folder whose extended attributes are not known."""
        # None were wanted of any folder: that is known, and counting them reads the whole index.
        if self._tally.items_total and self._index.any_wanted(folder.root):
            return True
        return folders and self._source.now.xattrs and not self._index.folders_known(folder.root)

    async def _afresh(self, second_try: SecondTry, changed: list[Wanted]) -> list[Wanted]:
        """The changed files as they are now; those that are gone by now are findings."""
        again = await self._source.insist(partial(self._now, changed))
        still = {one.id for one in again}
        for one in changed:
            if one.id not in still:
                second_try.vanished(one)
        return again

    def _judge(self, folder: Listed, fault: str) -> FolderSummary:
        """The folder's summary; marks one that must not count as a good backup, for its `fault` or another."""
        held = self._index.totals(folder.root)
        archives = self._index.archives_written(folder.root)
        fault = fault or why_poor(folder, held, self._before.get(printable(folder.folder)), self._server)
        if fault:
            self._findings.folder(folder.root, folder.folder, fault, mark=True)
        return FolderSummary(
            folder=printable(folder.folder),
            resolved="" if folder.place.path == folder.folder else printable(folder.place.path),
            files=held.files,
            folders=held.folders,
            links=held.symlinks,
            bytes=held.content_bytes,
            stored_bytes=sum(stored for _name, stored in archives),
            archives=tuple(name for name, _stored in archives),
            whole=not fault,
            problems=held.problems + bool(fault),
        )
