"""Verify: read all of a snapshot from the disk again, compare every hash, and record what was found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.jobs.chosen import chosen
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock, Outcome
from tuibackup.text import size
from tuibackup.words import joined, sentence_n

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.verify import Verdict


@dataclass(frozen=True, slots=True)
class VerifyPlan:
    """One snapshot to be read."""

    snapshot: "Snapshot"

    @property
    def bytes(self) -> int | None:
        """The bytes that the run stored, and so the least to read; None if the snapshot does not tell."""
        try:
            return self.snapshot.summary.stored_bytes
        except TuibackupError:
            return None

    def body(self) -> dict[str, Any]:
        return {"snapshot": self.snapshot.spec, "detail": self.snapshot.spec}


@dataclass(frozen=True, slots=True)
class Verified(Result):
    """What was found in the snapshot of `plan`."""

    plan: VerifyPlan
    verdict: "Verdict"
    seconds: float
    record: str  # what the ledger says of its list: "agrees", "differs", or "unknown"

    @property
    def outcome(self) -> Outcome:
        return Outcome.DONE if self.verdict.ok else Outcome.FAILED

    def facts(self) -> dict[str, Any]:
        return {
            "snapshot": self.plan.snapshot.spec,
            "ok": self.verdict.ok,
            "files": self.verdict.files,
            "bytes": self.verdict.bytes,
            "seconds": self.seconds,
            "problems": list(self.verdict.problems),
            "damaged": list(self.verdict.damaged),
            "record": self.record,
            "restorable": self._restorable(),
        }

    def _restorable(self) -> list[str] | None:
        """The databases whose dumps are whole; None of a files snapshot, and where nobody knows."""
        if self.plan.snapshot.clock is Clock.FILES:
            return None
        try:
            databases = self.plan.snapshot.summary.databases
        except TuibackupError:
            return None
        return [one.name for one in databases if one.file not in self.verdict.damaged]

    def body(self) -> dict[str, Any]:
        spec, verdict = self.plan.snapshot.spec, self.verdict
        body = bounded(self.facts())
        del body["ok"]  # the outcome says it
        return {
            **body,
            "outcome": self.outcome.value,
            "detail": joined(
                "",
                (
                    spec,
                    ": ",
                    sentence_n("{count} file", "{count} files", verdict.files),
                    ", ",
                    size(verdict.bytes),
                ),
            ),
            "error": "" if verdict.ok else joined(": ", (spec, verdict.problems[0])),
        }


def plan_verify(config: Config, word: str | None) -> Iterator[VerifyPlan]:
    """One plan for the snapshot of that name, for each of a server, or for all in the vault (None).

    Raises UsageError: nothing has that name, VaultError.
    """
    if word is None:
        found = open_vault(config, create=False).snapshots()
    else:
        found = iter(chosen(config, word, lambda vault, server: vault.snapshots(server)))
    return map(VerifyPlan, found)


def verify(plan: VerifyPlan, recorder: Recorder, on_progress: Callable[[Progress], None]) -> Verified:
    """Read the snapshot and record what was found. What is wrong with it is the result and is not raised."""
    from tuibackup.vault.reading import reading
    from tuibackup.vault.verify import verify as read_all

    with (
        recorder.attempt(Kind.VERIFY, plan.body(), server=plan.snapshot.server) as attempt,
        reading(plan.snapshot),
    ):
        recorded = recorder.published_sums(plan.snapshot.spec)
        verdict = read_all(plan.snapshot, on_progress, recorded)
    record = "unknown" if recorded is None else "differs" if verdict.another else "agrees"
    return attempt.recorded(Verified(plan, verdict, attempt.seconds, record))
