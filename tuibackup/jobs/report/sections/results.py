"""What a head of unit reads first: the numbers, the SOP's own table, and whether the clocks were kept."""

from collections.abc import Iterable, Sequence
from itertools import count as counting
from statistics import median

from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import (
    NONE,
    NUMBER,
    Block,
    Column,
    Heading,
    Pairs,
    Strong,
    Table,
    lines,
)
from tuibackup.jobs.report.facts import Compliance, Report, Run, Scope
from tuibackup.overview.picture import state_word
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.text import count, duration
from tuibackup.words import _, ngettext


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
            NUMBER,
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
    columns = [NUMBER, Column(_("Server"), 16)]
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
