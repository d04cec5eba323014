"""Two restores into the same folder of a server would take each other's files away; of one host, only one goes on."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuibackup.errors import BusyError, TuibackupError
from tuibackup.filelock import try_lock, unlock
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.words import sentence

_FOLDER = "restoring"


@contextmanager
def alone(state: Path, plan: ServerPlan) -> Iterator[None]:
    """Keep other restores into that folder away. Raises BusyError: there is one; TuibackupError: no lock can be had."""
    what = plan.into.name.encode() + b":" + plan.folder
    path = state / _FOLDER / hashlib.sha256(what).hexdigest()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _locked(path)
    except OSError as error:
        raise TuibackupError(
            sentence("{path}: {error}", path=path, error=error.strerror),
            sentence("check the state folder's owner and mode"),
        ) from error
    if descriptor is None:
        raise BusyError(
            sentence("another restore writes into {where} now", where=plan.where),
            sentence("wait for its end (tuibackup follow), or choose another folder"),
        )
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        unlock(descriptor)


def _locked(path: Path) -> int | None:
    """The lock's open file; None where another has it. Who had it removed the file: such a one locks nothing."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if not try_lock(descriptor):
            os.close(descriptor)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        unlock(descriptor)
