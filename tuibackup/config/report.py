"""[report]: who stands on the printed forms. Everything has a default; what is not set is left blank on the paper."""

import re
from datetime import date

import msgspec

from tuibackup.config.table import Table
from tuibackup.words import sentence

PAPERS = ("A4", "F4")
_MOST = 8  # people who sign; more do not fit on the page that their names must share with the text
_NIP = re.compile(r"(\d{8})(\d{6})(\d)(\d{3})")


class Person(msgspec.Struct, frozen=True):
    """Somebody who signs or approves. `nip`: 18 digits, or "" for none."""

    name: str = ""
    position: str = ""
    nip: str = ""
    role: str = ""

    @property
    def written_nip(self) -> str:
        """As it is written: "19800101 200501 1 001"."""
        found = _NIP.fullmatch(self.nip)
        return " ".join(found.groups()) if found else self.nip


class SopDates(msgspec.Struct, frozen=True):
    """When the SOP was made and revised, and from when on it holds."""

    made: date | None = None
    revised: date | None = None
    effective: date | None = None


class ReportSettings(msgspec.Struct, frozen=True):
    """The letterhead, the identity block and the people of the forms."""

    letterhead: tuple[str, ...] = ()  # lines above the title; none: the unit alone
    unit: str = ""
    place: str = ""
    sop_number: str = ""
    sop_dates: SopDates = SopDates()
    approved_by: Person = Person()
    legal_basis: tuple[str, ...] = ()  # none: the laws that the SOP names
    signers: tuple[Person, ...] = ()
    restore_signers: tuple[Person, ...] = ()  # none: who restored, who approved, and a witness
    paper: str = "A4"


def read_report(table: Table) -> ReportSettings:
    """The table [report]."""
    dates = table.table("sop_dates", "report.sop_dates")
    return ReportSettings(
        letterhead=table.texts("letterhead"),
        unit=table.text("unit", empty=True) or "",
        place=table.text("place", empty=True) or "",
        sop_number=table.text("sop_number", empty=True) or "",
        sop_dates=SopDates(_day(dates, "made"), _day(dates, "revised"), _day(dates, "effective")),
        approved_by=_person(table.table("approved_by", "report.approved_by")),
        legal_basis=table.texts("legal_basis"),
        signers=_people(table, "signers"),
        restore_signers=_people(table, "restore_signers"),
        paper=table.choice("paper", *PAPERS) or PAPERS[0],
    )


def _people(table: Table, key: str) -> tuple[Person, ...]:
    found = tuple(_person(one) for one in table.tables(key, "report.signers"))
    if len(found) > _MOST:
        table.wrong(key, sentence("at most {most} people can sign", most=_MOST))
    return found


def _person(table: Table) -> Person:
    nip = table.text("nip", empty=True) or ""
    digits = re.sub(r"[ .-]", "", nip)
    return Person(
        name=table.text("name", empty=True) or "",
        position=table.text("position", empty=True) or "",
        nip=digits
        if _NIP.fullmatch(digits)
        else nip,  # not everybody who signs has a NIP; some have another number
        role=(table.text("role", empty=True) or "") if "role" in table else "",
    )


def _day(table: Table, key: str) -> date | None:
    text = table.text(key, empty=True)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        table.wrong(key, sentence('"{text}" is no date; write it as "2026-11-30"', text=text))
        return None
