"""What of an older snapshot a new one may point into: not what is damaged, or cannot be proven any more.

What it may not point into is fetched anew, so that the new snapshot is whole whatever became of the older ones.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

import msgspec

from tuibackup.errors import VaultError
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.damage import place_of
from tuibackup.vault.index.read import Index
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.vault.sums import SUMS, read_sums


class Reuse(msgspec.Struct, frozen=True):
    """A snapshot to point into, but for `damaged` archives: the name of an older snapshot, "" for its own; the file."""

    snapshot: Snapshot
    damaged: frozenset[tuple[str, str]] = frozenset()


def reusable(older: Snapshot, damaged: Collection[str]) -> Reuse | None:
    """What may be used of `older`; None if nothing: its index, or its SHA256SUMS, is not what it was.

    `damaged` are files as `vault.damage.damaged_files` calls them. An archive that was cut by a failing disk keeps its
    name, and one whose own snapshot has lost its SHA256SUMS cannot be proven: neither is pointed into.
    """
    try:
        sums = {one.name: one.sha256 for one in read_sums(older.path)}
        if any(place_of(older, name) in damaged for name in (SUMS, INDEX)):
            return None
        # A damaged list of what find said costs time only: then the index is compared instead.
        if _hash(older.path / INDEX) != sums.get(INDEX):
            return None
        with Index(older.path / INDEX) as index:
            archives = [(one.snapshot, one.name) for one in index.archives]
    except VaultError:
        return None
    lists: dict[str, dict[str, bytes]] = {"": sums}
    unusable = set()
    for snapshot, name in archives:
        told = f"../{snapshot}/{name}" if snapshot else name
        if snapshot not in lists:
            lists[snapshot] = _sums(older.path.parent / snapshot)
        if (
            place_of(older, told) in damaged
            or told not in sums
            or lists[snapshot].get(name) != sums[told]
            or not _has_its_end(older.path / told)
        ):
            unusable.add((snapshot, name))
    return Reuse(older, frozenset(unusable))


def _has_its_end(archive: Path) -> bool:
    try:
        ArchiveReader(archive).close()
    except VaultError:
        return False
    return True


def _sums(snapshot: Path) -> dict[str, bytes]:
    try:
        return {one.name: one.sha256 for one in read_sums(snapshot)}
    except VaultError:
        return {}


def _hash(path: Path) -> bytes:
    with vault_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
