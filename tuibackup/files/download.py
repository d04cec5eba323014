"""Step 2, put together: inventory, room, one stream a folder, a second try for what changed, and the verdict.

Incremental: files that did not change since the newest good snapshot are not fetched, the index points to where
they lie already. That snapshot also tells whether a folder has lost half of what it held.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from threading import Lock

from tuibackup.config import Server
from tuibackup.errors import VaultError
from tuibackup.files import inventory
from tuibackup.files import server as tools
from tuibackup.files.fetch import Fetched, Store, Way, fetch
from tuibackup.files.findings import Findings
from tuibackup.files.inventory import Listed
from tuibackup.files.pipe import in_thread
from tuibackup.files.recheck import afresh
from tuibackup.files.tally import Tally, reported
from tuibackup.progress import Finding, Reporter
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.sop import Outcome
from tuibackup.text import count, duration, printable, size
from tuibackup.vault.disk import room
from tuibackup.vault.index import Index, IndexWriter, Totals, Wanted
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.schema import FILE_NAME as INDEX
from tuibackup.vault.snapshot import Incoming
from tuibackup.vault.summary import FolderSummary
from tuibackup.words import _, ngettext

_STREAMS = 3  # of one folder: everything; what changed meanwhile, and other names of what was lost; the same

CHANGED = "changed while it was read, twice; stored as it was read last"
SHRUNK = "shrank while it was read, twice; its end is filled with zeros"
REPLACED = "vanished or was replaced after it was read; stored as it was read"
CHANGED_AND_LOST = "changed while it was read and could not be read again; stored as it was read first"


@dataclass(frozen=True, slots=True)
class Download:
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
    unchanged: int = 0  # how many


async def download(
    session: Session,
    probe: Probe,
    server: Server,
    incoming: Incoming,
    previous: Snapshot | None,
    reporter: Reporter,
    *,
    full: bool,
    least_free: int = 0,
) -> Download:
    """Fetch the folders of `server` into `incoming`: archives and a finished index, ready to be published.

    `previous` is the newest good snapshot of this clock; `full` fetches everything all the same. `least_free`:
    bytes that must stay free on the vault's disk.
    Raises DownloadError, VaultError, ConnectionLostError; then `incoming` holds nothing of use.
    """
    tools.refuse_strange_tools(probe, server.name, sudo=server.sudo)
    way = Way(session, server.name, server.sudo, tools.compression(probe), tools.attributes(probe))
    index = incoming.index()
    try:
        store = Store(incoming, index, Lock(), least_free)
        work = _Download(way, server, store, previous, reporter, full=full)
        return await work.run()
    finally:
        index.abandon()


class _Download:
    def __init__(
        self,
        way: Way,
        server: Server,
        store: Store,
        previous: Snapshot | None,
        reporter: Reporter,
        *,
        full: bool,
    ) -> None:
        self._way = way
        self._server = server
        self._store = store
        self._index: IndexWriter = store.index
        self._reporter = reporter
        self._findings = Findings(store.index, reporter)
        self._before = {folder.folder: folder for folder in previous.summary.folders} if previous else {}
        self._ratio = _ratio(previous)
        self._older = None if full else previous

    async def run(self) -> Download:
        tally = Tally()
        async with reported(tally, self._reporter):
            started = time.monotonic()
            listed = await inventory.take(self._way.session, self._server, self._index, self._findings, tally)
            files, bytes_ = sum(one.files for one in listed), sum(one.bytes for one in listed)
            self._say(
                _("{files} files, {size} listed in {time}").format(
                    files=count(files), size=size(bytes_), time=duration(time.monotonic() - started)
                )
            )
            unchanged = await in_thread(self._take_over)
            wanted, wanted_bytes = await in_thread(self._index.wanted_totals)
            if unchanged:
                self._say(
                    _("{files} files unchanged, {wanted} to fetch, {size}").format(
                        files=count(unchanged), wanted=count(wanted), size=size(wanted_bytes)
                    )
                )
            self._check_room(min(wanted_bytes, sum(one.allocated for one in listed)))
            tally.items, tally.items_total, tally.bytes_total = 0, wanted, wanted_bytes
            folders = [await self._folder(one, tally) for one in listed]
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
            self._older.name if self._older and unchanged else None,
            unchanged,
        )

    def _take_over(self) -> int:
        """Let unchanged files point to where they lie already; how many."""
        if self._older is None or not complete(self._older):
            return 0
        return self._index.take_over(self._older.path / INDEX, self._older.name)

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
        free = room(self._store.incoming.path).free
        if needed and free - needed < self._store.least_free:
            raise VaultError(
                f"{self._server.name}: needs about {size(needed)} in the vault; {size(free)} are free, "
                f"of which {size(self._store.least_free)} are to stay free",
                "free some room there, or lower min_free",
            )

    async def _folder(self, folder: Listed, tally: Tally) -> FolderSummary:
        fetched: list[Fetched] = []
        if not folder.fault or folder.files:
            self._say(_("fetching {folder}").format(folder=printable(folder.folder)))
            fetched = await self._fetch(folder, tally)
        summary = await in_thread(self._judge, folder, fetched)
        self._findings.flush()
        return summary

    async def _fetch(self, folder: Listed, tally: Tally) -> list[Fetched]:
        """All streams of one folder: everything once, then what changed while it was read once more."""
        done: list[Fetched] = []
        if not await in_thread(self._anything_wanted, folder):
            return done
        again: list[Wanted] = []  # changed files, as they are now, in the order of the inventory
        tried: set[int] = set()
        for part in range(1, _STREAMS + 1):

            def wanted(again: list[Wanted] = again, folders: bool = part == 1) -> Iterator[Wanted]:
                missing = self._index.wanted(folder.root, folders=folders and self._way.xattrs)
                return merge(again, missing, key=attrgetter("id"))

            fetched = await fetch(self._way, self._store, tally, folder, wanted, part)
            tried.update(one.id for one in again)
            changed = await in_thread(self._settle, folder, fetched, tried)
            done.append(fetched)
            again = []
            if changed and part < _STREAMS:
                again = await self._afresh(folder, changed)
            else:
                for one in changed:
                    self._findings.entry(folder.root, folder.folder, one.entry.path, CHANGED)
            self._findings.flush()
            if again:
                text = ngettext(
                    "{count} file changed meanwhile: fetching it again",
                    "{count} files changed meanwhile: fetching them again",
                    len(again),
                )
                self._say(text.format(count=count(len(again))))
            elif not (await in_thread(self._index.wanted_totals, folder.root))[0]:
                break
        return done

    def _anything_wanted(self, folder: Listed) -> bool:
        """Whether there is a file to fetch, or a folder whose extended attributes are not known."""
        if self._index.wanted_totals(folder.root)[0]:
            return True
        return bool(self._way.xattrs) and not self._index.folders_known(folder.root)

    async def _afresh(self, folder: Listed, changed: list[Wanted]) -> list[Wanted]:
        """The changed files as they are now; those that are gone by now are findings."""
        again = await afresh(self._way.session, changed, sudo=self._way.sudo)
        still = {one.id for one in again}
        for one in changed:
            if one.id not in still:
                self._findings.entry(folder.root, folder.folder, one.entry.path, CHANGED_AND_LOST)
        return again

    def _settle(self, folder: Listed, fetched: Fetched, tried: set[int]) -> list[Wanted]:
        """Turn what one stream did not bring into findings; returns the files that are worth a second try."""
        root, name, findings = folder.root, folder.folder, self._findings
        for one, reason in fetched.lost:
            if one.id in tried:
                findings.entry(root, name, one.entry.path, CHANGED_AND_LOST)
            else:
                findings.missing(one.id, one.path, reason)
        for number in fetched.lost_unnamed:
            findings.missing(number, name, "many files could not be read; the reason was not kept for each")
        for one in fetched.gone:
            findings.entry(root, name, one.entry.path, REPLACED)
        for one in fetched.changed:
            if one.id in tried:
                reason = SHRUNK if one.entry.path in fetched.shrunk else CHANGED
                findings.entry(root, name, one.entry.path, reason)
        if fetched.uncounted:
            findings.folder(root, name, f"{fetched.uncounted} more files changed while they were read")
        for complaint in fetched.said:
            findings.folder(root, name, complaint.reason)
        return sorted((one for one in fetched.changed if one.id not in tried), key=attrgetter("id"))

    def _judge(self, folder: Listed, fetched: list[Fetched]) -> FolderSummary:
        """The folder's summary; marks one that must not count as a good backup."""
        held = self._index.totals(folder.root)
        fault = folder.fault or _poor(folder, held, self._before.get(printable(folder.folder)))
        if fault:
            self._findings.folder(folder.root, folder.folder, fault, mark=True)
        return FolderSummary(
            folder=printable(folder.folder),
            resolved="" if folder.resolved == folder.folder else printable(folder.resolved),
            files=held.files,
            folders=held.folders,
            links=held.symlinks,
            bytes=held.content_bytes,
            stored_bytes=sum(one.stored_bytes for one in fetched),
            archives=tuple(one.archive for one in fetched if one.archive),
            whole=not fault,
            problems=held.problems + bool(fault),
        )


def _poor(folder: Listed, held: Totals, before: FolderSummary | None) -> str:
    """Why a folder that is there is no good backup all the same; "" when it is one."""
    if held.entries == held.folders:
        return "is empty"
    if before and (held.files < before.files / 2 or held.content_bytes < before.bytes / 2):
        return (
            f"has lost half of what it held: {count(held.files)} files, {size(held.content_bytes)}; "
            f"last time {count(before.files)} files, {size(before.bytes)}"
        )
    if held.content_bytes < folder.bytes / 2 or held.files < folder.files / 2:
        return (
            f"more than half of it could not be read: {count(held.files)} of {count(folder.files)} files, "
            f"{size(held.content_bytes)} of {size(folder.bytes)}"
        )
    return ""


def complete(snapshot: Snapshot) -> bool:
    """Whether every archive that `snapshot` needs, its own or an older one, is still there."""
    with Index(snapshot.path / INDEX) as index:
        return all(
            (snapshot.path.parent / (archive.snapshot or snapshot.name) / archive.name).is_file()
            for archive in index.archives
        )


def _ratio(previous: Snapshot | None) -> float:
    """Bytes in the vault for a byte on the server: as last time and a fifth more, or uncompressed."""
    if previous is None or previous.summary.parent or not previous.summary.bytes:
        return 1.0
    return min(1.0, 1.2 * previous.summary.stored_bytes / previous.summary.bytes)
