"""Files that are written once: created exclusively, hashed on the way, synced to the disk at the end.

Everything that a run stores goes through here, so that "the vault is full" is said in one place.
"""

import ctypes
import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tuibackup.errors import VaultError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def vault_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a VaultError that names `path`; a full disk is called full."""
    try:
        yield
    except OSError as error:
        raise _vault_error(path, error) from error


def is_full(error: OSError) -> bool:
    """Whether there was no room (disk, quota, largest file)."""
    return error.errno in _FULL


def _vault_error(path: Path, error: OSError) -> VaultError:
    if is_full(error):
        return VaultError(f"vault full: no room for {path}", "free some room there")
    return VaultError(f"{path}: {error.strerror or error}")


def let_go(descriptor: int) -> None:
    """Close what was only read or locked, or is given up: whatever the disk says to that, it is closed."""
    with suppress(OSError):
        os.close(descriptor)


class Written(NamedTuple):
    """A finished file: what a later look at the disk must find again."""

    path: Path
    stored_bytes: int
    sha256: bytes


class OutputFile:
    """A new file (mode 0600; it must not exist) with a running SHA-256. Raises VaultError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stored_bytes = 0
        self._sha256 = hashlib.sha256()
        self._resting = False
        with vault_errors(path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        with vault_errors(self.path):
            self._awake()
            while view:
                view = view[os.write(self._fd, view) :]
        self._sha256.update(data)
        self.stored_bytes += len(data)

    def rest(self) -> None:
        """Hold no descriptor until there is more to write."""
        if self._fd >= 0:
            self.abandon()
            self._resting = True

    def mark(self) -> "Mark":
        """A place to which `back_to` can return."""
        return Mark(self.stored_bytes, self._sha256.copy())

    def back_to(self, mark: "Mark") -> None:
        """Forget everything written since `mark`."""
        with vault_errors(self.path):
            os.ftruncate(self._fd, mark.stored_bytes)
            os.lseek(self._fd, mark.stored_bytes, os.SEEK_SET)
        self.stored_bytes = mark.stored_bytes
        self._sha256 = mark.sha256.copy()

    def close(self) -> Written:
        """Sync to the disk, close, and say what was written."""
        try:
            with vault_errors(self.path):
                self._awake()
                os.fsync(self._fd)
                fd, self._fd = self._fd, -1
                os.close(fd)  # a network disk may tell only now that it did not take everything
        finally:
            self.abandon()
        return Written(self.path, self.stored_bytes, self._sha256.digest())

    def _awake(self) -> None:
        if self._resting:
            self._resting = False
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)

    def abandon(self) -> None:
        """Close without any promise; the file stays for a sweep. May be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            let_go(fd)


class Mark(NamedTuple):
    """A position in an OutputFile with the state of its hash there."""

    stored_bytes: int
    sha256: "hashlib._Hash"


def sync_folder(path: Path) -> None:
    """Make the names in a folder safe against a power cut. Raises VaultError."""
    with vault_errors(path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            # Some network and FUSE file systems cannot; `disk.Room.warning` has told so.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            let_go(fd)


def rename_new(source: Path, target: Path) -> None:
    """Rename to a name that must not exist: a plain rename silently replaces a file, or an empty folder.

    Where the file system knows no RENAME_NOREPLACE the name is looked at first; the caller holds the lock
    that makes this safe. Raises FileExistsError, VaultError.
    """
    try:
        _rename_new(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        raise _vault_error(target, error) from error


def _rename_new(source: Path, target: Path) -> None:
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
