"""Files onto a server: looks where they are to go, makes the folder, sends, compares, and opens it when all is right.

A restore of the same that was ended goes on in the folder that it made; any other folder is left alone.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tuibackup.config import Config
from tuibackup.errors import ConnectionLostError, DownloadError, RemoteCommandError, UsageError
from tuibackup.files.restore import content
from tuibackup.files.restore.compare import Comparison
from tuibackup.files.restore.target import Place, ServerFolder, Unpacked, parent, refuse_unable
from tuibackup.files.shell.tools import SilenceError
from tuibackup.files.workers import in_thread
from tuibackup.jobs.restore.gaps import gaps_of
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.jobs.restore.swap import swap
from tuibackup.progress import Progress
from tuibackup.remote.connect.hostkeys import Told
from tuibackup.remote.probe import probe
from tuibackup.remote.questions import Answers
from tuibackup.remote.session import Session
from tuibackup.run.access import open_session
from tuibackup.run.questions import RememberedAnswers
from tuibackup.text import printable, size
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.index.schema import FILE_NAME
from tuibackup.vault.restore.archives import Archives
from tuibackup.vault.restore.outgoing import Outgoing
from tuibackup.words import sentence

OnProgress = Callable[[Progress], None]
Named = tuple[str, str]  # a path in words, and what is with it

_TOLD = 20  # complaints of the server's tar that are told one by one
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sent:
    """What lies in the folder. `differences`: not there, or not as it was; `problems` of single names and `gaps` of
    many are warnings. `damaged`: files that the vault does not hold whole. `swap`: commands that put it in the place
    of the original. `hashed` files were compared in the way that `compared` says.
    """

    files: int
    folders: int
    links: int
    bytes: int
    compared: str
    hashed: int
    resumed: bool
    differences: tuple[Named, ...]
    problems: tuple[Named, ...]
    gaps: tuple[str, ...]
    damaged: int
    swap: tuple[str, ...]


async def send(
    plan: ServerPlan,
    config: Config,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: OnProgress,
    told: Told,
) -> Sent:
    """Restore and compare. `told` records host keys that are accepted.

    Raises TuibackupError: nothing was made there, or the message says what is there now.
    """
    with Index(plan.snapshot.path / FILE_NAME) as index:
        amount = await in_thread(index.choose, plan.paths)
        archives = Archives(plan.snapshot, index)
        archives.require()
        async with await open_session(config, plan.into, RememberedAnswers(answers), notes, told) as session:
            target = await reached(plan, session)
            place = await target.look()
            refuse_unfit(plan, place, target, amount)
            resumed = place.state == "begun"
            sending = _Sending(plan, index, archives, target, amount, on_progress)
            try:
                if not resumed:
                    await _make(plan, target, amount)
                return await sending.run(resumed=resumed)
            except (ConnectionLostError, SilenceError) as error:
                raise type(error)(error.message, _goes_on(plan)) from error


async def _make(plan: ServerPlan, target: ServerFolder, amount: tuple[int, int]) -> None:
    """Make the folder; what somebody else put there since it was looked at is said as if it had been there then."""
    try:
        await target.make()
    except DownloadError:
        refuse_unfit(plan, await target.look(), target, amount)
        raise


async def reached(plan: ServerPlan, session: Session) -> ServerFolder:
    """The folder on a server that can take files. Raises DownloadError."""
    found = await probe(session)
    refuse_unable(found, plan.into.name, sudo=plan.into.sudo)
    return ServerFolder(session, found, plan.folder, mark_of(plan), plan.into.sudo)


def mark_of(plan: ServerPlan) -> bytes:
    """A line that this restore, and no other, leaves in its folder until it is complete."""
    what = b"\0".join([plan.snapshot.spec.encode(), *plan.paths, b"numeric" if plan.numeric_owner else b""])
    return b"restore of %b %b" % (plan.snapshot.spec.encode(), hashlib.sha256(what).hexdigest().encode())


def refuse_unfit(plan: ServerPlan, place: Place, target: ServerFolder, amount: tuple[int, int]) -> None:
    """Raises UsageError where the folder cannot be made, or has no room for `amount` (files, bytes)."""
    if place.state == "begun":
        if place.mark != target.mark:
            raise UsageError(
                sentence("{where} holds another restore, which did not come to its end", where=plan.where),
                sentence("choose another folder, or remove that one"),
            )
        return
    up, account = printable(parent(plan.folder)), target.probe.user or target.session.user
    reasons = {
        "link": sentence("there is a symbolic link already"),
        "folder": sentence("that folder exists already"),
        "file": sentence("there is a file already"),
        "no-folder": sentence("{folder} is no folder", folder=up),
        "closed": sentence("{account} may not write into {folder}", account=account, folder=up),
        "missing": sentence(
            "{folder} is not there, or {account} may not enter it", account=account, folder=up
        ),
    }
    if place.state in reasons:
        raise UsageError(
            sentence("{where}: {reason}", where=plan.where, reason=reasons[place.state]),
            sentence("files go into a new folder there, whose parent exists; nothing was changed"),
        )
    if place.state != "free":
        raise DownloadError(
            sentence(
                "{where}: the server does not say what is there: {said}",
                where=plan.where,
                said=place.state or sentence("nothing"),
            )
        )
    if place.free is not None and amount[1] > place.free:
        raise UsageError(
            sentence(
                "{where}: there are {free} free, {size} are to be restored",
                where=plan.where,
                free=size(place.free),
                size=size(amount[1]),
            ),
            sentence("choose another folder, or less of it; nothing was changed"),
        )


class _Sending:
    """One restore under way."""

    def __init__(
        self,
        plan: ServerPlan,
        index: Index,
        archives: Archives,
        target: ServerFolder,
        amount: tuple[int, int],
        on_progress: OnProgress,
    ) -> None:
        self._plan = plan
        self._index = index
        self._archives = archives
        self._target = target
        self._files_total, self._bytes_total = amount
        self._on_progress = on_progress
        self._damaged: dict[bytes, str] = {}
        self._unsent: list[tuple[bytes, str]] = []
        self._said: Counter[str] = Counter()  # of the server's tar

    async def run(self, *, resumed: bool) -> Sent:
        there: set[int] = set()
        if resumed:
            there = (await self._listed()).right
        await self._send(there)
        comparison = await self._listed()
        wrong, way = await self._contents(comparison)
        if resumed and (again := there & {file.id for file in wrong}):
            # What was there had the right size and time, and not what was in it: a power cut, or somebody's doing.
            await self._send(there - again)
            comparison = await self._listed()
            wrong, way = await self._contents(comparison)
        for file in wrong:
            comparison.differences.add(file.path, sentence("has another content, or cannot be read"))
        if comparison.differences.total or self._damaged:
            commands: tuple[str, ...] = ()
        else:
            await self._target.open()
            commands = await swap(self._plan, self._index, self._target)
        problems = [
            *((printable(path), reason) for path, reason in self._damaged.items()),
            *((printable(path), reason) for path, reason in self._unsent),
            *comparison.modes.first,
            *comparison.strange.first,
        ]
        return Sent(
            comparison.files,
            comparison.folders,
            comparison.links,
            self._compared_bytes,
            way,
            self._hashed,
            resumed,
            tuple(comparison.differences.first),
            tuple(problems),
            await gaps_of(comparison, self._target, xattrs=self._index.has_xattrs(), said=self._said),
            len(self._damaged),
            commands,
        )

    async def _send(self, there: Container[int]) -> None:
        outgoing = Outgoing(self._archives, self._index, plain=self._target.plain, there=there)
        progress = _Progress(self._on_progress, self._files_total, self._bytes_total, there)
        pieces = progress.counted(outgoing.pieces(progress.file))
        unpacked = await self._target.unpack(_in_threads(pieces), numeric_owner=self._plan.numeric_owner)
        self._damaged, self._unsent = outgoing.damaged, outgoing.unsent
        if unpacked.full:
            raise await self._no_room(unpacked)
        self._said.update(unpacked.said[:_TOLD])
        if not unpacked.said and not unpacked.exit.ok:
            self._said[str(unpacked.exit)] += 1
        if self._damaged:
            names = b"".join(b"." + path + b"\0" for path in self._damaged)
            await self._target.script(b"xargs -0 -r rm -f --", names)
        await self._target.sync()

    async def _no_room(self, unpacked: Unpacked) -> DownloadError:
        """The disk there is full: a server must not be left so."""
        try:
            gone = await self._target.remove()
        except RemoteCommandError:
            gone = False
        state = (
            sentence("what had come was removed again")
            if gone
            else sentence("what had come is there still: remove it")
        )
        said = unpacked.said[0] if unpacked.said else ""
        return DownloadError(
            sentence(
                '{where}: the disk, or what this account may use of it, is full: "{said}"',
                where=self._plan.where,
                said=said,
            ),
            state,
        )

    async def _listed(self) -> Comparison:
        """What lies there now, beside what is to be."""
        comparison = await in_thread(Comparison, self._index)
        async for entries in self._target.listing():
            await in_thread(comparison.take, entries)
        await in_thread(comparison.close, self._damaged)
        return comparison

    async def _contents(self, comparison: Comparison) -> tuple[list[IndexEntry], str]:
        """Files whose content is not what it was, and how that was found out."""
        wrong: list[IndexEntry] = []
        self._compared_bytes = self._hashed = 0
        way = await content.how(self._target)
        files = _first_names(self._index, comparison.there)
        async for some in content.contents(self._target, files, way):
            for file, same in some:
                if same:
                    self._hashed += 1
                    self._compared_bytes += file.entry.size
                else:
                    wrong.append(file)
            what = sentence("comparing what is there")
            self._on_progress(
                Progress(self._hashed, self._files_total, self._compared_bytes, self._bytes_total, what)
            )
        return wrong, way


class _Progress:
    """Counts what goes out, in the thread that reads the vault."""

    def __init__(self, on_progress: OnProgress, files: int, total: int, there: Container[int]) -> None:
        self._on_progress = on_progress
        self._totals = files, total
        self._there = there
        self._files = self._bytes = self._skipped = 0
        self._current = ""

    def file(self, found: IndexEntry) -> None:
        """The next file."""
        self._files += 1
        self._current = printable(found.path)
        if found.id in self._there:
            self._skipped += found.entry.size

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """`pieces`, each told when it is taken."""
        files, total = self._totals
        for piece in pieces:
            self._bytes += len(piece)
            done = min(total, self._bytes + self._skipped)
            self._on_progress(Progress(self._files, files, done, total, self._current))
            yield piece


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """`pieces`, each made in a thread: reading the vault may take its time."""
    while piece := await in_thread(next, pieces, b""):
        yield piece


def _first_names(index: Index, there: Container[int]) -> Iterator[IndexEntry]:
    """The files that are there, the first name of each inode."""
    last = 0
    for found in index.chosen_files():
        inode = found.carrier or found.id
        if inode != last and found.entry.kind is Kind.FILE and found.id in there:
            last = inode
            yield found


def _goes_on(plan: ServerPlan) -> str:
    return sentence("{where} is not complete: the same command goes on with it", where=plan.where)
