"""The sections of a month's or a year's report, each made of its facts: a heading, and a table or sentences."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import count as counting
from statistics import median

from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import (
    NONE,
    Block,
    Column,
    Heading,
    Pairs,
    Paragraph,
    Strong,
    Table,
    lines,
)
from tuibackup.jobs.report.facts import Compliance, Lapse, Report, Run, Scope
from tuibackup.overview.picture import clock_word, state_word
from tuibackup.run.journal.events import Slow
from tuibackup.run.unusual import slow_sentence
from tuibackup.sop import Clock, Outcome, Step, limit
from tuibackup.text import count, duration
from tuibackup.words import _, joined, ngettext

_NUMBER = Column("No", 4.5, right=True)


def summary(report: Report) -> Iterable[Block]:
    """The numbers that a head of unit reads first."""
    runs, kept = report.runs, report.compliance
    ended = {outcome: sum(run.outcome is outcome for run in runs) for outcome in Outcome}
    verdicts = [one.verdict for one in kept]
    unprotected = sum(len(one.unprotected) for one in report.scope)
    yield Heading(_("Summary"))
    yield Pairs(
        (
            (
                _("Backups carried out"),
                _(
                    "{total}: {done} done, {warnings} with warnings, {failed} failed, {interrupted} interrupted"
                ).format(
                    total=count(len(runs)),
                    **{outcome.value: count(number) for outcome, number in ended.items()},
                ),
            ),
            (
                _("Clocks (files, databases)"),
                _("{total}: {kept} kept, {late} late, {missed} missed, {never} never backed up").format(
                    total=count(len(kept)),
                    **{word: count(verdicts.count(word)) for word in ("kept", "late", "missed", "never")},
                ),
            ),
            (
                _("Drills"),
                _("{total}, of which {failed} not passed").format(
                    total=count(len(report.drills)),
                    failed=count(sum(one.outcome is not Outcome.DONE for one in report.drills)),
                ),
            ),
            (
                _("Restores"),
                _("{total}, of which {failed} not done").format(
                    total=count(len(report.restores)),
                    failed=count(sum(one.outcome is not Outcome.DONE for one in report.restores)),
                ),
            ),
            (
                _("Not protected"),
                lines((_counted(unprotected), _unseen(report.scope))),
            ),
        )
    )


def _counted(unprotected: int) -> str:
    text = ngettext("{count} folder or database", "{count} folders or databases", unprotected)
    return text.format(count=count(unprotected))


def _unseen(scope: Sequence[Scope]) -> str:
    """On how many servers nobody has looked for what is unprotected."""
    number = sum(one.configured and one.looked is None for one in scope)
    text = ngettext(
        "nobody has looked yet on {count} server", "nobody has looked yet on {count} servers", number
    )
    return text.format(count=count(number)) if number else ""


def procedure(report: Report) -> Iterable[Block]:
    """The SOP's own table, with the actual times of the whole span."""
    yield Heading(_("Carried out by the SOP"))
    yield procedure_table(report, [_actual(report.runs, step) for step in Step])


def procedure_table(report: Report, actual: Sequence[tuple[str, str, str]]) -> Table:
    """*No, Aktivitas, Pelaksana, Kelengkapan, Waktu, Output, Keterangan*; `actual`: of each step the time that it took,
    what came out, and a remark.
    """
    doer = report.identity.unit or _("IT unit")
    return Table(
        (
            _NUMBER,
            Column(_("Activity"), 22),
            Column(_("Carried out by"), 12),
            Column(_("Requirements"), 14),
            Column(_("Time: standard"), 11),
            Column(_("Time: actual"), 15),
            Column(_("Output"), 14),
            Column(_("Remarks"), 18),
        ),
        tuple(
            (
                str(step.number),
                terms.activity(step),
                doer,
                terms.needed(step),
                terms.standard(step, report.standards),
                took,
                lines((terms.output(step), came)),
                lines((terms.remark(step, report.standards), said)),
            )
            for step, (took, came, said) in zip(Step, actual, strict=True)
        ),
        "",
    )


def _actual(runs: Sequence[Run], step: Step) -> tuple[str, str, str]:
    found = [one for run in runs if (one := run.step(step))]
    if not found:
        return _("not carried out"), "", ""
    seconds = [one.seconds for one in found]
    done = sum(one.outcome is Outcome.DONE for one in found)
    slow = sum(one.slow for one in found)
    took = _("median {median}, longest {longest}").format(
        median=duration(median(seconds)), longest=duration(max(seconds))
    )
    came = _("succeeded: {done} of {total}").format(done=count(done), total=count(len(found)))
    over = ngettext("{count} time over its standard", "{count} times over its standard", slow)
    return took, came, Strong(over.format(count=count(slow))) if slow else ""


def compliance(report: Report) -> Iterable[Block]:
    """A row a server: each clock, and whether it was kept."""
    standards = report.standards
    titles = {
        Clock.FILES: _("Files, within {period}").format(period=terms.period(standards.files_within)),
        Clock.DATABASES: _("Databases, within {period}").format(
            period=terms.period(standards.databases_within)
        ),
    }
    by_server: dict[str, dict[Clock, Compliance]] = {}
    for one in report.compliance:
        by_server.setdefault(one.server, {})[one.clock] = one
    columns = [_NUMBER, Column(_("Server"), 16)]
    for clock in Clock:
        columns += [
            Column(_("{clock}: good backups").format(clock=titles[clock]), 9, right=True),
            Column(_("newest"), 10),
            Column(_("compliance"), 16),
            Column(_("at the end"), 10.5),
        ]
    yield Heading(_("Compliance with the clocks"))
    yield Table(
        tuple(columns),
        tuple(
            (str(number), server, *(cell for clock in Clock for cell in _kept(kept.get(clock))))
            for number, (server, kept) in zip(counting(1), by_server.items(), strict=False)
        ),
        _("No server is configured."),
    )


def _kept(kept: Compliance | None) -> tuple[str, str, str, str]:
    if kept is None:
        return NONE, NONE, NONE, NONE
    last = formal.short(kept.last) if kept.last else NONE
    return count(kept.good), last, terms.verdict(kept), state_word(kept.state)


def runs(report: Report) -> Iterable[Block]:
    """Every run, whatever its outcome."""
    standards = report.standards
    yield Heading(_("Every backup"))
    yield Table(
        (
            _NUMBER,
            Column(_("Began"), 8.5),
            Column(_("Server"), 13),
            Column(_("Carried out by"), 9),
            Column(_("1 Connect (up to {time})").format(time=duration(standards.connect_within)), 9.5),
            Column(_("2 Download"), 9.5),
            Column(_("3 Login (up to {time})").format(time=duration(standards.login_within)), 9.5),
            Column(_("4 Dump"), 9.5),
            Column(_("Stored"), 13),
            Column(_("Outcome"), 9.5),
            Column(_("Remarks"), 22),
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
                lines((run.error, *_why(run))),
            )
            for number, run in zip(counting(1), report.runs, strict=False)
        ),
        _("No backup was carried out in this period."),
    )


def _why(run: Run) -> tuple[str, ...]:
    """The marks of its clocks where there is no error, and the notes about it."""
    details = [one.detail for one in run.stored if one.detail and one.outcome is not Outcome.DONE]
    return (*(() if run.error else details), *run.reasons)


def deviations(report: Report) -> Iterable[Block]:
    """What did not go by the SOP, with the reason that somebody gave, or that nobody has given one."""
    yield Heading(_("Deviations and their reasons"))
    rows = [*_deviating_runs(report.runs), *_lapses(report)]
    yield Table(
        (
            _NUMBER,
            Column(_("Time"), 12),
            Column(_("Server"), 15),
            Column(_("Deviation"), 40),
            Column(_("Reason"), 33),
        ),
        tuple((str(number), *row) for number, row in zip(counting(1), rows, strict=False)),
        _("None."),
    )


def _deviating_runs(found: Sequence[Run]) -> Iterable[tuple[str, ...]]:
    for run in found:
        what = deviations_of(run)
        if what:
            reason = lines(run.reasons) if run.reasons else Strong(_("no reason is recorded"))
            yield formal.short(run.started), run.server, lines(what), reason


def deviations_of(run: Run) -> list[str]:
    """What of a run was not as it should be, a sentence each."""
    what = []
    if run.outcome is not Outcome.DONE:
        marks = [subject for step in run.steps for subject, _reason in step.findings]
        why = (
            run.error
            or joined("; ", [one.detail for one in run.stored if one.detail])
            or joined(", ", marks[:3])
        )
        what.append(joined(": ", [text for text in (terms.outcome(run.outcome), why) if text]))
    for step in run.steps:
        most = limit(step.standard, step.expected)
        if step.slow and most is not None:
            what.append(slow_sentence(Slow(step.step, step.seconds, most)))
    return [*what, *run.unusual]


def _lapses(report: Report) -> Iterable[tuple[str, ...]]:
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
            yield formal.short_day(lapse.due), kept.server, what, _reason(report, kept.server, lapse)
        if kept.verdict == "never":
            what = _("{clock}: never backed up").format(clock=clock_word(kept.clock))
            yield NONE, kept.server, what, _reason(report, kept.server, None)


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


def proofs(report: Report) -> Iterable[Block]:
    """Drills: the third clock of each server, and each drill; then what was read again and compared."""
    yield Heading(_("Restore drills and verification"))
    yield Table(
        (
            _NUMBER,
            Column(_("Time"), 12),
            Column(_("Server"), 14),
            Column(_("Snapshot"), 24),
            Column(_("Carried out by"), 11),
            Column(_("Duration"), 8),
            Column(_("Outcome"), 9),
            Column(_("Remarks"), 26),
        ),
        tuple(
            (
                str(number),
                formal.short(one.time),
                one.server,
                one.snapshot.partition("/")[2] or one.snapshot,
                one.who,
                duration(one.seconds),
                terms.outcome(one.outcome),
                one.error or one.detail or NONE,
            )
            for number, one in zip(counting(1), report.drills, strict=False)
        ),
        _("No drill was carried out in this period."),
    )
    late = [one for one in report.drilled if one.verdict != "kept"]
    if late:
        period = terms.period(late[0].within)
        names = ", ".join(f"{one.server} ({clock_word(one.clock)})" for one in late)
        yield Paragraph(
            _("Not drilled within {period}, or never: {names}.").format(period=period, names=names)
        )
    for verified in report.verified:
        text = ngettext(
            "{server}: {count} snapshot was read again and compared, {sound} sound.",
            "{server}: {count} snapshots were read again and compared, {sound} sound.",
            verified.snapshots,
        ).format(server=verified.server, count=count(verified.snapshots), sound=count(verified.sound))
        yield Paragraph(lines((text, *verified.problems)))


def restores(report: Report) -> Iterable[Block]:
    """Each restore, who approved it and why."""
    yield Heading(_("Restores"))
    yield Table(
        (
            _NUMBER,
            Column(_("Time"), 12),
            Column(_("Snapshot"), 22),
            Column(_("Restored to"), 20),
            Column(_("Carried out by"), 10),
            Column(_("Approval by"), 12),
            Column(_("Reason"), 18),
            Column(_("Outcome"), 9),
            Column(_("Remarks"), 18),
        ),
        tuple(
            (
                str(number),
                formal.short(one.time),
                one.snapshot,
                one.to or NONE,
                one.who,
                one.approved_by or NONE,
                one.reason or NONE,
                terms.outcome(one.outcome),
                one.error or NONE,
            )
            for number, one in zip(counting(1), report.restores, strict=False)
        ),
        _("Nothing was restored in this period."),
    )


def scope(report: Report) -> Iterable[Block]:
    """What is backed up, what need not be, and what nobody protects."""
    yield Heading(_("Scope"))
    yield Table(
        (
            _NUMBER,
            Column(_("Server"), 16),
            Column(_("Folders"), 26),
            Column(_("Databases"), 16),
            Column(_("Accepted exceptions"), 20),
            Column(_("Not protected"), 26),
        ),
        tuple(
            (
                str(number),
                lines((one.server, one.label, "" if one.configured else Strong(_("no longer configured")))),
                lines((*one.folders, _left_out(one.exclude))),
                _databases(one),
                lines(one.accepted),
                _unprotected(one),
            )
            for number, one in zip(counting(1), report.scope, strict=False)
        ),
        _("No server is configured."),
    )


def _left_out(patterns: Sequence[str]) -> str:
    return _("without {patterns}").format(patterns=", ".join(patterns)) if patterns else ""


def _databases(one: Scope) -> str:
    if not one.has_database:
        return NONE
    told = _("all active ones")
    if one.databases is not None:
        told += " (" + count(one.databases) + ")"
    return lines((told, _left_out(one.database_exclude)))


def _unprotected(one: Scope) -> str:
    if one.unprotected:
        return Strong(lines(one.unprotected))
    if not one.configured:
        return NONE
    return _("nothing was found") if one.looked else _("nobody has looked yet")


def copies(report: Report) -> Iterable[Block]:
    """Copies of the span, and what is kept by which rule."""
    yield Heading(_("Copies and retention"))
    if report.copied:
        yield Table(
            (
                _NUMBER,
                Column(_("Copy"), 20),
                Column(_("Server"), 20),
                Column(_("Done"), 8, right=True),
                Column(_("Not done"), 8, right=True),
                Column(_("Newest"), 14),
                Column(_("Remarks"), 26),
            ),
            tuple(
                (
                    str(number),
                    one.copy or NONE,
                    one.server or NONE,
                    count(one.done),
                    Strong(count(one.other)) if one.other else "0",
                    formal.short(one.last),
                    one.error or NONE,
                )
                for number, one in zip(counting(1), report.copied, strict=False)
            ),
            "",
        )
    else:
        yield Paragraph(_("No snapshot was copied to a second place in this period."))
    yield Table(
        (
            _NUMBER,
            Column(_("Server"), 20),
            Column(_("Kept of the files"), 22),
            Column(_("Kept of the databases"), 22),
            Column(_("Removed in this period"), 10, right=True),
            Column(_("Held"), 30),
        ),
        tuple(
            (
                str(number),
                one.server,
                terms.rule(one.files) if one.files else NONE,
                terms.rule(one.databases) if one.databases else NONE,
                count(one.removed),
                lines(one.held),
            )
            for number, one in zip(counting(1), report.retained, strict=False)
        ),
        _("No server is configured."),
    )


def events(report: Report) -> Iterable[Block]:
    """What else was recorded: notes, changes of the configuration, host keys, holds."""
    yield Heading(_("Notes and changes"))
    yield Table(
        (
            _NUMBER,
            Column(_("Time"), 12),
            Column(_("Kind"), 10),
            Column(_("Server"), 14),
            Column(_("By"), 12),
            Column(_("What"), 52),
        ),
        tuple(
            (str(number), formal.short(one.time), _(one.kind), one.server or NONE, one.who, one.text or NONE)
            for number, one in zip(counting(1), report.events, strict=False)
        ),
        _("None."),
    )


def integrity(report: Report) -> Iterable[Block]:
    """The ledger's end, what checking it found, and the last seal."""
    known = report.integrity
    assert known is not None
    yield Heading(_("Integrity of the record"))
    if not known.entries:
        yield Paragraph(_("The ledger has no entry yet."))
        return
    checked = (
        Strong(lines((_("NOT SOUND:"), *known.problems)))
        if known.problems
        else _("the whole chain of entries was checked, with its seals and the snapshots: sound")
    )
    if known.unasked:
        checked = lines(
            (checked, _("the snapshots could not be compared: {reason}").format(reason=known.unasked))
        )
    sealed = (
        lines((_("{by}, {time}").format(by=known.sealed_by, time=formal.in_full(known.sealed)), known.key))
        if known.sealed
        else _("no seal yet")
    )
    when = formal.in_full(known.time) if known.time else NONE
    yield Pairs(
        (
            (_("Last entry"), _("number {number}, {time}").format(number=count(known.entries), time=when)),
            (_("Its SHA-256"), known.head),
            (_("Check"), checked),
            (_("Seal"), sealed),
        )
    )
