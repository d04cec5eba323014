"""Looks at files over SFTP, many at once: again at those that were read, and at those that are to be read once more."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

from tuibackup.errors import RemoteTimeoutError
from tuibackup.files import false_empty
from tuibackup.files.second_look import SecondLook
from tuibackup.files.sftp.answers import entry_of, reason_of, unless_refused
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import NO_SUCH_FILE, Sftp, SftpError, opened
from tuibackup.remote.sftpanswers import Attributes
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.index.read import Wanted
from tuibackup.words import sentence

_BATCH = 200
_PATIENCE = 20.0  # seconds for the first byte of one file
_STANDSTILLS = 5

_T = TypeVar("_T")


async def look_again(session: Session, files: Sequence[Wanted]) -> list[Wanted]:
    """As `Source.look_again`."""
    now: list[Wanted] = []
    async with opened(session) as sftp:
        for at in range(0, len(files), _BATCH):
            part = files[at : at + _BATCH]
            looks = [sftp.lstat(one.place) for one in part]
            for one, look in zip(part, looks, strict=True):
                seen = await unless_refused(look)
                entry = None if isinstance(seen, SftpError) else entry_now(one.entry, seen)
                if entry is not None:
                    now.append(one._replace(entry=entry))
    return now


async def find_not_empty(session: Session, files: Sequence[Wanted]) -> dict[int, str]:
    """As `Source.find_not_empty`. Where a server hangs at a file, the others are asked for over another channel."""
    reasons: dict[int, str] = {}
    left = {one.id: one for one in files}
    for _ in range(_STANDSTILLS):
        try:
            async with opened(session) as sftp:
                while left:
                    await _first_bytes(sftp, left, reasons)
                return reasons
        except _StandstillError as error:
            reasons[error.wanted.id] = false_empty.ENDLESS
            del left[error.wanted.id]
    return reasons | dict.fromkeys(left, false_empty.UNASKED)


class _StandstillError(RemoteTimeoutError):
    """The server does not answer what it was asked of a file."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(sentence("no answer"))
        self.wanted = wanted


async def _first_bytes(sftp: Sftp, left: dict[int, Wanted], reasons: dict[int, str]) -> None:
    """Ask for the first byte of the next files in `left`, and take those off that answered."""
    part = list(islice(left.values(), min(_BATCH, sftp.handles)))
    seen = await _each({one.id: sftp.lstat(one.place) for one in part}, left)
    still = [one for one in part if _still_empty(one, seen[one.id])]
    handles = await _each({one.id: sftp.open(one.place) for one in still}, left)
    asked = {number: sftp.read(it, 0, 1) for number, it in handles.items() if isinstance(it, bytes)}
    for number in [one.id for one in part if one.id not in asked]:
        refused = handles.get(number)
        if isinstance(refused, SftpError) and refused.code != NO_SUCH_FILE:
            reasons[number] = reason_of(refused)
        del left[number]
    for number, first in asked.items():
        answer = (await _each({number: first}, left))[number]
        if isinstance(answer, SftpError):
            reasons[number] = sentence(false_empty.UNREADABLE, reason=answer.said)
        elif answer:
            reasons[number] = false_empty.HAS_CONTENT
        del left[number]
    for handle in handles.values():
        if isinstance(handle, bytes):
            sftp.close(handle)


def _still_empty(one: Wanted, seen: Attributes | SftpError) -> bool:
    now = None if isinstance(seen, SftpError) else entry_now(one.entry, seen)
    return now is not None and not now.size


async def _each(asked: "dict[int, asyncio.Future[_T]]", of: dict[int, Wanted]) -> "dict[int, _T | SftpError]":
    """The answers, by the file's id."""
    answers: dict[int, _T | SftpError] = {}
    for number, future in asked.items():
        try:
            async with asyncio.timeout(_PATIENCE):
                answers[number] = await unless_refused(future)
        except TimeoutError:
            raise _StandstillError(of[number]) from None
    return answers


def entry_now(before: Entry, seen: Attributes) -> Entry | None:
    """A file, or folder, as it is seen now; None where it is none any more. Names of owners are not told again."""
    entry = entry_of(before.path, seen)
    if entry is None or entry.kind is not before.kind:
        return None
    if (entry.uid, entry.gid) == (before.uid, before.gid):
        entry = entry._replace(user=before.user, group=before.group)
    return entry


class SftpSecondLook(SecondLook):
    """Looks at stored files by their names; what was seen through their handles counts too.

    A file that is `doubtful` counts as changed, whatever was seen.
    """

    def __init__(self, name: str, doubtful: Callable[[Wanted], bool]) -> None:
        super().__init__(name)
        self._doubtful = doubtful
        self.read: dict[int, asyncio.Future[Attributes]] = {}  # by the file's id

    async def run(self, sftp: Sftp) -> None:
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
        if isinstance(by_name, SftpError) or (now := entry_now(wanted.entry, by_name)) is None:
            self._keep(self.gone, wanted)
            return
        read = now if isinstance(by_handle, SftpError) else entry_now(wanted.entry, by_handle)
        before = wanted.entry.size, wanted.entry.mtime_ns
        other = any(seen is None or (seen.size, seen.mtime_ns) != before for seen in (now, read))
        if other or self._doubtful(wanted):
            self._keep(self.changed, wanted)
