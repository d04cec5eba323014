import calendar
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.sop import (
    Outcome,
    Period,
    State,
    Step,
    expectation,
    is_slow,
    limit,
    standing,
    worst,
)

JAKARTA = ZoneInfo("Asia/Jakarta")
BERLIN = ZoneInfo("Europe/Berlin")  # changes its clocks
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # by half an hour
WEEK, MONTH = Period(1, "week"), Period(1, "month")

zones = st.sampled_from([UTC, JAKARTA, BERLIN, LORD_HOWE])
periods = st.builds(Period, st.integers(1, 40), st.sampled_from(["day", "week", "month", "year"]))
moments = st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))


def state(start: date, today: date, period: Period) -> State:
    last = datetime(start.year, start.month, start.day, 23, 59, tzinfo=JAKARTA)
    now = datetime(today.year, today.month, today.day, 0, 1, tzinfo=JAKARTA)
    return standing(last, period, now, JAKARTA).state


def test_a_week_is_due_on_days_6_and_7_and_overdue_from_the_8th() -> None:
    start = date(2026, 11, 1)
    states = [state(start, start + timedelta(days=age), WEEK) for age in range(1, 10)]
    assert states == [State.FRESH] * 5 + [State.DUE] * 2 + [State.OVERDUE] * 2


@pytest.mark.parametrize(
    ("start", "last_day", "due_days"),
    [
        (date(2026, 11, 15), date(2026, 12, 15), 6),
        (date(2026, 12, 15), date(2027, 1, 15), 7),
        (date(2026, 2, 15), date(2026, 3, 15), 6),
        (date(2026, 1, 31), date(2026, 2, 28), 6),
        (date(2024, 1, 31), date(2024, 2, 29), 6),
        (date(2026, 3, 31), date(2026, 4, 30), 6),
    ],
)
def test_a_month_is_a_calendar_month_clamped_and_due_in_its_last_6_or_7_days(
    start: date, last_day: date, due_days: int
) -> None:
    assert state(start, last_day + timedelta(days=1), MONTH) is State.OVERDUE
    assert state(start, last_day, MONTH) is State.DUE
    assert state(start, last_day - timedelta(days=due_days - 1), MONTH) is State.DUE
    assert state(start, last_day - timedelta(days=due_days), MONTH) is State.FRESH


def test_a_day_is_due_on_the_day_after() -> None:
    start = date(2026, 11, 1)
    states = [state(start, start + timedelta(days=age), Period(1, "day")) for age in (0, 1, 2)]
    # Of one day the last fifth is one day: the last one.
    assert states == [State.FRESH, State.DUE, State.OVERDUE]


def test_never_where_there_is_none() -> None:
    found = standing(None, WEEK, datetime.now(UTC))
    assert (found.state, found.last, found.age_days, found.due_by) == (State.NEVER, None, None, None)


def test_days_are_local_calendar_days() -> None:
    last = datetime(2026, 11, 1, 23, 30, tzinfo=JAKARTA)
    now = datetime(2026, 11, 2, 0, 30, tzinfo=JAKARTA)
    assert standing(last, WEEK, now, JAKARTA).age_days == 1
    # In UTC both are the same day, the 1st.
    assert standing(last, WEEK, now, UTC).age_days == 0


def test_a_week_across_the_change_of_clocks_still_has_seven_days() -> None:
    last = datetime(2026, 10, 24, 23, 59, tzinfo=BERLIN)  # the night before summer time ends
    now = datetime(2026, 10, 31, 23, 59, tzinfo=BERLIN)
    found = standing(last, WEEK, now, BERLIN)
    assert (found.age_days, found.state) == (7, State.DUE)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_each_moment_has_the_offset_of_its_own_season() -> None:
    """A fixed offset taken from now (winter) would put the summer's 23:30 UTC on the day before."""
    last = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # 25 October 00:30 summer time
    now = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # 1 November 00:30 winter time
    found = standing(last, WEEK, now)
    assert (found.age_days, found.state) == (7, State.DUE)
    assert found.due_by is not None
    assert found.due_by.isoformat() == "2026-11-01T23:59:59.999999+01:00"


def test_a_snapshot_from_the_future_alarms_instead_of_looking_fresh_for_years() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert standing(now + timedelta(days=1), WEEK, now, UTC).state is State.FRESH
    assert standing(now + timedelta(days=2), WEEK, now, UTC).state is State.OVERDUE


@given(moments, periods, st.timedeltas(timedelta(0), timedelta(days=20000)), zones)
def test_standing_goes_from_fresh_over_due_to_overdue_and_never_back(
    last: datetime, period: Period, age: timedelta, zone: ZoneInfo
) -> None:
    order = [State.FRESH, State.DUE, State.OVERDUE]
    now, later = last + age, last + age + timedelta(days=1)
    first, second = standing(last, period, now, zone), standing(last, period, later, zone)
    assert order.index(first.state) <= order.index(second.state)
    assert first.due_by is not None
    # Overdue exactly from the day after, whatever the clocks did in between.
    assert (first.state is State.OVERDUE) == (now.astimezone(zone) > first.due_by)
    assert (first.due_by.astimezone(zone).date() - last.astimezone(zone).date()).days >= 1


@given(moments, periods, zones)
def test_the_due_days_are_the_last_fifth_rounded_up(last: datetime, period: Period, zone: ZoneInfo) -> None:
    start = last.astimezone(zone).date()
    length = (period.after(start) - start).days
    due = sum(
        standing(
            datetime(start.year, start.month, start.day, 12, tzinfo=zone),
            period,
            datetime.combine(start + timedelta(days=age), datetime.min.time().replace(hour=12), zone),
            zone,
        ).state
        is State.DUE
        for age in range(max(0, length - length // 4 - 3), length + 2)
    )
    assert due == -(-length // 5)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_months_keep_the_day_or_clamp_it(day: date, count: int) -> None:
    after = Period(count, "month").after(day)
    assert (after.year * 12 + after.month) - (day.year * 12 + day.month) == count
    assert after.day == min(day.day, calendar.monthrange(after.year, after.month)[1])
    if count % 12 == 0:
        assert after == Period(count // 12, "year").after(day)


@given(periods)
def test_a_period_reads_what_it_writes(period: Period) -> None:
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize(
    "text",
    ["", "1", "week", "0 days", "-1 week", "1.5 weeks", "1week", "2 fortnights", "1 week 2 days", "٣ days",
     "101 years", "99999 weeks"],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no period of time; write it as|is longer than 100 years"):
        Period.parse(text)


def test_steps_have_the_numbers_of_the_page() -> None:
    assert [step.number for step in Step] == [1, 2, 3, 4]


def test_the_worse_outcome_counts() -> None:
    assert worst([Outcome.DONE, Outcome.WARNINGS]) is Outcome.WARNINGS
    assert worst([Outcome.INTERRUPTED, Outcome.WARNINGS]) is Outcome.INTERRUPTED
    assert worst([Outcome.FAILED, Outcome.INTERRUPTED]) is Outcome.FAILED
    assert worst([]) is Outcome.DONE


def test_the_expectation_is_the_median_of_the_last_five_and_none_below_three() -> None:
    assert expectation([10, 20]) is None
    assert expectation([10, 30, 20]) == 20
    assert expectation([1, 2, 3, 4]) == 2.5
    assert expectation([5, 1, 4, 2, 3, 1000, 1000, 1000]) == 3


def test_what_takes_seconds_as_a_rule_is_never_slow_by_that_rule() -> None:
    """A step of 1 s was marked when it took 2 because the machine was busy."""
    for expected in (0.0, 1, 29.9):
        assert not is_slow(10**9, limit(None, expected))
    assert is_slow(46, limit(None, 30))
    assert is_slow(6, limit(5, 1)), "a standard is what it says"


def test_a_step_is_slow_over_its_standard_or_over_one_and_a_half_of_its_expectation() -> None:
    assert limit(600, 10) == 600
    assert limit(None, 40) == 60
    assert limit(None, None) is None
    assert not is_slow(60, limit(None, 40))
    assert is_slow(60.1, limit(None, 40))
    assert not is_slow(10**9, None)


def test_a_backup_from_a_day_to_come_alarms_and_says_how_far_it_is_ahead() -> None:
    now = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)
    for days, state, ahead in (
        (0, State.FRESH, 0),
        (1, State.FRESH, 0),
        (2, State.OVERDUE, 2),
        (400, State.OVERDUE, 400),
    ):
        found = standing(now + timedelta(days=days), Period(1, "week"), now, UTC)
        assert (found.state, found.ahead_days) == (state, ahead)
