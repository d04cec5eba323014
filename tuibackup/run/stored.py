"""What the record says is stored, looked for in the vault: a snapshot that was removed by hand is no backup."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.queries import ClockFact
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Snapshot


@dataclass(frozen=True, slots=True)
class Lost:
    """A snapshot `spec` by which the record knows a clock, and what is wrong with it.

    `good` and `instead` are start and name of the newest good one that is there, None where there is none.
    """

    spec: str
    why: str
    good: datetime | None
    instead: str | None

    @property
    def sentence(self) -> str:
        what = _("the record names {snapshot}, which {why}").format(snapshot=self.spec, why=self.why)
        if self.instead is None:
            return _("{what}; no other good snapshot is there: back up again").format(what=what)
        return _("{what}; the newest good one that is there is {instead}").format(
            what=what, instead=self.instead
        )


def lost(config: Config, facts: Iterable["ClockFact"]) -> Mapping[tuple[str, Clock], Lost]:
    """Of the clocks in `facts` those whose snapshot is not in the vault, or not all of it.

    None where the vault itself is not there: a disk that is not mounted has lost nothing.
    """
    from tuibackup.vault.presence import lacks

    found = {}
    try:
        vault = open_vault(config, create=False)
        for fact in facts:
            if fact.server not in config.servers or fact.snapshot is None:
                continue
            snapshot = vault.named(fact.snapshot)
            if snapshot is not None and (why := lacks(snapshot.path) or _unreadable(snapshot)):
                latest = vault.latest(fact.server, fact.clock)
                found[fact.server, fact.clock] = Lost(
                    snapshot.spec, why, latest.started if latest else None, latest.spec if latest else None
                )
    except (TuibackupError, OSError):
        return {}
    return found


def _unreadable(snapshot: "Snapshot") -> str:
    """Why nothing can be known of a snapshot that is there; "" where it says what it is."""
    try:
        snapshot.summary  # noqa: B018  # read when it is asked for
    except VaultError as error:
        return _("cannot be used ({why})").format(why=error.message)
    return ""


def last_good(config: Config, ledger: "Ledger") -> Mapping[tuple[str, Clock], datetime]:
    """The start of the snapshot that reset each clock last and is there; clocks without any are left out."""
    facts = ledger.clock_facts()
    gone = lost(config, facts.values())
    known = {key: gone[key].good if key in gone else fact.good for key, fact in facts.items()}
    return {key: moment for key, moment in known.items() if moment is not None}
