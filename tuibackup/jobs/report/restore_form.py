"""The form of one restore, *Berita Acara Restore*: who, on whose word, what, where to, and with which result."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuibackup.config.report import Person
from tuibackup.jobs.report import formal, terms
from tuibackup.jobs.report.document import NONE, Block, Column, Heading, Pairs, Paragraph, Table, lines
from tuibackup.jobs.report.facts import Report, Restore
from tuibackup.text import count, duration, size
from tuibackup.words import _, ngettext

_LISTED = 50  # problems that are printed; the others are counted


def blocks(report: Report, restore: Restore, parties: Sequence[Person], language: str) -> Iterable[Block]:
    """Everything between the identity block and the integrity of the record."""
    local = restore.time.astimezone()
    yield Paragraph(
        _("On {day}, at {time} {zone}, at {place}, we who sign below:").format(
            day=formal.day_in_words(local.date(), language),
            time=formal.time_of_day(local),
            zone=formal.zone_name(local),
            place=report.identity.place or "…………",
        )
    )
    yield Table(
        (
            Column("No", 5, right=True),
            Column(_("As"), 27),
            Column(_("Name"), 28),
            Column("NIP", 20),
            Column(_("Position"), 20),
        ),
        tuple(
            (
                str(number),
                one.role or NONE,
                one.name or _DOTS,
                one.written_nip or _DOTS,
                one.position or _DOTS,
            )
            for number, one in enumerate(parties, 1)
        ),
        "",
    )
    yield Paragraph(_("state that the following restore was carried out:"))
    yield Heading(_("The restore"))
    yield Pairs(
        (
            (_("Server"), restore.server),
            (_("Snapshot"), restore.snapshot),
            (_("What of it"), _what(restore.body)),
            (_("Restored to"), restore.to or NONE),
            (_("Carried out by"), restore.who),
            (_("Approval by"), restore.approved_by or _("nobody was asked")),
            (_("Reason"), restore.reason or NONE),
            (_("Ended"), formal.in_full(restore.time)),
            (_("Duration"), duration(restore.seconds)),
            (
                _("Record"),
                _("entry {number}").format(number=count(restore.number))
                + (f", {restore.job}" if restore.job else ""),
            ),
        )
    )
    yield Heading(_("Result"))
    yield Pairs(
        (
            (_("Outcome"), terms.outcome(restore.outcome)),
            (_("What came"), _came(restore.body)),
            (_("Error"), restore.error or NONE),
        )
    )
    problems = list(_problems(restore.body))
    if problems:
        yield Table(
            (Column(_("Not as it was"), 50), Column(_("Reason"), 50)),
            tuple(problems),
            "",
        )


_DOTS = "………………………"


def _what(body: Mapping[str, Any]) -> str:
    if isinstance(body.get("database"), str):
        table = body.get("table")
        name = str(body["database"])
        return _("database {name}").format(name=f"{name}.{table}" if isinstance(table, str) else name)
    paths = body.get("paths")
    named = [str(path) for path in paths] if isinstance(paths, list) else []
    return lines(named[:10]) if named else _("everything")


def _came(body: Mapping[str, Any]) -> str:
    files, tables, rows, amount = (_whole(body.get(name)) for name in ("files", "tables", "rows", "bytes"))
    told = [
        ngettext("{count} file", "{count} files", files or 0).format(count=count(files))
        if files is not None
        else "",
        ngettext("{count} table", "{count} tables", tables or 0).format(count=count(tables))
        if tables is not None
        else "",
        ngettext("{count} row", "{count} rows", rows or 0).format(count=count(rows))
        if rows is not None
        else "",
        f"{size(amount)}" if amount is not None else "",
    ]
    return ", ".join(filter(None, told)) or NONE


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _problems(body: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What the restore listed one by one, whatever kind it was."""
    found = [
        one for name in ("problems", "differences", "incomparable", "gaps") for one in _listed(body, name)
    ]
    yield from found[:_LISTED]
    if len(found) > _LISTED:
        yield _("… and {number} more").format(number=count(len(found) - _LISTED)), NONE


def _listed(body: Mapping[str, Any], name: str) -> Iterable[tuple[str, str]]:
    value = body.get(name)
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping):
            texts = [str(text) for text in one.values() if text]
            yield (texts[0] if texts else NONE), lines(texts[1:])
        elif isinstance(one, list):
            yield str(one[0]) if one else NONE, lines(str(text) for text in one[1:])
        else:
            yield str(one), NONE
