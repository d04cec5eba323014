"""What single answers of an SFTP server mean: an entry of the index, a reason, a place, the time there."""

import posixpath
import re
import stat
import time
from collections.abc import Awaitable
from typing import TypeVar

from tuibackup.files.resolved import Place
from tuibackup.files.shell.complaints import VANISHED
from tuibackup.remote.probe import Probe
from tuibackup.remote.sftp import NO_SUCH_FILE, PERMISSION_DENIED, Sftp, SftpError
from tuibackup.remote.sftpanswers import Attributes
from tuibackup.vault.archive.entry import KINDS_OF_MODES, Entry, Kind
from tuibackup.words import sentence

UNREADABLE = sentence("may not be read by the server's account: give it the right to, or exclude it")
_SECOND = 1_000_000_000
_UNSURE_SECONDS = 24 * 3600  # that the clock of a server may be off which does not tell it
_CLOCK = b"/proc/self/status"  # Linux makes it anew for each process; sshd starts one for each SFTP channel
_LINKS = 40  # that a path may lead through, as on Linux
_T = TypeVar("_T")


async def server_time(sftp: Sftp, probe: Probe) -> int:
    """A moment by the server's clock, in nanoseconds, that is not later than now.

    Files that changed after it are fetched again by the next run. A shell tells the clock; without one, Linux does
    through the time of a file of /proc (unless the account is shut into a folder). Else our own clock has to do, and
    the server's is taken to be no more than a day behind.
    """
    now = time.time_ns()
    if probe.clock_offset is not None and abs(probe.clock_offset) * _SECOND < now:
        return now + int((probe.clock_offset - 1) * _SECOND)
    try:
        seen = await sftp.stat(_CLOCK)
    except SftpError:
        seen = Attributes(None, None, None, None, None)
    if seen.mtime:
        return seen.mtime * _SECOND
    return now - _UNSURE_SECONDS * _SECOND


def entry_of(path: bytes, seen: Attributes, user: bytes = b"", group: bytes = b"") -> Entry | None:
    """What is at `path`, as SFTP tells it; None where the server left out what cannot be done without."""
    if seen.mode is None or seen.mtime is None:
        return None
    kind = KINDS_OF_MODES.get(stat.S_IFMT(seen.mode))
    if kind is None or (kind is Kind.FILE and seen.size is None):
        return None
    uid, gid = seen.uid or 0, seen.gid or 0
    mtime_ns = seen.mtime * _SECOND
    return Entry(path, kind, stat.S_IMODE(seen.mode), uid, gid, user, group, seen.size or 0, mtime_ns)


def reason_of(error: SftpError) -> str:
    """Why something cannot be read."""
    if error.code == NO_SUCH_FILE:
        return VANISHED
    if error.code == PERMISSION_DENIED:
        return UNREADABLE
    return sentence("cannot be read: {said}", said=error.said)


async def unless_refused(answer: Awaitable[_T]) -> _T | SftpError:
    """The answer, or that the server said no, as a value."""
    try:
        return await answer
    except SftpError as error:
        return error


async def resolve(sftp: Sftp, folder: bytes) -> Place | None:
    """Where `folder` lies; None when it is not there. Its identity is not told over SFTP."""
    path = await unless_refused(sftp.realpath(folder))
    if isinstance(path, SftpError) or not path.startswith(b"/") or b"\0" in path:
        path = folder
    for _ in range(_LINKS):
        above = [path[: end.start()] for end in re.finditer(rb"(?<!^)/|$", path)]
        looks = [sftp.lstat(one) for one in above]
        seen = [await unless_refused(look) for look in looks]
        link = next((one for one, look in zip(above, seen, strict=True) if _is_link(look)), None)
        if link is None:
            break
        target = await unless_refused(sftp.readlink(link))  # this server's REALPATH follows no links
        if isinstance(target, SftpError) or b"\0" in target:
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(link), target) + path[len(link) :])
    there = await unless_refused(sftp.stat(path))
    if (
        isinstance(there, SftpError) and path != folder
    ):  # a server may tell paths that it does not take itself
        path, there = folder, await unless_refused(sftp.stat(folder))
    gone = isinstance(there, SftpError) and there.code == NO_SUCH_FILE
    return None if gone else Place(path)


def _is_link(seen: Attributes | SftpError) -> bool:
    return not isinstance(seen, SftpError) and seen.mode is not None and stat.S_ISLNK(seen.mode)
