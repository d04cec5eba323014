"""Looks in the vault for snapshots that the record names: one that was removed by hand is no backup."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.queries import ClockFact
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Snapshot, Vault


@dataclass(frozen=True, slots=True)
class Lost:
    """A snapshot `spec` that the record names for a clock, and what is wrong with it.

    `good` and `instead` are the start and the name of the newest good one in the vault, None if it has none.
    """

    spec: str
    why: str
    good: datetime | None
    instead: str | None

    @property
    def sentence(self) -> str:
        what = _("the record names {snapshot}, which {why}").format(snapshot=self.spec, why=self.why)
        if self.instead is None:
            return _("{what}; there is no other good snapshot: back up again").format(what=what)
        return _("{what}; the newest good one in the vault is {instead}").format(
            what=what, instead=self.instead
        )


def lost(config: Config, facts: Iterable["ClockFact"]) -> Mapping[tuple[str, Clock], Lost]:
    """The clocks in `facts` whose snapshot is missing in the vault, or incomplete.

    Empty if the vault itself is missing: a disk that is not mounted has lost nothing.
    """
    presence = Presence()
    try:
        vault = open_vault(config, create=False)
        return {
            (fact.server, fact.clock): gone
            for fact in facts
            if fact.server in config.servers and (gone := presence.lost(vault, fact))
        }
    except (TuibackupError, OSError):
        return {}


class Presence:
    """Looks for snapshots again and again; a folder with the same time holds the same files, and is not read again."""

    def __init__(self) -> None:
        self._whole: dict[str, tuple[tuple[Path, int], ...]] = {}  # by spec: folders, and their times then

    def lost(self, vault: "Vault", fact: "ClockFact") -> Lost | None:
        """What is wrong with the snapshot that reset the clock of `fact`; None if nothing is. Raises VaultError."""
        snapshot = vault.named(fact.snapshot) if fact.snapshot else None
        if snapshot is None:
            return None
        known = self._whole.get(snapshot.spec)
        if known is not None and known == _times(folder for folder, _time in known):
            return None
        if why := _wrong(snapshot):
            self._whole.pop(snapshot.spec, None)
            latest = vault.latest(fact.server, fact.clock)
            return Lost(
                snapshot.spec, why, latest.started if latest else None, latest.spec if latest else None
            )
        older = [snapshot.path.parent / name for name in snapshot.summary.points_into]
        self._whole[snapshot.spec] = _times([snapshot.path, *older])
        return None


def _times(folders: Iterable[Path]) -> tuple[tuple[Path, int], ...]:
    """When a name last came or went in each folder, in nanoseconds; -1 if that cannot be read."""
    return tuple((folder, _changed_ns(folder)) for folder in folders)


def _changed_ns(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return -1


def _wrong(snapshot: "Snapshot") -> str:
    """What a snapshot lacks, or why it cannot be used; "" if it is complete."""
    from tuibackup.vault.presence import lacks

    return lacks(snapshot.path) or _unreadable(snapshot)


def _unreadable(snapshot: "Snapshot") -> str:
    """Why a snapshot cannot be read; "" if it can."""
    try:
        snapshot.summary  # noqa: B018  # read when it is asked for
    except VaultError as error:
        return _("cannot be used ({why})").format(why=error.message)
    return ""


def last_good(config: Config, ledger: "Ledger") -> Mapping[tuple[str, Clock], datetime]:
    """The start of each clock's newest good snapshot that is still in the vault; clocks without one are left out."""
    facts = ledger.clock_facts()
    gone = lost(config, facts.values())
    known = {key: gone[key].good if key in gone else fact.good for key, fact in facts.items()}
    return {key: moment for key, moment in known.items() if moment is not None}
