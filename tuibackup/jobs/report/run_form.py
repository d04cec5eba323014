"""The form of one run: what it needed, the SOP's table with its own times, what it listed, and notes."""

from collections.abc import Iterable

from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import NONE, Block, Column, Heading, Pairs, Strong, Table, lines
from tuibackup.jobs.report.facts import Report, Run, StepFact
from tuibackup.jobs.report.sections.backups import deviations_of
from tuibackup.jobs.report.sections.results import procedure_table
from tuibackup.sop import Step
from tuibackup.text import count
from tuibackup.words import _


def blocks(report: Report, run: Run) -> Iterable[Block]:
    """Everything between the identity block and the integrity of the record."""
    yield Heading(_("The backup"))
    yield Pairs(
        (
            (_("Server"), run.server),
            (_("Run"), run.run),
            (_("Began"), formal.in_full(run.started)),
            (_("Ended"), formal.in_full(run.ended)),
            (_("Carried out by"), run.who),
            (_("Outcome"), terms.outcome(run.outcome)),
            (
                _("Stored"),
                lines(f"{one.snapshot}: {terms.amount(one)}" for one in run.stored if one.snapshot),
            ),
            (_("Error"), run.error or NONE),
        )
    )
    yield Heading(_("Requirements"))
    yield Table(
        (Column(_("Requirement"), 30), Column(_("There"), 12), Column(_("Remarks"), 58)),
        tuple(
            (_(need.need), _("yes") if need.met else Strong(_("missing")), need.detail or NONE)
            for need in run.needs
        ),
        _("None is recorded."),
    )
    yield Heading(_("Carried out by the SOP"))
    yield procedure_table(report, [_actual(run.step(step)) for step in Step])
    yield Heading(_("Findings"))
    yield Table(
        (Column(_("Step"), 8), Column(_("What"), 46), Column(_("Reason"), 46)),
        tuple(row for step in run.steps for row in _findings(step)),
        _("None."),
    )
    yield Heading(_("Deviations and their reasons"))
    what = deviations_of(run)
    yield Pairs(
        (
            (_("Deviation"), lines(what) if what else _("None.")),
            (
                _("Reason"),
                lines(run.reasons) if run.reasons or not what else Strong(_("no reason is recorded")),
            ),
        )
    )


def _actual(step: StepFact | None) -> tuple[str, str, str]:
    if step is None:
        return _("not carried out"), "", ""
    return terms.took(step), step.detail, Strong(_("over its standard")) if step.slow else ""


def _findings(step: StepFact) -> Iterable[tuple[str, ...]]:
    for subject, reason in step.findings:
        yield str(step.step.number), subject, reason
    more = step.findings_total - len(step.findings)
    if more > 0:
        yield str(step.step.number), _("… and {number} more").format(number=count(more)), NONE
