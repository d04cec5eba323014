"""Looks in the vault for snapshots that the record names: one that was removed by hand is no backup."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock
from tuibackup.vault import summary
from tuibackup.vault.sums import SUMS
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.ledger.facts import ClockFact
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Snapshot, Vault

_FILE = "whole.json"  # in the state folder
_TICK_NS = 2_000_000_000  # two changes in one tick of the clock look like one: only an older time is trusted


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
        what = sentence("the record names {snapshot}, which {why}", snapshot=self.spec, why=self.why)
        if self.instead is None:
            return sentence("{what}; there is no other good snapshot: back up again", what=what)
        return sentence(
            "{what}; the newest good one in the vault is {instead}", what=what, instead=self.instead
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
            if fact.server in config.servers
            and fact.snapshot
            and (gone := presence.lost(vault, fact.snapshot))
        }
    except (TuibackupError, OSError):
        return {}


class Presence:
    """Looks for snapshots again and again. One is not read again while nothing of it has changed: a time of its
    folders, of those that it points into, or of its two lists."""

    def __init__(self, state: Path | None = None) -> None:
        """`state`: the state folder, where `keep` puts the whole ones for the next start; None: nothing is kept."""
        self._file = state / _FILE if state else None
        self._vault = ""  # the id of the one that was looked into
        self._whole: dict[str, _Whole] = {}  # by server and clock: the snapshot looked for last
        self._changed = False

    def lost(self, vault: "Vault", spec: str) -> Lost | None:
        """What is wrong with a snapshot that the record names; None if nothing is. Raises VaultError."""
        self._use(vault)
        of, _slash, _name = spec.rpartition("/")
        known = self._whole.get(of)
        if known and known.spec == spec and known.stands(vault.path):
            return None
        snapshot = vault.named(spec)
        if snapshot is None:
            return None
        times = _times(vault.path, snapshot)  # taken first: what changes meanwhile counts as changed
        try:
            why = _wrong(snapshot)
        except OSError:
            return (
                None  # the disk, or a right, is missing: that is said elsewhere, and this is looked at again
            )
        if why:
            self._changed = self._whole.pop(of, None) is not None or self._changed
            latest = vault.latest(snapshot.server, snapshot.clock)
            return Lost(spec, why, latest.started if latest else None, latest.spec if latest else None)
        self._whole[of], self._changed = _Whole(spec, times), True
        return None

    def _use(self, vault: "Vault") -> None:
        """Take what is kept of this vault."""
        if self._vault != vault.id:
            known = _read(self._file) if self._file else _Kept()
            self._vault = vault.id
            self._whole = known.whole if known.vault == vault.id else {}

    def keep(self) -> None:
        """Keep what was found for the next start, if the file can be written."""
        if self._file is None or not self._changed:
            return
        self._changed = False
        before = time.time_ns() - _TICK_NS
        old = {of: one for of, one in self._whole.items() if max(one.times.values()) < before}
        new = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            new.touch(0o600)
            new.write_bytes(msgspec.json.encode(_Kept(self._vault, old)))
            new.replace(self._file)


class _Whole(msgspec.Struct, frozen=True):
    """A snapshot that was whole when its files and folders, named from the vault's folder on, had these times."""

    spec: str
    times: dict[str, int]

    def stands(self, vault: Path) -> bool:
        """Whether nothing has changed since."""
        return all(_changed_ns(vault, name) == time for name, time in self.times.items())


class _Kept(msgspec.Struct):
    """What the file holds: the vault's id, and `Presence`'s whole snapshots."""

    vault: str = ""
    whole: dict[str, _Whole] = {}


def _read(file: Path) -> _Kept:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return _Kept()


def _times(vault: Path, snapshot: "Snapshot") -> dict[str, int]:
    """Everything whose time says whether the snapshot is still whole, below the vault's folder."""
    here = snapshot.path
    places = [here, here / "restore", here / summary.FILE_NAME, here / SUMS]
    own = {name: _changed_ns(vault, name) for name in _below(vault, places)}
    with suppress(VaultError):
        older = _below(vault, (here.parent / name for name in snapshot.summary.points_into))
        return own | {name: _changed_ns(vault, name) for name in older}
    return own


def _below(vault: Path, places: Iterable[Path]) -> list[str]:
    return [os.path.relpath(place, vault) for place in places]


def _changed_ns(vault: Path, name: str) -> int:
    """When that file was written, or a name last came into or went out of that folder, in nanoseconds; -1: gone.

    It is the time that no program can set.
    """
    try:
        return os.stat(f"{vault}/{name}").st_ctime_ns
    except OSError:
        return -1


def _wrong(snapshot: "Snapshot") -> str:
    """What a snapshot lacks, or why it cannot be used; "" if it is complete. Raises OSError."""
    from tuibackup.vault.presence import missing

    return missing(snapshot.path) or _unreadable(snapshot)


def _unreadable(snapshot: "Snapshot") -> str:
    """Why a snapshot cannot be read; "" if it can."""
    try:
        snapshot.summary  # noqa: B018  # read when it is asked for
    except VaultError as error:
        return sentence("cannot be used ({why})", why=error.message)
    return ""


def last_good(config: Config, ledger: "Ledger") -> Mapping[tuple[str, Clock], datetime]:
    """The start of each clock's newest good snapshot that is still in the vault; clocks without one are left out."""
    facts = ledger.clock_facts()
    gone = lost(config, facts.values())
    known = {key: gone[key].good if key in gone else fact.good for key, fact in facts.items()}
    return {key: moment for key, moment in known.items() if moment is not None}
