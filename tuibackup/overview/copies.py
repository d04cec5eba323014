"""How the copies stand, by ledger, vault and what this host knows of their places; no place is asked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies.known import Known, Notes
from tuibackup.errors import TuibackupError
from tuibackup.ledger.copied import CopyFact, copied, proven_readable
from tuibackup.ledger.probed import ProbeFact, probes
from tuibackup.sop import Clock
from tuibackup.text import size, when
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.ledger.queries import Queries
    from tuibackup.vault.layout import Vault


@dataclass(frozen=True, slots=True)
class CopyState:
    """One copy. `held`: snapshots there; `missing`: specs that the vault has and it lacks, the oldest first.

    `last`: when a snapshot went there; `away`: since when the place is not there, None if it was the last time;
    `damaged`: specs that were found damaged or lost; `proven`: when a drill out of it last succeeded;
    `probe`: what its store was found to do, `promised`: what lock = says of it; `protected`: to when nothing of a
    snapshot there can be deleted, by spec, for those that are protected now. `strays`: objects there, with their
    `stray_bytes`, that belong to no snapshot and are not this host's to remove.
    """

    name: str
    place: str
    held: int
    bytes: int
    missing: tuple[str, ...]
    last: datetime | None
    away: datetime | None
    encrypted: bool
    off_site: bool
    damaged: tuple[str, ...] = ()
    proven: datetime | None = None
    probe: ProbeFact | None = None
    promised: str = ""
    protected: Mapping[str, datetime] = field(default_factory=dict)
    strays: int = 0
    stray_bytes: int = 0

    def lacking(self, there: Collection[str] | None) -> "CopyState":
        """The same, where only snapshots that are `there` can be missing; None: nobody knows which are."""
        if there is None:
            return self
        return replace(self, missing=tuple(spec for spec in self.missing if spec in there))

    def remarks(self, now: datetime) -> list[str]:
        """What there is to know of it."""
        said = []
        if self.away is not None:
            said.append(sentence("away since {time}", time=when(self.away, now)))
        if self.damaged:
            number = len(self.damaged)
            said.append(
                sentence_n(
                    "{count} snapshot damaged or lost there",
                    "{count} snapshots damaged or lost there",
                    number,
                )
            )
        if self.missing:
            number = len(self.missing)
            said.append(sentence_n("{count} snapshot is missing", "{count} snapshots are missing", number))
        if self.encrypted and self.held and self.proven is None:
            said.append(sentence("never proved readable"))
        if self.strays:
            said.append(
                sentence_n(
                    "{count} object there belongs to no snapshot, {size}",
                    "{count} objects there belong to no snapshot, {size}",
                    self.strays,
                    size=size(self.stray_bytes),
                )
            )
        said += self._of_store(now)
        return said

    @property
    def is_unlocked(self) -> bool:
        """Whether a lock was promised, and its canary could be deleted, or nobody could tell."""
        return bool(self.promised) and self.probe is not None and self.probe.lock != "kept"

    def _of_store(self, now: datetime) -> Iterator[str]:
        if self.probe is None:
            if self.promised:
                yield sentence("lock not tried yet: tuibackup check does")
            return
        if not self.probe.enforces:
            yield sentence("the store does not refuse to replace; tuibackup looks before it writes")
        if self.is_unlocked:
            yield sentence("NOT LOCKED as lock = promises (tried {time})", time=when(self.probe.time, now))
        until = [self.protected[spec] for spec in self.protected if self.protected[spec] > now]
        if until and len(until) == self.held:
            yield sentence("all protected until {date}", date=min(until).astimezone().date().isoformat())
        elif until:
            yield sentence(
                "{count} of {all} protected, the longest until {date}",
                count=len(until),
                all=self.held,
                date=max(until).astimezone().date().isoformat(),
            )

    def remark(self, now: datetime) -> str:
        """The same in one line."""
        return joined("; ", self.remarks(now))

    def document(self) -> dict[str, Any]:
        """As `copies --json` prints it."""
        return {
            "copy": self.name,
            "to": self.place,
            "snapshots": self.held,
            "bytes": self.bytes,
            "missing": list(self.missing),
            "damaged": list(self.damaged),
            "last": self.last.isoformat() if self.last else None,
            "away": self.away.isoformat() if self.away else None,
            "encrypted": self.encrypted,
            "proven-readable": self.proven.isoformat() if self.proven else None,
            "off-site": self.off_site,
            "lock": self.promised or None,
            "probe": None
            if self.probe is None
            else {
                "time": self.probe.time.isoformat(),
                "enforces-create-only": self.probe.enforces,
                "lock": self.probe.lock,
                "locked-days": self.probe.days,
            },
            "strays": {"objects": self.strays, "bytes": self.stray_bytes},
            "protected-until": {spec: until.isoformat() for spec, until in self.protected.items()},
        }


def copy_states(
    config: Config, ledger: "Queries", vault: "Vault | None", server: str | None = None
) -> tuple[CopyState, ...]:
    """All copies (of one server's snapshots). Raises TuibackupError."""
    return _states(config, ledger, server, _specs(vault, server) if vault is not None else ())


def copies_of(config: Config, ledger: "Queries", server: str) -> tuple[CopyState, ...]:
    """The copies that take a server, or hold something of it, by the ledger alone: what lies no more in the vault is
    missing in them, too. Raises LedgerError.
    """
    if not config.copies:
        return ()
    there = ledger.snapshots(server) - ledger.removed(server).get(server, frozenset())
    found = _states(config, ledger, server, sorted(there, key=lambda spec: spec.rpartition("/")[2]))
    return tuple(one for one in found if one.held or config.copies[one.name].takes(server))


def _states(
    config: Config, ledger: "Queries", server: str | None, there: Sequence[str]
) -> tuple[CopyState, ...]:
    if not config.copies:
        return ()
    facts = copied(ledger, server)
    proven, probed = proven_readable(ledger), probes(ledger)
    return tuple(
        _state(config, copy, facts.get(copy.name, {}), there, proven.get(copy.name), probed.get(copy.name))
        for copy in config.copies.values()
    )


def _specs(vault: "Vault", server: str | None) -> Sequence[str]:
    servers = [server] if server is not None else vault.servers()
    return [f"{one}/{clock}/{name}" for one in servers for clock in Clock for name in vault.names(one, clock)]


def _state(
    config: Config,
    copy: CopySettings,
    facts: Mapping[str, CopyFact],
    there: Sequence[str],
    proven: datetime | None,
    probe: ProbeFact | None,
) -> CopyState:
    held = [fact for fact in facts.values() if fact.held]
    notes = _notes(config, copy.name)
    return CopyState(
        copy.name,
        str(copy.to),
        len(held),
        sum(fact.bytes for fact in held),
        tuple(
            spec
            for spec in there
            if copy.takes(spec.split("/")[0]) and not (spec in facts and facts[spec].had)
        ),
        max((fact.since for fact in held), default=None),
        datetime.fromisoformat(notes.away).astimezone(UTC) if notes.away else None,
        bool(copy.encrypt_to),
        copy.off_site,
        tuple(fact.snapshot for fact in facts.values() if not fact.had and fact.problem),
        proven,
        probe,
        str(copy.lock or ""),
        _protected(held, copy, probe),
        notes.strays,
        notes.stray_bytes,
    )


def _protected(
    held: Sequence[CopyFact], copy: CopySettings, probe: ProbeFact | None
) -> Mapping[str, datetime]:
    """Of each snapshot there, when the first of the objects that it needs can be deleted."""
    if probe is None:
        return {}
    found = {}
    for fact in held:
        day = None if fact.oldest is None else fact.oldest.date()
        promised = None if copy.lock is None or day is None else copy.lock.after(day) - day
        if (until := probe.protected_until(fact.oldest, promised)) is not None:
            found[fact.snapshot] = until
    return found


def _notes(config: Config, name: str) -> Notes:
    try:
        return Known(config.state, name).notes()
    except TuibackupError:
        return Notes()
