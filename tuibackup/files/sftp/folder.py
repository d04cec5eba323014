"""One folder read over SFTP: its names as they come, and what their lines for people tell of owners."""

import asyncio
import re
from collections import deque
from collections.abc import Sequence

from tuibackup.files.sftp.answers import unless_refused
from tuibackup.remote.sftp import Sftp, SftpError
from tuibackup.remote.sftpanswers import Name
from tuibackup.vault.archive.entry import Entry

_LONGNAME = re.compile(rb"[-a-zA-Z?]\S{9}\S?\s+\S+\s+(\S{1,256})\s+(\S{1,256})\s+\d+\s")


class FolderReader:
    """One folder, open. Requests for its next names are sent before the answers to the last are here."""

    def __init__(self, sftp: Sftp, path: bytes, filesystem: int | None, asked: int) -> None:
        self._sftp = sftp
        self._path = path
        self._filesystem = filesystem
        self._most = asked
        self._handle = b""
        self._ended = False
        self._asked: deque[asyncio.Future[list[Name]]] = deque()

    async def open(self) -> bool:
        """Whether it lies in `filesystem`: else another one is mounted there. Raises SftpError."""
        opening = self._sftp.opendir(self._path)
        if self._filesystem is not None:
            number = await unless_refused(self._sftp.filesystem(self._path))
            if not isinstance(number, SftpError) and number != self._filesystem:
                with_handle = await unless_refused(opening)
                self._handle = with_handle if isinstance(with_handle, bytes) else b""
                return False
        self._handle = await opening
        return True

    async def next(self) -> list[Name]:
        """The next names, none at the end. Raises SftpError."""
        while not self._ended and len(self._asked) < self._most:
            self._asked.append(self._sftp.readdir(self._handle))
        # A server that works on several requests at once may say "end" to one, and give the last names to the next.
        while self._asked:
            if names := await self._asked.popleft():
                return names
            self._ended = True
        return []

    def close(self) -> None:
        if self._handle:
            self._sftp.close(self._handle)
            self._handle = b""


def owner_of(name: Name) -> tuple[bytes, bytes]:
    """User and group by name, from a line for people; b"" where it does not look as expected."""
    match = _LONGNAME.match(name.longname)
    if match is None:
        return b"", b""
    user, group = match.groups()
    uid, gid = name.attributes.uid, name.attributes.gid
    return b"" if user == b"%d" % (uid or 0) else user, b"" if group == b"%d" % (gid or 0) else group


def with_owner(top: Entry, names: Sequence[Name]) -> Entry:
    """The configured folder: its owner's name stands in its own listing only."""
    for name in names:
        if name.name == b".":
            user, group = owner_of(name)
            return top._replace(user=user, group=group)
    return top
