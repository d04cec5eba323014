"""A report's facts as a paper: which form it takes, its head and its foot. `sections` has what is between."""

from tuibackup.config.report import Person
from tuibackup.jobs.report import formal, restore_form, run_form
from tuibackup.jobs.report.document import (
    NONE,
    Block,
    Document,
    Letterhead,
    Pairs,
    Paragraph,
    Signature,
    Signatures,
    Title,
    cleaned,
    lines,
)
from tuibackup.jobs.report.facts import Report, Restore
from tuibackup.jobs.report.sections import backups, holdings, proofs, record, results
from tuibackup.text import count
from tuibackup.words import _, ngettext


def document(report: Report, language: str) -> Document:
    """The paper, its texts in the language in use, which is `language`."""
    made = {"period": _period, "run": _run, "restore": _restore}[report.kind](report, language)
    title = next(block for block in made if isinstance(block, Title))
    closing = (
        *record.integrity(report),
        Paragraph(_("This record was made truthfully, to be used as needed.")),
        _signatures(report),
    )
    return cleaned(
        Document(
            language=language,
            paper=report.identity.paper,
            landscape=report.kind == "period",
            name=f"{title.text} {title.about}",
            day=report.day.isoformat(),
            foot=f"{title.text} · {title.about}",
            page_of=_("Page {page} of {pages}"),
            blocks=made,
            last=closing,
        )
    )


def _period(report: Report, language: str) -> tuple[Block, ...]:
    span = report.span
    assert span is not None
    about = str(span.first.year) if span.whole_year else f"{formal.month(span.first.month)} {span.first.year}"
    about = _("Year {year}").format(year=about) if span.whole_year else _("Month {month}").format(month=about)
    if report.server:
        about = _("{about} · server {server}").format(about=about, server=report.server)
    return (
        _letterhead(report),
        Title(_("RECORD OF BACKUP RESULTS"), about, report.number),
        _identity(report, *_span_pairs(report)),
        Paragraph(_opening(report, language)),
        *results.summary(report),
        *results.procedure(report),
        *results.compliance(report),
        *backups.runs(report),
        *backups.deviations(report),
        *proofs.proofs(report),
        *proofs.restores(report),
        *holdings.scope(report),
        *holdings.copies(report),
        *record.events(report),
    )


def _run(report: Report, language: str) -> tuple[Block, ...]:
    (run,) = report.runs
    return (
        _letterhead(report),
        Title(_("RECORD OF ONE BACKUP"), _("Server {server}").format(server=run.server), report.number),
        _identity(report),
        *run_form.blocks(report, run),
    )


def _restore(report: Report, language: str) -> tuple[Block, ...]:
    (restore,) = report.restores
    return (
        _letterhead(report),
        Title(_("RECORD OF A RESTORE"), _("Server {server}").format(server=restore.server), report.number),
        _identity(report),
        *restore_form.blocks(report, restore, _parties(report, restore), language),
    )


def _letterhead(report: Report) -> Letterhead:
    known = report.identity
    return Letterhead(known.letterhead or ((known.unit,) if known.unit else ()))


def _identity(report: Report, *more: tuple[str, str]) -> Pairs:
    known = report.identity
    dates = known.sop_dates
    approved = known.approved_by
    return Pairs(
        (
            (_("Unit"), known.unit or NONE),
            (_("Name of the SOP"), _("Server backup")),
            (_("Number of the SOP"), known.sop_number or NONE),
            (
                _("Made / revised / in force since"),
                " / ".join(
                    formal.written(day) if day else NONE
                    for day in (dates.made, dates.revised, dates.effective)
                ),
            ),
            (_("Approved by"), lines((approved.name, approved.position, _nip(approved.written_nip)))),
            (_("Legal basis"), lines(known.legal_basis or _LEGAL)),
            *more,
        ),
        boxed=True,
    )


def _span_pairs(report: Report) -> tuple[tuple[str, str], ...]:
    span = report.span
    assert span is not None
    told = formal.range_of(span.first, span.last)
    if span.lasts:
        told = _("{days} (the period ends on {end}; this report goes up to {day})").format(
            days=told, end=formal.written(span.ends), day=formal.written(span.last)
        )
    number = sum(one.configured for one in report.scope)
    servers = ngettext("{count} server", "{count} servers", number).format(count=count(number))
    return ((_("Period"), told), (_("Scope"), report.server or servers))


def _opening(report: Report, language: str) -> str:
    span = report.span
    assert span is not None
    return _(
        "On {day}, at {place}, we who sign below state that {unit} carried out the SOP Server backup in the period"
        " {period}, with the results that follow."
    ).format(
        day=formal.day_in_words(report.day, language),
        place=report.identity.place or "…………",
        unit=report.identity.unit or _("the IT unit"),
        period=formal.range_of(span.first, span.last),
    )


def _signatures(report: Report) -> Signatures:
    place = report.identity.place or "…………"
    people = tuple(Signature(one.role, one.name, one.written_nip, one.position) for one in _people(report))
    return Signatures(f"{place}, {formal.written(report.day)}", people)


def _people(report: Report) -> tuple[Person, ...]:
    if report.kind == "restore":
        return _parties(report, report.restores[0])
    return report.identity.signers or (Person(role=_("Carried out by")), Person(role=_("Acknowledged by")))


def _parties(report: Report, restore: Restore) -> tuple[Person, ...]:
    """Who hands over, who receives, and who saw it."""
    return report.identity.restore_signers or (
        Person(role=_("First party (carried it out)"), name=restore.who),
        Person(role=_("Second party (approved it)"), name=restore.approved_by),
        Person(role=_("Witness")),
    )


def _nip(number: str) -> str:
    return f"NIP {number}" if number else ""


# The laws stand in the SOP in these words; they have no English name.
_LEGAL = (
    "Undang-Undang RI Nomor 12 Tahun 2012",
    *(
        f"Peraturan Menteri Pendidikan dan Kebudayaan RI Nomor {number} Tahun 2014 ({about})"
        for number, about in (
            (49, "Standar Nasional Pendidikan"),
            (50, "Sistem Penjaminan Mutu Pendidikan Tinggi"),
            (87, "Akreditasi Program Studi dan Perguruan Tinggi"),
        )
    ),
)
