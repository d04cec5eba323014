"""What else was recorded, and what proves the record itself."""

from collections.abc import Iterable
from itertools import count as counting

from tuibackup.jobs.report import formal
from tuibackup.jobs.report.document import (
    NONE,
    NUMBER,
    Block,
    Column,
    Heading,
    Pairs,
    Paragraph,
    Strong,
    Table,
    lines,
)
from tuibackup.jobs.report.facts import Report
from tuibackup.text import count
from tuibackup.words import _


def events(report: Report) -> Iterable[Block]:
    """What else was recorded: notes, changes of the configuration, host keys, holds."""
    yield Heading(_("Notes and changes"))
    yield Table(
        (
            NUMBER,
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
