"""Removing published snapshots: each is first taken out of sight by one rename, and then deleted.

A crash leaves a snapshot as it was, or under a name that begins with `.removing-`: what is left of that is nobody's,
and is deleted by whoever comes next. A snapshot that is being read (`reading`), or that has a note beside it that
somebody holds it (`held`), is not taken away.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuibackup.errors import BusyError, VaultError
from tuibackup.filelock import try_lock, unlock
from tuibackup.sop import Clock
from tuibackup.vault.held import is_held
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.names import NAME, REMOVING, file_name
from tuibackup.vault.output import rename_new, sync_folder, vault_errors
from tuibackup.words import sentence


@contextmanager
def removing(vault: Vault, server: str) -> Iterator[None]:
    """Be the only one who deletes snapshots of `server`. Raises BusyError, VaultError: this disk knows no locks."""
    folder = vault.path / file_name(server)
    with vault_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with vault_errors(folder):
            alone = try_lock(descriptor)
        if not alone:
            raise BusyError(
                sentence("snapshots of {server} are being removed already", server=server),
                sentence("wait until that is done"),
            )
        yield
    finally:
        unlock(descriptor)


def in_use(snapshot: Snapshot) -> bool:
    """Whether somebody reads it now. Raises VaultError."""
    with _alone(snapshot) as alone:
        return not alone


def take_away(snapshot: Snapshot) -> bool:
    """Rename it: it is no snapshot any more. False: somebody reads or holds it, and nothing was changed.

    The caller holds the server. Raises VaultError.
    """
    with _alone(snapshot) as alone:
        if not alone or is_held(snapshot):  # who holds it writes that down while he has the folder's lock
            return False
        try:
            rename_new(snapshot.path, snapshot.path.with_name(f"{REMOVING}{snapshot.name}"))
        except FileExistsError as error:
            raise VaultError(
                sentence("{path}: what is left of an older removal is in the way", path=snapshot.path)
            ) from error
        sync_folder(snapshot.path.parent)  # before anything in it goes
    return True


@contextmanager
def _alone(snapshot: Snapshot) -> Iterator[bool]:
    with vault_errors(snapshot.path):
        descriptor = os.open(snapshot.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with vault_errors(snapshot.path):
            alone = try_lock(descriptor)
        yield alone
    finally:
        unlock(descriptor)


def left_to_remove(vault: Vault, server: str) -> list[Path]:
    """Folders that were snapshots and are still to be deleted. Raises VaultError."""
    found = []
    for clock in Clock:
        folder = vault.path / file_name(server) / clock
        with vault_errors(folder):
            names = os.listdir(folder) if folder.is_dir() else []
        found += [
            folder / name
            for name in sorted(names)
            if name.startswith(REMOVING) and NAME.fullmatch(name.removeprefix(REMOVING))
        ]
    return found


def spec_of(server: str, left: Path) -> str:
    """What the snapshot in that folder was called."""
    return f"{server}/{left.parent.name}/{left.name.removeprefix(REMOVING)}"


def delete(folder: Path) -> None:
    """Delete a folder of the vault with all that is in it, and make that last. Raises VaultError."""
    remove_tree(folder)
    sync_folder(folder.parent)


def remove_tree(folder: Path) -> None:
    """Delete it, whatever modes its folders have; also a file or a link of that name. Raises VaultError."""
    with vault_errors(folder):
        if folder.is_symlink() or folder.is_file():  # nothing of ours, but a run of that name could not begin
            folder.unlink()
            return
        for place, _, _ in os.walk(folder):
            os.chmod(place, 0o700)  # a folder may be sealed already
        if folder.exists():
            shutil.rmtree(folder)


class Freed:
    """Counts what deleting files would free: of a file with several names, only with the last of them."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], int] = {}  # that were counted, by file

    def of(self, folder: Path) -> int:
        """Bytes that the disk has more once `folder` is gone, too, after those before. Raises VaultError."""
        freed = 0
        with vault_errors(folder):
            for place, _folders, names in os.walk(folder):
                for name in names:
                    status = os.lstat(os.path.join(place, name))
                    if status.st_nlink > 1:
                        file = (status.st_dev, status.st_ino)
                        self._names[file] = self._names.get(file, 0) + 1
                        if self._names[file] < status.st_nlink:
                            continue
                    freed += status.st_blocks * 512
        return freed
