"""What an inventory says about one name on a server: the value that download, archive and index share.

Names, users, groups and link targets are bytes as the server gave them: hostile, never a local path, and
cleaned by `text.printable` before anybody sees them.
"""

import stat
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The type of a name, in the letters of `find -printf %y`."""

    FILE = "f"
    FOLDER = "d"
    SYMLINK = "l"
    FIFO = "p"
    SOCKET = "s"
    BLOCK = "b"
    CHARACTER = "c"


KINDS_OF_MODES = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.FOLDER,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFCHR: Kind.CHARACTER,
}
"""By the type bits of a POSIX `st_mode`, `stat.S_IFMT`."""


LATEST_NS = (1 << 63) - 1
"""The latest time that an index keeps, in the year 2262; the earliest is as far before 1970, in 1677."""


def storable(time_ns: int) -> int:
    """The nearest time that an index keeps."""
    return max(-LATEST_NS, min(time_ns, LATEST_NS))


class Entry(NamedTuple):
    """One name below a configured folder, as the inventory saw it *before* its content was read.

    A named tuple, because a million are made in one inventory (a frozen dataclass takes four times as long).
    `path` is relative to the folder, without a leading slash; b"" is the folder itself. Times are nanoseconds
    since 1970 UTC and may be negative. Fields that a way of reading cannot see (SFTP: ctime, inode) are 0;
    `links` is then 1.
    """

    path: bytes
    kind: Kind
    mode: int  # permission bits, 0 to 0o7777
    uid: int
    gid: int
    user: bytes
    group: bytes
    size: int  # bytes; for regular files what the tar header will promise
    mtime_ns: int
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0
    links: int = 1
    fstype: bytes = b""
    target: bytes | None = None  # of a symlink
