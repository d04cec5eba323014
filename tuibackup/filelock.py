"""Locks between processes: `flock` on a file or a folder, which the kernel drops with its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuibackup.durable import let_go


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file for as long as it stays open; False where another process has locked it. Raises OSError."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Unlock and close an open file, also where the disk answers that with an error."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    let_go(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out of the block; wait for them first. `path`: a folder, or a file made where none is."""
    flags = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        let_go(descriptor)
