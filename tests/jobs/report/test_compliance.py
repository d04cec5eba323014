"""Whether a clock was kept: the cases that an auditor asks about."""

from datetime import UTC, date, datetime

import pytest

from tuibackup.errors import UsageError
from tuibackup.jobs.report.compliance import compliance
from tuibackup.jobs.report.facts import Lapse
from tuibackup.jobs.report.period import Span, month_of, year_of
from tuibackup.sop import Clock, Period, State

NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30), date(2026, 11, 30))
WEEK, MONTH = Period(1, "week"), Period(1, "month")


def days(*named: tuple[int, int]) -> list[datetime]:
    return [datetime(2026, month, day, 1, 30, tzinfo=UTC) for month, day in named]


def judged(
    good: list[datetime], within: Period = WEEK, span: Span = NOVEMBER
) -> tuple[str, tuple[Lapse, ...]]:
    found = compliance("siakad", Clock.FILES, good, within, span, UTC)
    return found.verdict, found.lapses


def test_a_backup_on_its_last_day_is_in_time() -> None:
    assert judged(days((10, 26), (11, 2), (11, 9), (11, 16), (11, 23), (11, 30))) == ("kept", ())
    assert judged(days((10, 30)), MONTH) == ("kept", ())


def test_a_backup_a_day_later_is_a_day_late() -> None:
    found = judged(days((10, 31), (11, 8), (11, 15), (11, 22), (11, 29)))
    assert found == ("late", (Lapse(date(2026, 11, 7), date(2026, 11, 8), 1),))


def test_what_has_not_come_by_the_end_is_missed() -> None:
    found = judged(days((11, 2), (11, 9)))
    assert found == ("missed", (Lapse(date(2026, 11, 16), None, 14),))


def test_what_was_due_before_the_span_and_came_in_it_counts_there() -> None:
    found = judged(days((10, 20), (11, 3), (11, 10), (11, 17), (11, 24)))
    assert found == ("late", (Lapse(date(2026, 10, 27), date(2026, 11, 3), 7),))


def test_what_came_before_the_span_does_not_count_there() -> None:
    assert judged(days((10, 10), (10, 30), (11, 6), (11, 13), (11, 20), (11, 27))) == ("kept", ())


def test_backups_after_the_span_change_nothing_in_it() -> None:
    found = compliance("siakad", Clock.FILES, days((11, 25), (12, 24)), WEEK, NOVEMBER, UTC)
    assert (found.verdict, found.good, found.state, found.due) == ("kept", 1, State.FRESH, date(2026, 12, 2))


def test_never_is_never() -> None:
    found = compliance("siakad", Clock.FILES, [], WEEK, NOVEMBER, UTC)
    assert (found.verdict, found.state, found.last) == ("never", State.NEVER, None)


def test_a_month_ends_with_today_while_it_lasts() -> None:
    today = date(2026, 11, 29)
    assert month_of("2026-11", today) == Span(date(2026, 11, 1), today, date(2026, 11, 30))
    assert month_of("2026-02", today) == Span(date(2026, 2, 1), date(2026, 2, 28), date(2026, 2, 28))
    assert year_of("2025", today) == Span(
        date(2025, 1, 1), date(2025, 12, 31), date(2025, 12, 31), whole_year=True
    )
    for wrong in ("2026-13", "2026-1", "0000-01", "٢٠٢٦-11", "2026-12", "november", ""):
        with pytest.raises(UsageError):
            month_of(wrong, today)
    for wrong in ("26", "2027", "0000", "year"):
        with pytest.raises(UsageError):
            year_of(wrong, today)
