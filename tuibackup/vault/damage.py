"""What is known to be damaged in the vault: which files, and whether a newer snapshot does without them.

A damaged file stays as it is. What it held is fetched anew by the next run, whose snapshot does not point into it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from tuibackup.errors import VaultError
from tuibackup.sop import Clock
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.presence import why_incomplete
from tuibackup.vault.sums import SUMS, read_sums


class Damaged(Protocol):
    """What verify found wrong with a snapshot (its spec): the files, as its SHA256SUMS names them."""

    @property
    def snapshot(self) -> str: ...
    @property
    def damaged(self) -> tuple[str, ...]: ...
    @property
    def unnamed(self) -> int:
        """How many more are damaged that nobody has named: then each of its files may be."""

    @property
    def since(self) -> str | None:
        """The newest good snapshot of the same clock that was recorded after that."""


D = TypeVar("D", bound=Damaged)


def damaged_files(vault: Vault, found: Iterable[D]) -> Mapping[str, D]:
    """The damaged files of one clock, as they are called from its folder (`2026-11-22T013000Z/index.sqlite`), and where
    they were found.
    """
    files: dict[str, D] = {}
    for one in found:
        snapshot = vault.named(one.snapshot)
        if snapshot is None:
            continue
        names = set(one.damaged)
        if one.unnamed:
            names |= _names(snapshot)
        files |= dict.fromkeys((place_of(snapshot, name) for name in names), one)
    return files


def place_of(snapshot: Snapshot, name: str) -> str:
    """A file that SHA256SUMS of this snapshot names, as it is called from the folder of its clock."""
    return name.removeprefix("../") if name.startswith("../") else f"{snapshot.name}/{name}"


def healed_by(vault: Vault, found: Damaged) -> str | None:
    """The newer good snapshot that is whole without what is damaged; None: there is none, or nobody can tell."""
    newer = vault.named(found.since) if found.since else None
    if newer is None or why_incomplete(newer.path):
        return None
    if newer.clock is Clock.DATABASES:  # its dumps need no other snapshot
        return newer.spec
    files = {place_of(newer, name) for name in _names(newer)}
    return newer.spec if files.isdisjoint(damaged_files(vault, (found,))) else None


def _names(snapshot: Snapshot) -> set[str]:
    """Every file that it needs, as SHA256SUMS names them, that list included."""
    try:
        return {SUMS, *(one.name for one in read_sums(snapshot.path))}
    except VaultError:
        return {SUMS}
