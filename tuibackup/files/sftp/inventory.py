"""The inventory of a server that has only SFTP: its folders listed many at a time, its answers given depth first.

What SFTP cannot tell is left out of the entries (ctime, inode, links, fractions of a second; see `source.LIMITS`).
Special files are recorded by their mode, and nothing is opened but folders.
"""

import asyncio
import os
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from tuibackup.config import Server
from tuibackup.errors import DownloadError
from tuibackup.files.contract import MOST, NO_FOLDER, OTHER_FILESYSTEM, Listed, missing
from tuibackup.files.exclude import Excludes
from tuibackup.files.findings import Findings
from tuibackup.files.resolved import Place
from tuibackup.files.sftp.answers import _T, entry_of, reason_of, resolve, server_time, unless_refused
from tuibackup.files.sftp.folder import FolderReader, owner_of, with_owner
from tuibackup.files.shell.listing import STRANGE
from tuibackup.files.tally import Tally
from tuibackup.files.workers import in_thread
from tuibackup.remote.probe import Probe
from tuibackup.remote.sftp import NO_SUCH_FILE, Sftp, SftpError
from tuibackup.remote.sftpanswers import Name
from tuibackup.text import count
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import IndexWriter, join
from tuibackup.vault.index.rows import LONGEST_PATH
from tuibackup.words import sentence

UNTOLD = sentence("the server does not tell what it is, or when it was changed")

_AHEAD = 48  # folders that are listed at once …
_AHEAD_NAMES = 1_000  # … as far as they are no larger than that: others wait for their turn …
_AHEAD_ALL = 50_000  # … and so many names wait altogether
_ASKED = 8  # requests for the next names of one folder that are on their way when it is its turn
_AT_ONCE = 250  # links, or names without attributes, that are looked at together
_BATCH = 2_000  # entries that go into the index together
_WAITING = 500_000  # folders whose turn has not come


class _Found(NamedTuple):
    """Of one folder, or of a part of it: what there is, and what cannot be taken."""

    entries: list[Entry]
    problems: list[tuple[bytes, str]]


async def list_folders(
    sftp: Sftp, probe: Probe, server: Server, writer: IndexWriter, findings: Findings, tally: Tally
) -> list[Listed]:
    """As `inventory.list_folders`."""
    started_ns = await server_time(sftp, probe)
    return [
        await _Folder(
            sftp, server, writer, findings, tally, folder.encode("utf-8", "surrogateescape"), started_ns
        ).run()
        for folder in server.folders
    ]


class _Folder:
    """The listing of one configured folder."""

    def __init__(
        self,
        sftp: Sftp,
        server: Server,
        writer: IndexWriter,
        findings: Findings,
        tally: Tally,
        folder: bytes,
        started_ns: int,
    ) -> None:
        self._sftp = sftp
        self._server = server
        self._writer = writer
        self._findings = findings
        self._tally = tally
        self._folder = folder
        self._place = Place(folder)
        self._left_out = server.left_out(os.fsdecode(folder))
        self._excludes = Excludes(self._left_out, folder)
        self._started_ns = started_ns
        self._root = 0
        self._filesystem: int | None = None
        self._records = 0  # names that the server told
        self._active = 0  # folders that are being listed ahead …
        self._held = 0  # … and what was found in those that are ready
        self._allocated = 0
        self._untold = 0  # names that are left out, whatever they are: each counts as a file that is missing
        self._coming: list[Entry] = []  # folders whose turn comes, the next one last
        self._ahead: dict[bytes, asyncio.Task[_Found | SftpError | None]] = {}
        self._out: list[Entry] = []
        self._problems: list[tuple[bytes, str]] = []

    async def run(self) -> Listed:
        folder = self._folder
        self._place = place = await resolve(self._sftp, folder) or Place(folder, told=False)
        self._root = self._writer.add_root(
            folder, place.path, started_ns=self._started_ns, excludes=self._left_out
        )
        fault = await self._look_at_top()
        if not fault:
            try:
                fault = await self._walk()
            finally:
                await self._leave()
        files, size = await in_thread(self._writer.listed_totals, self._root)
        files += self._untold
        return Listed(self._root, folder, place, fault, files, size, self._allocated, self._started_ns)

    async def _look_at_top(self) -> str:
        """Look at the folder itself; why it cannot be listed, or ""."""
        seen = await unless_refused(self._sftp.stat(self._place.path))
        if isinstance(seen, SftpError):
            return missing(self._folder) if seen.code == NO_SUCH_FILE else reason_of(seen)
        top = entry_of(b"", seen)
        if top is None or top.kind is not Kind.FOLDER:
            return NO_FOLDER
        if self._sftp.knows_filesystems:
            number = await unless_refused(self._sftp.filesystem(self._place.path))
            self._filesystem = None if isinstance(number, SftpError) else number
        self._coming.append(top)
        return ""

    async def _walk(self) -> str:
        """List everything; why the folder itself could not be, or ""."""
        while self._coming:
            entry = self._coming.pop()
            if entry.path and self._excludes.empties(entry.path):
                self._out.append(entry)
                continue
            task = self._ahead.pop(entry.path, None)
            self._read_ahead()
            found = await task if task is not None else None
            if found is None:
                if fault := await self._stream(entry):
                    return fault
                continue
            self._out.append(entry)
            if isinstance(found, SftpError):
                self._problems.append((entry.path, reason_of(found)))
            else:
                self._held -= len(found.entries)
                await self._below(found)
        await self._store()
        return ""

    def _read_ahead(self) -> None:
        """Begin to list the folders that come next."""
        most = min(_AHEAD, self._sftp.handles - 1)
        for entry in islice(reversed(self._coming), _AHEAD):
            if self._active >= most or self._held + self._active * _AHEAD_NAMES > _AHEAD_ALL:
                return
            if entry.path not in self._ahead and not self._excludes.empties(entry.path):
                self._active += 1
                self._ahead[entry.path] = asyncio.create_task(self._listed(entry.path))

    async def _listed(self, path: bytes) -> _Found | SftpError | None:
        """All that is in a folder; None where that is too much to wait in memory."""
        reader = FolderReader(self._sftp, self._absolute(path), self._filesystem, 2)
        whole = _Found([], [])
        seen = 0
        try:
            if not await reader.open():
                return _Found([], [(path, OTHER_FILESYSTEM)])
            while names := await reader.next():
                seen += len(names)
                if seen > _AHEAD_NAMES:
                    return None
                found = await self._understood(path, names)
                whole.entries.extend(found.entries)
                whole.problems.extend(found.problems)
        except SftpError as error:
            return error
        finally:
            self._active -= 1
            reader.close()
        self._held += len(whole.entries)
        return whole

    async def _stream(self, entry: Entry) -> str:
        """List a folder whose turn it is; why it could not be, if it is the configured one."""
        reader = FolderReader(self._sftp, self._absolute(entry.path), self._filesystem, _ASKED)
        fault = ""
        names: list[Name] = []
        try:
            if await reader.open():
                names = await reader.next()
            else:
                fault = OTHER_FILESYSTEM
        except SftpError as error:
            fault = reason_of(error)
        self._out.append(entry if entry.path else with_owner(entry, names))
        try:
            while names:
                await self._below(await self._understood(entry.path, names))
                names = await reader.next()
        except SftpError as error:
            self._problems.append((entry.path, reason_of(error)))
        finally:
            reader.close()
        if fault and not entry.path:
            await self._store()
            return fault
        if fault:
            self._problems.append((entry.path, fault))
        return ""

    async def _below(self, found: _Found) -> None:
        """Take what is in the folder whose turn it is: its folders wait, the rest goes into the index."""
        folders = []
        for entry in found.entries:
            if entry.kind is Kind.FOLDER:
                folders.append(entry)
                continue
            self._out.append(entry)
            if entry.kind is Kind.FILE:
                self._allocated += entry.size
        self._problems += found.problems
        self._coming += reversed(folders)
        if len(self._coming) > _WAITING:
            raise DownloadError(
                sentence(
                    "{server}: has more than {waiting} folders side by side; that is too many to list over "
                    "SFTP",
                    server=self._server.name,
                    waiting=count(_WAITING),
                )
            )
        await self._store(at_least=_BATCH)

    async def _store(self, at_least: int = 1) -> None:
        """Give the index what was found, when that is enough."""
        if len(self._out) + len(self._problems) < at_least:
            return
        out, self._out = self._out, []
        self._tally.items += len(out)
        await in_thread(self._writer.add, self._root, out)
        problems, self._problems = self._problems, []
        for path, reason in problems:
            self._findings.entry(self._root, self._folder, path, reason)
        self._findings.flush()

    async def _leave(self) -> None:
        tasks = list(self._ahead.values())
        self._ahead.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _absolute(self, path: bytes) -> bytes:
        return join(self._place.path, path)

    async def _understood(self, above: bytes, names: Sequence[Name]) -> _Found:
        """The entries that `names` in the folder `above` are; links and what came without attributes looked at."""
        self._records += len(names)
        if self._records > MOST:
            raise DownloadError(
                sentence(
                    "{server}: lists more than {most} names in one folder",
                    server=self._server.name,
                    most=MOST,
                )
            )
        found = _Found([], [])
        start = above + b"/" if above else b""
        unknown: list[tuple[bytes, Name]] = []
        links: list[Entry] = []
        for name in names:
            if name.name in (b".", b".."):
                continue
            path = start + name.name
            if not name.name or b"/" in name.name or b"\0" in name.name:
                found.problems.append(
                    (above, sentence("the server lists a name there that no file can have"))
                )
            elif len(self._absolute(path)) >= LONGEST_PATH:
                found.problems.append(
                    (path[:LONGEST_PATH], sentence("its path is too long to be read over SFTP"))
                )
                self._untold += 1
            elif None in (name.attributes.mode, name.attributes.size, name.attributes.mtime):
                unknown.append((path, name))
            else:
                self._sort(path, name, found, links)
        for part in _parts(unknown):
            looks = [self._sftp.lstat(self._absolute(path)) for path, _ in part]
            for (path, name), look in zip(part, looks, strict=True):
                seen = await unless_refused(look)
                if isinstance(seen, SftpError):
                    found.problems.append((path, reason_of(seen)))
                else:
                    self._sort(path, name._replace(attributes=seen), found, links)
        for group in _parts(links):
            targets = [self._sftp.readlink(self._absolute(link.path)) for link in group]
            for link, answer in zip(group, targets, strict=True):
                target = await unless_refused(answer)
                if isinstance(target, SftpError):
                    found.problems.append((link.path, reason_of(target)))
                else:
                    found.entries.append(link._replace(target=target))
        return found

    def _sort(self, path: bytes, name: Name, found: _Found, links: list[Entry]) -> None:
        entry = entry_of(path, name.attributes, *owner_of(name))
        if entry is None:
            told = name.attributes.mode is not None and name.attributes.mtime is not None
            found.problems.append((path, STRANGE if told else UNTOLD))
            self._untold += not told
        elif self._excludes.leaves_out(path, folder=entry.kind is Kind.FOLDER):
            pass
        elif entry.kind is Kind.SYMLINK:
            links.append(entry)
        else:
            found.entries.append(entry)


def _parts(things: Sequence[_T]) -> list[Sequence[_T]]:
    return [things[at : at + _AT_ONCE] for at in range(0, len(things), _AT_ONCE)]
