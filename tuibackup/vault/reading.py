"""Reading a snapshot for a while: retention leaves it, and what it points into, until that is over.

The lock is a shared `flock` on the snapshot's folder; the kernel drops it with its holder. A disk that knows no locks
is read without: there retention removes nothing.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tuibackup.errors import VaultError
from tuibackup.filelock import try_lock, unlock
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_PATIENCE = 5.0  # seconds: retention locks a snapshot for the moment in which it looks, or renames it


class GoneError(VaultError):
    """The snapshot is not in the vault any more."""


@contextmanager
def reading(snapshot: Snapshot) -> Iterator[None]:
    """Keep `snapshot` in the vault for as long as the block lasts. Raises GoneError."""
    try:
        descriptor = os.open(snapshot.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _gone(snapshot) from None
    except OSError:
        yield  # whoever reads it says what is wrong with it
        return
    try:
        _lock(descriptor)
        with vault_errors(snapshot.path):
            if not snapshot.path.is_dir():  # it was taken away between the two
                raise _gone(snapshot)
        yield
    finally:
        unlock(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    try:
        while not try_lock(descriptor, shared=True) and time.monotonic() < deadline:
            time.sleep(0.02)
    except OSError:
        return


def _gone(snapshot: Snapshot) -> GoneError:
    return GoneError(
        sentence("{snapshot} is not in the vault any more", snapshot=snapshot.spec),
        sentence("tuibackup snapshots lists what there is; tuibackup log tells what was removed"),
    )
