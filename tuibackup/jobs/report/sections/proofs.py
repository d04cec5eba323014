"""What proves the backups: drills, snapshots that were read again, and restores."""

from collections.abc import Iterable
from itertools import count as counting

from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import (
    NONE,
    NUMBER,
    Block,
    Column,
    Heading,
    Paragraph,
    Table,
    lines,
)
from tuibackup.jobs.report.facts import Report
from tuibackup.overview.picture import clock_word
from tuibackup.text import count, duration
from tuibackup.words import _, ngettext


def proofs(report: Report) -> Iterable[Block]:
    """Drills: the third clock of each server, and each drill; then what was read again and compared."""
    yield Heading(_("Restore drills and verification"))
    yield Table(
        (
            NUMBER,
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
            NUMBER,
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
