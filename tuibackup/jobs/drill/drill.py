"""Drills a snapshot: restores it into a scratch place, compares it with its record, and records the result.

Databases go into a throw-away mariadbd of this machine, or into an empty server that the configuration names
(`databases`); files into a folder (`files`). Nothing of it stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import TuibackupError, VaultError
from tuibackup.jobs.chosen import chosen
from tuibackup.jobs.drill.findings import Findings, OnProgress
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.ledger.entries import Kind
from tuibackup.sop import Clock, Outcome
from tuibackup.text import printable, size
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """One snapshot to be drilled; `where` is the folder of scratch places, or the socket of the named server."""

    snapshot: "Snapshot"
    where: str

    @property
    def bytes(self) -> int | None:
        """The bytes to restore; None if the snapshot does not tell."""
        try:
            return self.snapshot.summary.bytes
        except TuibackupError:
            return None

    def body(self) -> dict[str, Any]:
        return {"snapshot": self.snapshot.spec, "where": self.where, "detail": self.snapshot.spec}


@dataclass(frozen=True, slots=True)
class Drilled(Result):
    """A drill that was carried out."""

    plan: DrillPlan
    found: Findings
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return self.found.outcome

    def facts(self) -> dict[str, Any]:
        found = self.found
        return {
            "snapshot": self.plan.snapshot.spec,
            "outcome": found.outcome.value,
            "seconds": self.seconds,
            "where": found.where,
            "items": found.items,
            "bytes": found.bytes,
            "tables": found.tables,
            "rows": found.rows,
            "checksums": found.checksums,
            "differences": found.differences,
            "incomparable": found.incomparable,
            "gaps": found.gaps,
        }

    def body(self) -> dict[str, Any]:
        differences = self.found.differences
        return {
            **bounded(self.facts()),
            "detail": joined(": ", (self.plan.snapshot.spec, amount(self.facts()))),
            "error": differences[0] if differences else "",
        }


def amount(facts: Mapping[str, Any]) -> str:
    """What was proven, in a few words; from `Drilled.facts`."""
    items, tables, rows, checksums = (facts[name] for name in ("items", "tables", "rows", "checksums"))
    if facts["snapshot"].split("/")[1] == Clock.FILES:
        files = sentence_n("{count} file", "{count} files", items)
        return joined(", ", (files, size(facts["bytes"])))
    parts = [
        sentence_n("{count} database", "{count} databases", items),
        sentence_n("{count} table", "{count} tables", tables),
        sentence_n("{count} row", "{count} rows", rows),
    ]
    if checksums or not rows:
        parts.append(sentence_n("{count} checksum", "{count} checksums", checksums))
    else:
        parts.append(sentence("contents not compared"))
    return joined(", ", parts)


def plan_drill(config: Config, word: str) -> tuple[DrillPlan, ...]:
    """One plan for the snapshot of that name, or for the newest good one of each clock of a server.

    Raises UsageError: nothing is called so, VaultError: nothing is good.
    """
    found = chosen(
        config, word, lambda vault, server: filter(None, (vault.latest(server, clock) for clock in Clock))
    )
    if not found:
        raise VaultError(
            sentence("{server}: no good snapshot to drill yet", server=word),
            sentence("tuibackup run makes one"),
        )
    return tuple(plan_of(config, one) for one in found)


def plan_of(config: Config, snapshot: "Snapshot") -> DrillPlan:
    """The plan for this snapshot."""
    named = config.drill.socket
    where = named if named and snapshot.clock is Clock.DATABASES else config.drill.folder
    return DrillPlan(snapshot, printable(str(where)))


def not_drilled(plan: DrillPlan, error: TuibackupError) -> dict[str, Any]:
    """The document of a drill that could not be carried out, beside those of others that were."""
    return {"snapshot": plan.snapshot.spec, "outcome": Outcome.FAILED.value, "error": str(error)}


def drill(plan: DrillPlan, config: Config, recorder: Recorder, on_progress: OnProgress) -> Drilled:
    """Restore into a scratch place, compare, and record; to be called from the main thread.

    A fault of the snapshot is a difference. Raises TuibackupError where the drill itself cannot be carried out: no
    database server here, no room, a named server that is not empty. That is recorded, too.
    """
    snapshot = plan.snapshot
    from tuibackup.vault.reading import reading

    with recorder.attempt(Kind.DRILL, plan.body(), server=snapshot.server) as attempt, reading(snapshot):
        if snapshot.clock is Clock.FILES:
            from tuibackup.jobs.drill.files import drill_files

            found = drill_files(config.drill, snapshot, on_progress)
        else:
            from tuibackup.jobs.drill.databases import drill_databases

            found = drill_databases(config, snapshot, on_progress)
        if not snapshot.good:
            found.gaps.append(sentence("{spec}: was not whole when it was made", spec=snapshot.spec))
    return attempt.recorded(Drilled(plan, found, attempt.seconds))
