"""What is backed up and what is not, where it lies, and how long it stays."""

from collections.abc import Iterable, Sequence
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
from tuibackup.jobs.report.facts import Report, Scope
from tuibackup.text import count, size
from tuibackup.words import _


def scope(report: Report) -> Iterable[Block]:
    """What is backed up, what need not be, and what nobody protects."""
    yield Heading(_("Scope"))
    yield Table(
        (
            NUMBER,
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
    """What lies in the second places, what was copied there in the span, and what is kept by which rule."""
    yield Heading(_("Copies and retention"))
    if report.places:
        yield _places(report)
    if report.copied:
        yield _copied(report)
    if not any(one.done or one.other for one in report.copied):
        yield Paragraph(_("No snapshot was copied to a second place in this period."))
    yield Table(
        (
            NUMBER,
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


def _places(report: Report) -> Table:
    return Table(
        (
            NUMBER,
            Column(_("Copy"), 13),
            Column(_("Place"), 24),
            Column(_("Off site"), 8),
            Column(_("Encrypted"), 9),
            Column(_("Snapshots there now"), 10, right=True),
            Column(_("Size"), 10, right=True),
            Column(_("Newest"), 12),
            Column(_("Remarks"), 28),
        ),
        tuple(
            (
                str(number),
                one.copy,
                one.to,
                _("yes") if one.off_site else _("no"),
                _("yes") if one.encrypted else _("no"),
                count(one.held),
                size(one.bytes),
                formal.short(one.last) if one.last else NONE,
                Strong(lines(one.remarks)) if one.remarks else NONE,
            )
            for number, one in zip(counting(1), report.places, strict=False)
        ),
        "",
    )


def _copied(report: Report) -> Table:
    return Table(
        (
            NUMBER,
            Column(_("Copy"), 18),
            Column(_("Server"), 18),
            Column(_("Copied in this period"), 10, right=True),
            Column(_("Not done"), 8, right=True),
            Column(_("Last"), 14),
            Column(_("Snapshots there now"), 10, right=True),
            Column(_("Missing there"), 9, right=True),
            Column(_("Remarks"), 22),
        ),
        tuple(
            (
                str(number),
                one.copy or NONE,
                one.server or NONE,
                count(one.done),
                _noticed(one.other),
                formal.short(one.last) if one.last else NONE,
                count(one.held),
                _noticed(one.missing),
                one.error or NONE,
            )
            for number, one in zip(counting(1), report.copied, strict=False)
        ),
        "",
    )


def _noticed(number: int) -> str:
    return Strong(count(number)) if number else "0"
