"""What a recovery onto another server brought back, step by step."""

from dataclasses import dataclass
from typing import Any

from tuibackup.jobs.recorder import Result, bounded
from tuibackup.jobs.recover.plan import RecoveryPlan
from tuibackup.sop import Clock, Outcome, worst
from tuibackup.words import joined, later, sentence, sentence_n

LACKING = {
    Clock.FILES: later("no good snapshot of its folders"),
    Clock.DATABASES: later("no good snapshot of its databases"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One folder, or all databases. `expected`: seconds, None where nothing was measured before.

    `detail`: why it failed or what it proved; `swap`: commands that the operator may carry out on that server.
    `done_before`: an earlier call of the same recovery did it.
    """

    what: str
    where: str
    outcome: Outcome
    seconds: float
    expected: float | None
    detail: str
    swap: tuple[str, ...] = ()
    done_before: bool = False

    def document(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "where": self.where,
            "outcome": self.outcome.value,
            "seconds": self.seconds,
            "expected-seconds": None if self.expected is None else round(self.expected, 1),
            "detail": self.detail,
            "swap": list(self.swap),
            "done-before": self.done_before,
        }


def lacking(plan: RecoveryPlan) -> tuple[Step, ...]:
    """A step for each clock of which there is nothing to bring back: a recovery without it is not whole."""
    return tuple(
        Step(clock.value, plan.onto.name, Outcome.WARNINGS, 0.0, None, sentence(LACKING[clock]))
        for clock in plan.lacking
    )


@dataclass(frozen=True, slots=True)
class Recovered(Result):
    """All steps of one call."""

    plan: RecoveryPlan
    steps: tuple[Step, ...]
    seconds: float
    dry_run: bool = False

    @property
    def outcome(self) -> Outcome:
        return worst([one.outcome for one in self.steps])

    def facts(self) -> dict[str, Any]:
        return {
            **({"dry-run": True} if self.dry_run else {}),
            "recovery": self.plan.server,
            "onto": self.plan.onto.name,
            **({"copy": self.plan.copy} if self.plan.copy else {}),
            "snapshots": [one.spec for one in self.plan.snapshots],
            "outcome": self.outcome.value,
            "seconds": self.seconds,
            "steps": [one.document() for one in self.steps],
        }

    def body(self) -> dict[str, Any]:
        wrong = [one.detail for one in self.steps if one.outcome is Outcome.FAILED]
        number = len(self.steps)
        return {
            **bounded(self.facts()),
            "detail": joined(
                ": ",
                (
                    self.plan.body()["detail"],
                    sentence_n("{number} step", "{number} steps", number, number=number),
                ),
            ),
            "error": wrong[0] if wrong else "",
        }
