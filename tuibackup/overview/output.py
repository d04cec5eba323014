"""All that a run or a job said, from its journal, in lines: what happened when, in the order in which it happened.

Only the progress of a step is left out. Where the journal is gone, it says so, and what the ledger has follows.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.overview.logrow import log_row
from tuibackup.overview.picture import clock_word, job_word, outcome_word
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import JournalReader, journal_path
from tuibackup.run.unusual import sentence, slow_sentence
from tuibackup.sop import Clock
from tuibackup.text import cells, count, duration, printable, size, wrap
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.store import Ledger

Said = tuple[str, str]  # (style, text)
_TIME = 10  # cells of a line's time, "09:12:01  "


def said_by(config: Config, ledger: "Ledger", run: str, room: int) -> list[Said]:
    """What `run` said, in lines of `room` cells. Raises LedgerError."""
    with JournalReader(journal_path(config.state, run)) as reader:
        found = [line for event in reader.poll() for line in lines_of(event)]
    if not found:
        found = list(_recorded(ledger, run))
    return [line for one in found for line in _wrapped(one, room)]


def lines_of(event: ev.AnyEvent) -> Iterator[tuple[str, str, str]]:
    """(time, style, text) of an event: none, one or several."""
    time = _local(event.time)
    for style, text in _said(event):
        yield time, style, printable(text)


def _said(event: ev.AnyEvent) -> Iterable[Said]:
    match event:
        case ev.RunPlanned():
            yield "title", " · ".join((*map(clock_word, event.clocks), event.operator, event.run))
            if event.full:
                yield "", _("full download")
            for clock, why in event.again.items():
                yield (
                    "",
                    _("{clock} again, because of the last try: {reason}").format(
                        clock=clock_word(clock), reason=why or _("no good backup")
                    ),
                )
            if event.reason:
                yield "", _("reason: {text}").format(text=event.reason)
        case ev.RunWaiting():
            waits = {
                "needs": _("waiting: needs"),
                "slot": _("waiting: no slot"),
                ev.LEDGER: _("waiting: ledger"),
            }
            yield "waiting", waits.get(event.reason, _("waiting"))
        case ev.RunAsked():
            yield "muted", f"? {event.question} – " + (_("answered") if event.answered else _("no answer"))
        case ev.RunNote():
            yield "", event.text
        case ev.NeedsMet():
            for need, met, detail in event.needs:
                yield "done" if met else "failed", f"{'√' if met else '×'} {_(need)}: {detail}"
        case ev.StepStarted():
            yield "running", f"► {event.step.number} {_(event.step.value)}"
        case ev.StepOutput():
            for line in event.lines:
                yield "", f"  {line}"
        case ev.StepFinding():
            yield "failed" if event.mark else "warnings", f"▲ {event.subject}: {event.reason}"
        case ev.StepFinished():
            slow = "  ▲ " + _("slow") if event.slow else ""
            text = (
                f"{event.step.number} {_(event.step.value)}  {duration(event.seconds)}  {event.detail}{slow}"
            )
            yield event.outcome.value, f"{_SIGNS[event.outcome.value]} {text}"
        case ev.RunFinished():
            yield from _run_finished(event)
        case ev.JobPlanned():
            yield "title", f"{job_word(event.job)} {event.what} · {event.operator} · {event.run}"
            yield "muted", "tuibackup " + " ".join(event.command)
        case ev.JobResult():
            yield from _job_result(event)
        case ev.JobFinished():
            text = f"{outcome_word(event.outcome)}  {duration(event.seconds)}"
            yield event.outcome.value, f"{_SIGNS[event.outcome.value]} {text}"
            if event.error:
                yield "failed", event.error
        case _:
            return


_SIGNS = {"done": "√", "warnings": "▲", "failed": "×", "interrupted": "■"}


def _run_finished(event: ev.RunFinished) -> Iterable[Said]:
    for clock, result in ((Clock.FILES, event.files), (Clock.DATABASES, event.databases)):
        if result is None:
            continue
        parts = [clock_word(clock), outcome_word(result.outcome), result.snapshot, result.detail]
        if result.snapshot and not result.detail:
            parts.append(f"{count(result.items)} · {size(result.bytes)}")
        yield (
            result.outcome.value,
            f"{_SIGNS[result.outcome.value]} {' · '.join(part for part in parts if part)}",
        )
        for one in result.unusual:
            yield "warnings", "▲ " + _("unusual: {what}").format(what=sentence(clock, one))
    for slow in event.slow:
        yield "warnings", "▲ " + slow_sentence(slow)
    outcome = event.outcome.value
    yield outcome, f"{_SIGNS[outcome]} {outcome_word(event.outcome)}  {duration(event.seconds)}"
    if event.error:
        yield "failed", event.error


def _job_result(event: ev.JobResult) -> Iterable[Said]:
    what = str(event.result.get("snapshot") or event.result.get("server") or "")
    yield event.outcome.value, f"{_SIGNS[event.outcome.value]} {what} {outcome_word(event.outcome)}"
    for kind in ("problems", "differences", "gaps", "incomparable"):
        listed: Any = event.result.get(kind)
        for one in listed if isinstance(listed, list) else ():
            yield "failed" if kind in ("problems", "differences") else "warnings", f"  {one}"


def _recorded(ledger: "Ledger", run: str) -> Iterator[tuple[str, str, str]]:
    """The run as the ledger has it, after a line that says why it is no more."""
    from tuibackup.run.process.recovery import KEEP_DAYS

    entries = ledger.of_run(run)
    text = _("the journal of {run} is not there any more: journals are kept for {days} days")
    yield "", "notice", text.format(run=printable(run), days=KEEP_DAYS)
    if not entries:
        yield "", "", _("the ledger knows nothing of it, either")
        return
    yield "", "muted", _("what the ledger has of it:")
    for entry in entries:
        row, time = log_row(entry), _local(entry.time)
        sign = _SIGNS.get(row.outcome, "·")
        took = "" if row.seconds is None else f"  {duration(row.seconds)}"
        what = str(entry.body.get("step") or row.kind)
        yield time, row.outcome, f"{sign} {_(printable(what))}{took}  {row.detail}"
        findings = entry.body.get("findings")
        for one in findings if isinstance(findings, list) else ():
            if isinstance(one, dict):
                text = f"▲ {one.get('subject', '')}: {one.get('reason', '')}"
                yield "", "failed" if one.get("mark") else "warnings", printable(text)


def _local(time: str) -> str:
    try:
        return f"{datetime.fromisoformat(time).astimezone():%H:%M:%S}"
    except ValueError:
        return ""


def _wrapped(line: tuple[str, str, str], room: int) -> Iterator[Said]:
    time, style, text = line
    beside = max(20, room - _TIME)
    for number, part in enumerate(wrap(text, beside)):
        start = time if number == 0 else ""
        yield style, start + " " * (_TIME - cells(start)) + part
