"""Limits who may work now: one run per server (`flock` on the vault), and a number of runs on this host (slots).

The kernel drops these locks when a process ends, however it ends: there are no pid files to go stale.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec

from tuibackup.errors import BusyError, TuibackupError, VaultError
from tuibackup.filelock import try_lock, unlock
from tuibackup.text import printable
from tuibackup.vault.layout import Vault
from tuibackup.vault.names import file_name
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

POLL = 0.5  # seconds between two looks at the slots
_PATIENCE = 1.0  # seconds; a process that records a dead run holds its server's lock for a moment


class Holder(msgspec.Struct, frozen=True):
    """What a lock file says about its holder. Only true while the lock is held."""

    run: str
    operator: str = ""
    host: str = ""


@contextmanager
def server_lock(vault: Vault, server: str, *, run: str, operator: str) -> Iterator[None]:
    """Hold `server` for as long as the block lasts.

    Raises BusyError with the run and operator that hold it, VaultError if the vault cannot be written.
    """
    path = vault.lock_path(server)
    try:
        vault.server_folder(server)
        with vault_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except VaultError:
        vault.require_writable(server)  # says the same as `check`, with the way out
        raise
    try:
        if not _take(descriptor, patience=_PATIENCE):
            raise _busy(server, _holder(descriptor))
        _sign(descriptor, Holder(run, operator, socket.gethostname()))
        yield
    finally:
        unlock(descriptor)


@asynccontextmanager
async def slot(state: Path, parallel: int, *, kind: str = "run") -> AsyncIterator[None]:
    """Wait for one of `parallel` slots of this host and keep it for the block. Cancelling ends the wait."""
    descriptor = take_slot(state, parallel, kind=kind)
    while descriptor is None:
        await asyncio.sleep(POLL)
        descriptor = take_slot(state, parallel, kind=kind)
    try:
        yield
    finally:
        unlock(descriptor)


def take_slot(state: Path, parallel: int, *, kind: str = "run") -> int | None:
    """A free slot as an open file (`unlock`), None if all are taken.

    Raises TuibackupError if its file cannot be made or locked.
    """
    folder = state / "slots"
    for number in range(parallel):
        path = folder / f"{kind}-{number}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _take(descriptor):
                return descriptor
        except OSError as error:
            raise TuibackupError(
                sentence("the lock file {path} cannot be used: {error}", path=path, error=error.strerror),
                sentence(
                    "runs take turns by this file: the state folder must be writable, on a local disk with "
                    "free room"
                ),
            ) from error
        unlock(descriptor)
    return None


def holders(state: Path, *, kind: str) -> int:
    """How many slots of a kind are taken on this host.

    The look holds a free slot for a moment, so that a run that takes one just then gets the next: use it only for a
    kind that never runs out of slots.
    """
    taken = 0
    for path in (state / "slots").glob(f"{kind}-*"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            taken += not try_lock(descriptor, shared=True)
        finally:
            unlock(descriptor)
    return taken


def signed(vault: Path, server: str) -> str:
    """The id of the run that locked `server` last, "" if the file names none. It holds the lock as long as it lives."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((vault / file_name(server) / ".lock").read_bytes(), type=Holder).run
    return ""


def _sign(descriptor: int, holder: Holder) -> None:
    """Write the holder into the file. A disk that is too full for that does not stop the run."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder) + b"\n", 0)


def _take(descriptor: int, *, patience: float = 0.0) -> bool:
    deadline = time.monotonic() + patience
    while not try_lock(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _holder(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return None


def _busy(server: str, holder: Holder | None) -> BusyError:
    if holder is None:
        return BusyError(sentence("{server} is held by another run", server=server))
    return BusyError(
        sentence(
            "{server} is held by run {run} of {operator}",
            server=server,
            run=printable(holder.run),
            operator=printable(holder.operator),
        ),
        sentence("follow it: tuibackup follow {run}", run=printable(holder.run)),
    )
