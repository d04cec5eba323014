"""Usual: accept with a reason what is unusual about the last run of a server, so that it is told no more.

Figures near an accepted one are not told of later runs either; `run.unusual` says what is near.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.errors import LedgerError, UsageError
from tuibackup.jobs.note import cleaned
from tuibackup.jobs.recorder import Recorder
from tuibackup.ledger.entries import Kind
from tuibackup.overview.past import results_of_body
from tuibackup.run.journal.events import Unusual
from tuibackup.run.places import look_into_ledger
from tuibackup.run.unusual import sentence as told
from tuibackup.run.unusual import untold, usual_of
from tuibackup.sop import Clock
from tuibackup.words import _, sentence

ALL = "unusual"  # all that is unusual about the last run
WHATS = ("size", "count", "time", "change")


@dataclass(frozen=True, slots=True)
class UsualPlan:
    """The figures of a run that are accepted."""

    server: str
    run: str
    figures: Mapping[Clock, tuple[Unusual, ...]]
    reason: str

    @property
    def sentences(self) -> list[str]:
        """What is accepted, for people."""
        return [told(clock, one) for clock, found in self.figures.items() for one in found]

    def body(self) -> dict[str, Any]:
        """The note in the ledger."""
        usual = [
            {"clock": clock.value, "what": one.what, "value": one.value, "median": one.median}
            for clock, found in self.figures.items()
            for one in found
        ]
        names = ", ".join(f"{one['clock']}-{one['what']}" for one in usual)
        detail = sentence("accepted as usual: {names}: {reason}", names=names, reason=self.reason)
        return {"usual": usual, "about": self.run, "reason": self.reason, "detail": detail}


def is_figure(what: str) -> bool:
    """Whether this word names figures of a run: "unusual", "size", "files-size"."""
    clock, _dash, name = what.rpartition("-")
    return what == ALL or (name in WHATS and clock in ("", *Clock))


def plan_usual(config: Config, server: str, what: str, reason: str) -> UsualPlan | None:
    """What of the last run is unusual and named so; None where nothing is. Raises UsageError, LedgerError."""
    config.server(server)
    ledger, _fault = look_into_ledger(config)
    with ledger:
        last = ledger.last_runs(server).get(server)
        accepted = usual_of(ledger.usual(server).get(server, ()))
    found = {
        clock: tuple(
            one
            for one in untold(clock, result.unusual, accepted)
            if what in (ALL, one.what, f"{clock}-{one.what}")
        )
        for clock, result in (results_of_body(last.body).items() if last else ())
    }
    found = {clock: some for clock, some in found.items() if some}
    return UsualPlan(server, last.run, found, cleaned(reason)) if last and found else None


def require_usual(config: Config, server: str, what: str, reason: str) -> UsualPlan:
    """The same; UsageError where nothing is unusual."""
    plan = plan_usual(config, server, what, reason)
    if plan is None:
        raise UsageError(
            _("nothing of that kind is unusual about the last run of {server}").format(server=server),
            _("tuibackup status shows what is"),
        )
    return plan


def accept_usual(plan: UsualPlan, recorder: Recorder) -> None:
    """Record it. Raises LedgerError: then nothing is accepted, because the record is all there is of it."""
    if fault := recorder.record(Kind.NOTE, plan.body(), server=plan.server):
        raise LedgerError(sentence("this cannot be recorded: {fault}", fault=fault))
