"""Looks at files over SFTP, many at once: again at those that were read, and at those that are to be read once more."""

import asyncio
from collections.abc import Callable, Sequence

from tuibackup.files.recheck import Handed
from tuibackup.files.sftpinventory import entry_of, unless_refused
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import Attributes, Sftp, SftpError, opened
from tuibackup.vault.entry import Entry, Kind
from tuibackup.vault.index import Wanted

_BATCH = 200


async def afresh(session: Session, files: Sequence[Wanted]) -> list[Wanted]:
    """As `Way.afresh`."""
    now: list[Wanted] = []
    async with opened(session) as sftp:
        for at in range(0, len(files), _BATCH):
            part = files[at : at + _BATCH]
            looks = [sftp.lstat(one.place) for one in part]
            for one, look in zip(part, looks, strict=True):
                seen = await unless_refused(look)
                entry = None if isinstance(seen, SftpError) else now_of(one.entry, seen)
                if entry is not None:
                    now.append(one._replace(entry=entry))
    return now


def now_of(before: Entry, seen: Attributes) -> Entry | None:
    """A file as it is seen now; None where it is none any more. Names of owners are not told again."""
    entry = entry_of(before.path, seen)
    if entry is None or entry.kind is not Kind.FILE:
        return None
    if (entry.uid, entry.gid) == (before.uid, before.gid):
        entry = entry._replace(user=before.user, group=before.group)
    return entry


class SecondLook(Handed):
    """Looks at stored files by their names; what was seen through their handles counts too.

    A file that is `doubtful` counts as changed, whatever was seen.
    """

    def __init__(self, name: str, doubtful: Callable[[Wanted], bool]) -> None:
        super().__init__(name)
        self._doubtful = doubtful
        self.read: dict[int, asyncio.Future[Attributes]] = {}  # by the file's id

    async def look(self, sftp: Sftp) -> None:
        while files := await self._queue.get():
            self._out.extend(files)
            looks = [sftp.lstat(wanted.place) for wanted in files]
            for wanted, look in zip(files, looks, strict=True):
                by_handle = await unless_refused(self.read[wanted.id])
                by_name = await unless_refused(look)
                self._out.popleft()
                del self.read[wanted.id]
                self._compare_with(wanted, by_name, by_handle)
            self._slots.release()

    def _compare_with(
        self, wanted: Wanted, by_name: Attributes | SftpError, by_handle: Attributes | SftpError
    ) -> None:
        if isinstance(by_name, SftpError) or (now := now_of(wanted.entry, by_name)) is None:
            self._keep(self.gone, wanted)
            return
        read = now if isinstance(by_handle, SftpError) else now_of(wanted.entry, by_handle)
        before = wanted.entry.size, wanted.entry.mtime_ns
        other = any(seen is None or (seen.size, seen.mtime_ns) != before for seen in (now, read))
        if other or self._doubtful(wanted):
            self._keep(self.changed, wanted)
