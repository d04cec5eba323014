"""Files that are written once: created exclusively, hashed on the way, synced to the disk at the end.

Everything that a run stores goes through here, so that "the vault is full" is said in one place.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tuibackup import durable
from tuibackup.answering import GONE
from tuibackup.durable import let_go
from tuibackup.errors import VaultError
from tuibackup.words import joined, sentence

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
        return VaultError(
            sentence("vault full: no room for {path}", path=path), sentence("free some room there")
        )
    return VaultError(joined(": ", (str(path), error.strerror or str(error))), GONE.get(error.errno or 0, ""))


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
        durable.sync_folder(path)


def rename_new(source: Path, target: Path) -> None:
    """Rename to a name that must not exist (see `durable`). Raises FileExistsError, VaultError."""
    try:
        durable.rename_new(source, target)
    except FileExistsError:
        raise
    except OSError as error:
        raise _vault_error(target, error) from error
