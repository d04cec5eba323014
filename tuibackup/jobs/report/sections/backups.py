"""Every run, what did not go by the SOP, and the reasons that people gave."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import count as counting

from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import (
    NONE,
    NUMBER,
    Block,
    Column,
    Heading,
    Paragraph,
    Strong,
    Table,
    lines,
)
from tuibackup.jobs.report.facts import Lapse, Report, Run
from tuibackup.overview.picture import clock_word
from tuibackup.run.journal.events import Slow
from tuibackup.run.unusual import slow_sentence
from tuibackup.sop import Outcome, Step, limit
from tuibackup.text import count, duration
from tuibackup.words import _, joined, ngettext

_LISTED = 3  # findings that stand for all where nothing else tells


def runs(report: Report) -> Iterable[Block]:
    """Every run, whatever its outcome."""
    standards = report.standards
    yield Heading(_("Every backup"))
    yield Table(
        (
            NUMBER,
            Column(_("Began"), 10),
            Column(_("Server"), 13),
            Column(_("Carried out by"), 9),
            Column(_("1 Connect (up to {time})").format(time=duration(standards.connect_within)), 9.5),
            Column(_("2 Download"), 9.5),
            Column(_("3 Login (up to {time})").format(time=duration(standards.login_within)), 9.5),
            Column(_("4 Dump"), 9.5),
            Column(_("Stored"), 13),
            Column(_("Outcome"), 9.5),
            Column(_("Remarks"), 20.5),
        ),
        tuple(
            (
                str(number),
                formal.short(run.started),
                run.server,
                run.who,
                *(terms.took(run.step(step)) for step in Step),
                terms.stored(run),
                terms.outcome(run.outcome),
                lines((_cause(run), *run.reasons)),
            )
            for number, run in zip(counting(1), report.runs, strict=False)
        ),
        _("No backup was carried out in this period."),
    )
    if any(step.slow for run in report.runs for step in run.steps):
        yield Paragraph(_("!: longer than its standard, or much longer than usual for this server."))


def _cause(run: Run) -> str:
    """Why it is not *done*: its error, else the marks of its clocks, else what was listed first."""
    if run.outcome is Outcome.DONE:
        return run.error
    marks = [one.detail for one in run.stored if one.detail and one.outcome is not Outcome.DONE]
    listed = [subject for step in run.steps for subject, _reason in step.findings]
    return run.error or joined("; ", marks) or joined(", ", listed[:_LISTED])


def deviations(report: Report) -> Iterable[Block]:
    """What did not go by the SOP, with the reason that somebody gave, or that nobody has given one."""
    yield Heading(_("Deviations and their reasons"))
    found = sorted([*_deviating_runs(report.runs), *_lapses(report)], key=lambda one: one[0])
    yield Table(
        (
            NUMBER,
            Column(_("Time"), 12),
            Column(_("Server"), 15),
            Column(_("Deviation"), 40),
            Column(_("Reason"), 33),
        ),
        tuple((str(number), *cells) for number, (_day, cells) in zip(counting(1), found, strict=False)),
        _("None."),
    )


def _deviating_runs(found: Sequence[Run]) -> Iterable[tuple[date, tuple[str, ...]]]:
    for run in found:
        what = deviations_of(run)
        if what:
            reason = lines(run.reasons) if run.reasons else Strong(_("no reason is recorded"))
            cells = (formal.short(run.started), run.server, lines(what), reason)
            yield run.started.astimezone().date(), cells


def deviations_of(run: Run) -> list[str]:
    """What of a run was not as it should be, a sentence each."""
    what = []
    if run.outcome is not Outcome.DONE:
        what.append(joined(": ", [text for text in (terms.outcome(run.outcome), _cause(run)) if text]))
    for step in run.steps:
        most = limit(step.standard, step.expected)
        if step.slow and most is not None:
            what.append(slow_sentence(Slow(step.step, step.seconds, most)))
    return [*what, *run.unusual]


def _lapses(report: Report) -> Iterable[tuple[date, tuple[str, ...]]]:
    for kept in report.compliance:
        for lapse in kept.lapses:
            late = ngettext("{count} day late", "{count} days late", lapse.days).format(
                count=count(lapse.days)
            )
            text = (
                _("{clock}: no backup since the due day, {late} so far")
                if lapse.came is None
                else _("{clock}: {late}, the backup came on {day}")
            )
            came = formal.short_day(lapse.came) if lapse.came else ""
            what = text.format(clock=clock_word(kept.clock), late=late, day=came)
            reason = _reason(report, kept.server, lapse)
            yield lapse.due, (formal.short_day(lapse.due), kept.server, what, reason)
        if kept.verdict == "never":
            what = _("{clock}: never backed up").format(clock=clock_word(kept.clock))
            yield date.max, (NONE, kept.server, what, _reason(report, kept.server, None))


def _reason(report: Report, server: str, lapse: Lapse | None) -> str:
    """What people wrote about the server, or a run of it, from the day on which the backup was due until it came."""
    notes = [note for run in report.runs for note in run.notes] + list(report.notes)
    said = [
        f"{note.text} ({note.who})"
        for note in sorted(notes, key=lambda note: note.time)
        if note.server == server and (lapse is None or _during(note.time.astimezone().date(), lapse))
    ]
    return lines(said) if said else Strong(_("no reason is recorded"))


def _during(day: date, lapse: Lapse) -> bool:
    return lapse.due <= day and (lapse.came is None or day <= lapse.came)
