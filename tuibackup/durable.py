"""Files that stand whole or not at all, whatever ends the program or the machine: written beside, synced, renamed.

Everything here raises OSError; whoever calls it says what that means for a vault, a journal or a configuration.
"""

import ctypes
import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def let_go(descriptor: int) -> None:
    """Close a file that was only read or locked, or is given up: an error of the disk changes nothing any more."""
    with suppress(OSError):
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Bring a file that another program wrote (SQLite) to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder safe against a power cut, on file systems that can."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems cannot; `vault.disk.Room.warning` tells of those.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        let_go(descriptor)


def sync_filesystem(path: Path) -> None:
    """Bring all that was written to the file system of `path` to its disk: one call for any number of files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        let_go(descriptor)


def replace_file(path: Path, content: bytes, *, like: os.stat_result | None = None) -> None:
    """Put a file with `content` in the place of `path`, or where nothing is: a reader meets the old one or the new one.

    It gets mode 0600, or owner and mode of `like`.
    """
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            if like is not None:
                os.fchmod(descriptor, like.st_mode & 0o7777)
                if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, like.st_uid, like.st_gid)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    sync_folder(path.parent)


def rename_new(source: Path, target: Path) -> None:
    """Rename to a name that must not exist: a plain rename silently replaces a file, or an empty folder.

    Where the file system has no RENAME_NOREPLACE the name is looked at first; the caller holds the lock that makes
    this safe. Raises FileExistsError too.
    """
    try:
        _rename_noreplace(source, target)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.rename(source, target)


def _rename_noreplace(source: Path, target: Path) -> None:
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2  # in glibc since 2.28, not in Python
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    here, no_replace = -100, 1  # AT_FDCWD, RENAME_NOREPLACE
    if renameat2(here, os.fsencode(source), here, os.fsencode(target), no_replace) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
