"""The ledger's entries as the cockpit shows them: a line of the log, and a run whose journal is gone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuibackup.ledger.results import carried_out
from tuibackup.overview.picture import LogRow, clock_word
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.view import RunView
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.text import printable
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry


def log_row(entry: "Entry") -> LogRow:
    """An entry in one line. Another version may have written its body, so nothing is taken for granted."""
    body = entry.body
    outcome = body.get("outcome")
    seconds = body.get("seconds")
    return LogRow(
        sequence=entry.seq,
        time=entry.moment,
        server=printable(entry.server or ""),
        kind=printable(entry.kind),
        outcome=str(outcome) if outcome in list(Outcome) else "",
        detail=printable(_detail(entry.kind, body)),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        who=printable(entry.operator),
        run=entry.run or str(body.get("job") or ""),
        body=body,
    )


def _detail(kind: str, body: Mapping[str, Any]) -> str:
    """The error if there is one, else what each clock got, else the entry's own words."""
    if kind == "drill" and body.get("error") and not carried_out(body):
        return _("could not be carried out: {reason}").format(reason=body["error"])
    for name in ("error", "detail", "text", "reason"):
        if isinstance(body.get(name), str) and body[name]:
            return str(body[name])
    if isinstance(body.get("needs"), list):
        return _needs(body["needs"])
    clocks = body.get("clocks")
    if not isinstance(clocks, Mapping):
        return ""
    found = [clocks.get(clock.value) for clock in Clock]
    return " · ".join(
        f"{clock_word(clock)} {fact['detail']}"
        for clock, fact in zip(Clock, found, strict=True)
        if isinstance(fact, Mapping) and fact.get("detail")
    )


def _needs(needs: Sequence[Any]) -> str:
    """What a run needed and found, what was missing first."""
    facts = [fact for fact in needs if isinstance(fact, Mapping)]
    facts.sort(key=lambda fact: bool(fact.get("ok")))
    return " · ".join(
        ("" if fact.get("ok") else _("missing") + ": ") + f"{_(str(fact.get('need')))}: {fact.get('detail')}"
        for fact in facts
    )


def view_of(entries: Sequence["Entry"]) -> RunView:
    """A run as its record tells it, folded like a journal."""
    first = entries[0] if entries else None
    view = RunView((first.run if first else "") or "", (first.server if first else "") or "")
    for event in _events(entries):
        view = view.apply(event)
    return view


def _events(entries: Sequence["Entry"]) -> list[ev.AnyEvent]:
    steps = [entry for entry in entries if entry.kind == "step" and entry.body.get("step") in list(Step)]
    whole = next((entry for entry in entries if entry.kind == "run"), None)
    first = entries[0]
    clocks = _clocks(whole.body) if whole else {}
    common: dict[str, Any] = {"run": first.run or "", "server": first.server or ""}
    told: list[ev.AnyEvent] = [
        ev.RunPlanned(
            time=first.time,
            request="",
            clocks=tuple(clocks) or _clocks_of({Step(entry.body["step"]) for entry in steps}),
            full=False,
            operator=first.operator,
            standards=_numbers(steps, "standard"),
            expected=_numbers(steps, "expected"),
            **common,
        )
    ]
    for entry in steps:
        step, body = Step(entry.body["step"]), entry.body
        told.append(ev.StepStarted(time=entry.time, step=step, **common))
        told.append(
            ev.StepFinished(
                time=entry.time,
                step=step,
                outcome=_outcome(body),
                seconds=float(body.get("seconds") or 0),
                detail=printable(str(body.get("detail") or "")),
                slow=bool(body.get("slow")),
                **common,
            )
        )
    if whole:
        told.append(
            ev.RunFinished(
                time=whole.time,
                outcome=_outcome(whole.body),
                seconds=float(whole.body.get("seconds") or 0),
                exit_code=0,
                error=printable(str(whole.body.get("error") or "")),
                run=first.run or "",
                server=first.server or "",
            )
        )
    return told


def _outcome(body: Mapping[str, Any]) -> Outcome:
    outcome = body.get("outcome")
    return Outcome(outcome) if outcome in list(Outcome) else Outcome.FAILED


def _clocks(body: Mapping[str, Any]) -> dict[Clock, Any]:
    clocks = body.get("clocks")
    return {
        clock: clocks[clock.value] for clock in Clock if isinstance(clocks, Mapping) and clock.value in clocks
    }


def _clocks_of(steps: set[Step]) -> tuple[Clock, ...]:
    files = (Clock.FILES,) if Step.DOWNLOAD in steps else ()
    return (*files, Clock.DATABASES) if Step.DUMP in steps else files


def _numbers(steps: Sequence["Entry"], name: str) -> dict[Step, float]:
    return {
        Step(entry.body["step"]): float(entry.body[name])
        for entry in steps
        if isinstance(entry.body.get(name), int | float)
    }
