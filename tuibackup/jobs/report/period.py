"""The span of days that a report is about: a month or a year, cut at today while it lasts. Pure."""

import re
from datetime import date, datetime, timedelta, tzinfo

import msgspec

from tuibackup.errors import UsageError
from tuibackup.ledger.queries import midnight
from tuibackup.text import printable
from tuibackup.words import sentence


class Span(msgspec.Struct, frozen=True, rename="kebab"):
    """Local calendar days from `first` to `last`. `ends`: the day on which the month or year ends; later than `last`
    while it lasts.
    """

    first: date
    last: date
    ends: date
    whole_year: bool = False

    @property
    def lasts(self) -> bool:
        """Whether more is to come."""
        return self.last < self.ends

    def moments(self, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
        """Its beginning, and the end of its last day."""
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)


LAST = "last"


def month_of(text: str, today: date) -> Span:
    """ "2026-11", or "last": the one before this. Raises UsageError: no month, or one to come."""
    if text == LAST:
        text = f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if not found or not int(found[1]):
        raise UsageError(
            sentence('--month "{text}" is no month', text=printable(text)),
            sentence('write it as 2026-11, or as "last"'),
        )
    first = date(int(found[1]), int(found[2]), 1)
    following = (first + timedelta(days=31)).replace(day=1) if first < date(9999, 12, 1) else date.max
    return _span(first, following - timedelta(days=1), today)


def year_of(text: str, today: date) -> Span:
    """ "2026". Raises UsageError: no year, or one to come."""
    if not re.fullmatch(r"[0-9]{4}", text) or not int(text):
        raise UsageError(
            sentence('--year "{text}" is no year', text=printable(text)), sentence("write it as 2026")
        )
    return _span(date(int(text), 1, 1), date(int(text), 12, 31), today, whole_year=True)


def _span(first: date, ends: date, today: date, *, whole_year: bool = False) -> Span:
    if first > today:
        raise UsageError(
            sentence("{day} is still to come: nothing is recorded of it yet", day=first.isoformat()[:7])
        )
    return Span(first, min(ends, today), ends, whole_year)
