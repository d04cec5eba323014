"""A private folder for one drill, which is removed afterwards, even after an error, ctrl+c, or kill -9."""

import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.errors import VaultError
from tuibackup.filelock import try_lock
from tuibackup.run.scratch.reaper import clear
from tuibackup.text import size
from tuibackup.vault.disk import room
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_PREFIX = "tuibackup-drill-"
_NAME = re.compile(re.escape(_PREFIX) + r"\w+")
_LOCK = "lock"
_NEWBORN = 60.0  # seconds: a folder that is younger may not have its lock yet
_REAPER_SECONDS = 30.0
LEAST_FREE = 256 << 20  # bytes that stay free on the disk


class ScratchPlace:
    """A new folder below `parent`; a context manager. Folders that earlier drills left there are removed first.

    `open_to_others`: other accounts may pass through it (a server of another account works below it).
    """

    def __init__(self, parent: Path, *, open_to_others: bool = False) -> None:
        self._parent = parent
        self._mode = 0o711 if open_to_others else 0o700
        self._lock = -1
        self.path = parent

    def __enter__(self) -> Self:
        with vault_errors(self._parent):
            _sweep(self._parent)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
            self._lock = _locked(self.path / _LOCK, os.O_CREAT)
            self._reaper = subprocess.Popen(
                [sys.executable, "-m", "tuibackup.run.scratch.reaper", str(self.path)],
                stdin=subprocess.PIPE,
                start_new_session=True,
                cwd="/",
            )
            os.chmod(self.path, self._mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        clear(self.path)
        os.close(self._lock)
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._reaper.wait(_REAPER_SECONDS)

    def need(self, amount: int) -> None:
        """Raise VaultError if there is no room for `amount` bytes."""
        free = room(self.path).free
        if free < amount + LEAST_FREE:
            raise VaultError(
                sentence(
                    "{parent}: a drill of this snapshot needs about {amount}; {free} are free, and "
                    "{least_free} must stay free",
                    parent=self._parent,
                    amount=size(amount),
                    free=size(free),
                    least_free=size(LEAST_FREE),
                ),
                sentence("free some room there, or name another folder: [drill] folder"),
            )


def _sweep(parent: Path) -> None:
    """Remove folders of drills that ended when the machine went down."""
    for entry in os.scandir(parent):
        if not _NAME.fullmatch(entry.name):
            continue
        with suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            if not ours or time.time() - status.st_ctime < _NEWBORN:
                continue
            lock = _locked(Path(entry.path) / _LOCK, os.O_CREAT)
            os.close(lock)
            clear(Path(entry.path))


def _locked(path: Path, flags: int) -> int:
    """A descriptor that holds the lock of `path`. Raises BlockingIOError if another process holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    if not try_lock(fd):
        os.close(fd)
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))
    return fd
