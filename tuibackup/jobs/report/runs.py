"""The runs of a report, from their entries: the run's own, its steps, needs and notes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tuibackup.jobs.report.facts import Need, Note, Run, StepFact, Stored
from tuibackup.ledger.entries import Entry, Kind
from tuibackup.overview.past import results_of_body
from tuibackup.run.unusual import sentence as unusual_sentence
from tuibackup.sop import Outcome, Step

_FINDINGS = 20  # of a step that are printed; the others are counted


def runs_of(entries: Iterable[Entry]) -> tuple[Run, ...]:
    """Every run that ended, the oldest first. Entries of other kinds and of runs under way are passed over."""
    by_run: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.run:
            by_run[entry.run].append(entry)
    found = (run_of(parts) for parts in by_run.values())
    return tuple(sorted((run for run in found if run), key=lambda run: (run.started, run.server, run.run)))


def run_of(entries: Sequence[Entry]) -> Run | None:
    """One run from all its entries; None while it goes on."""
    whole = next((entry for entry in entries if entry.kind == Kind.RUN), None)
    if whole is None:
        return None
    body, seconds = whole.body, number(whole.body.get("seconds"))
    results = results_of_body(body)
    return Run(
        run=whole.run or "",
        server=whole.server or "",
        started=whole.moment - timedelta(seconds=seconds),
        ended=whole.moment,
        who=whole.operator,
        outcome=outcome_of(body),
        seconds=seconds,
        error=text(body, "error"),
        steps=tuple(_step(entry.body) for entry in entries if _is_step(entry)),
        stored=tuple(
            Stored(clock, one.outcome, one.snapshot, one.items, one.bytes, one.detail)
            for clock, one in results.items()
        ),
        needs=tuple(_needs(entries)),
        notes=tuple(note_of(entry) for entry in entries if entry.kind == Kind.NOTE),
        unusual=tuple(
            unusual_sentence(clock, one) for clock, result in results.items() for one in result.unusual
        ),
    )


def note_of(entry: Entry) -> Note:
    """What somebody wrote."""
    return Note(entry.moment, entry.operator, text(entry.body, "text"), entry.server or "", entry.run or "")


def _is_step(entry: Entry) -> bool:
    return entry.kind == Kind.STEP and entry.body.get("step") in list(Step)


def _step(body: Mapping[str, Any]) -> StepFact:
    findings = body.get("findings")
    listed = [one for one in findings if isinstance(one, Mapping)] if isinstance(findings, list) else []
    total = body.get("findings_total")
    return StepFact(
        step=Step(body["step"]),
        outcome=outcome_of(body),
        seconds=number(body.get("seconds")),
        standard=_some(body.get("standard")),
        expected=_some(body.get("expected")),
        slow=bool(body.get("slow")),
        detail=text(body, "detail"),
        findings=tuple((text(one, "subject"), text(one, "reason")) for one in listed[:_FINDINGS]),
        findings_total=total if isinstance(total, int) else len(listed),
    )


def _needs(entries: Sequence[Entry]) -> Iterable[Need]:
    for entry in entries:
        needs = entry.body.get("needs") if entry.kind == Kind.NEEDS else None
        for one in needs if isinstance(needs, list) else ():
            if isinstance(one, Mapping):
                yield Need(text(one, "need"), bool(one.get("ok")), text(one, "detail"))


def outcome_of(body: Mapping[str, Any]) -> Outcome:
    """How it ended; what another version wrote and this one does not know is no success."""
    outcome = body.get("outcome")
    return Outcome(outcome) if outcome in list(Outcome) else Outcome.FAILED


def number(value: object) -> float:
    """A number of a body; 0 for anything else."""
    return _some(value) or 0.0


def _some(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(body: Mapping[str, Any], name: str) -> str:
    """A text of a body, still a sentence if it was one; "" where there is none."""
    value = body.get(name)
    return value if isinstance(value, str) else ""
