"""Carries out a plan of retention that somebody saw: what is to go is judged once more, and only exactly that goes.

Two locks: nobody else removes (`removal.removing`), and no run publishes meanwhile (`server_lock`). The ledger has an
entry before the first snapshot goes and one after the last. A crash in between leaves each snapshot whole, or out of
sight and deleted by the next start (`run.process.burial`).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError, TuibackupError, VaultError
from tuibackup.jobs.recorder import MOST, Recorder, Result
from tuibackup.jobs.retention.plan import RetentionPlan, plan_server
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.run.locks import server_lock
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.sop import Outcome
from tuibackup.text import size
from tuibackup.vault.layout import Vault
from tuibackup.vault.removal import delete, left_to_remove, removing, spec_of, take_away
from tuibackup.words import joined, sentence, sentence_n


class ChangedError(TuibackupError):
    """What would go is not what was shown."""


@dataclass(frozen=True, slots=True)
class Retained(Result):
    """What went; `spared` would have gone, but somebody began to read or to hold it just then."""

    server: str
    removed: tuple[str, ...]
    spared: tuple[str, ...]
    freed: int
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return Outcome.WARNINGS if self.spared else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "outcome": self.outcome.value,
            "removed": list(self.removed),
            "spared": list(self.spared),
            "freed": self.freed,
            "seconds": self.seconds,
        }

    def body(self) -> dict[str, Any]:
        gone = sentence_n("{count} snapshot removed", "{count} snapshots removed", len(self.removed))
        parts = [gone, sentence("{size} freed", size=size(self.freed))]
        if self.spared:
            number = len(self.spared)
            parts.append(sentence_n("{count} stays: in use or held", "{count} stay: in use or held", number))
        return {**self.facts(), "detail": joined(", ", parts), "error": ""}


def retain(
    server: str,
    shown: Collection[str],
    config: Config,
    recorder: Recorder,
    on_progress: Callable[[Progress], None],
) -> Retained:
    """Remove the snapshots `shown`, and record it before and after.

    Raises ChangedError: others would go now, BusyError: a run, or somebody else who removes, has the server,
    LedgerError: it cannot be recorded; nothing was removed then. Raises VaultError.
    """
    what = sentence_n("{count} snapshot to remove", "{count} snapshots to remove", len(shown))
    with recorder.attempt(Kind.RETENTION, {"detail": what}, server=server) as attempt:
        vault = open_vault(config)
        with removing(vault, server):
            with server_lock(vault, server, run=recorder.job or "retention", operator=recorder.operator):
                vault.require_writable(server)  # told with the way out, before anything is announced
                plan = _as_shown(config, vault, server, frozenset(shown))
                _announce(plan, recorder)
                removed, spared = _taken_away(vault, plan)
            _delete_all(vault, server, on_progress)
    freed = sum(line.frees for line in plan.lines if line.snapshot in removed)
    return attempt.recorded(Retained(server, removed, spared, freed, attempt.seconds))


def _as_shown(config: Config, vault: Vault, server: str, shown: frozenset[str]) -> RetentionPlan:
    """The plan of this moment. Raises ChangedError."""
    with open_ledger(config, read_only=True) as ledger:
        plan = plan_server(config, vault, ledger, server)
    if (now := frozenset(plan.goes)) != shown:
        raise ChangedError(
            sentence(
                "{server}: nothing was removed, because the plan has changed since it was shown: {difference}",
                server=server,
                difference=_difference(plan, shown, now),
            ),
            sentence("look again: tuibackup retention {server}", server=server),
        )
    return plan


def _difference(plan: RetentionPlan, shown: frozenset[str], now: frozenset[str]) -> str:
    """The first snapshot whose fate is another one now."""
    why = {line.snapshot: line.why for line in plan.lines}
    first = min(shown ^ now)
    if first in now:
        return sentence("{snapshot} would go, too", snapshot=first)
    if first in why:
        return sentence("{snapshot} stays ({why})", snapshot=first, why=why[first])
    return sentence("{snapshot} is gone already", snapshot=first)


def _announce(plan: RetentionPlan, recorder: Recorder) -> None:
    """The entry before. Raises LedgerError: without it nothing goes."""
    number = len(plan.goes)
    what = sentence_n("{count} snapshot goes", "{count} snapshots go", number)
    detail = joined(", ", [what, size(plan.frees)])
    reasons = {line.snapshot: line.why for line in plan.lines if line.goes}
    body = {
        "detail": detail,
        "rules": {clock.value: rule for clock, rule in plan.rules.items()},
        "removes": list(plan.goes),
        "reasons": dict(list(reasons.items())[:MOST]),
    }
    if fault := recorder.record(Kind.RETENTION, body, server=plan.server):
        raise LedgerError(sentence("{server}: nothing was removed: {fault}", server=plan.server, fault=fault))


def _taken_away(vault: Vault, plan: RetentionPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Out of sight, those that point into others first: what went, and what is in use and stays with what it needs."""
    removed: list[str] = []
    spared: list[str] = []
    needed: set[str] = set()
    needs = {line.snapshot: line.needs for line in plan.lines}
    for spec in plan.goes:
        snapshot = vault.find(spec)
        if spec not in needed and take_away(snapshot):
            removed.append(spec)
        else:
            spared.append(spec)
            needed |= {f"{plan.server}/{snapshot.clock}/{name}" for name in needs[spec]}
    return tuple(removed), tuple(spared)


def _delete_all(vault: Vault, server: str, on_progress: Callable[[Progress], None]) -> None:
    left = left_to_remove(vault, server)
    for number, folder in enumerate(left):
        on_progress(Progress(number, len(left), 0, None, spec_of(server, folder), "snapshots"))
        try:
            delete(folder)
        except VaultError as error:
            raise VaultError(
                sentence(
                    "{server}: what went is not all deleted yet ({number} of {total} left): {why}",
                    server=server,
                    number=len(left) - number,
                    total=len(left),
                    why=error.message,
                ),
                sentence("the next start of tuibackup tries again"),
            ) from error
