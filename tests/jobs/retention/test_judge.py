"""Which snapshots stay: golden cases of the rule language, and what holds in every history."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.config.keep import Rule
from tuibackup.jobs.retention.judge import Candidate, Judged, judge
from tuibackup.vault.names import NAME_FORMAT
from tuibackup.words import sentence

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 29, 12, tzinfo=JAKARTA)


def made(*days: str, hour: int = 2) -> list[Candidate]:
    """Snapshots of these days, in the order in which they were made: "2026-11-22", "2026-11-22 bad"."""
    found = []
    for number, text in enumerate(days):
        day, _space, word = text.partition(" ")
        started = datetime.combine(date.fromisoformat(day), datetime.min.time(), JAKARTA)
        started += timedelta(hours=hour)
        found.append(Candidate(f"{number:02} {day}", started, not word))
    return found


def judged(
    found: list[Candidate], rule: str, now: datetime = NOW, zone: ZoneInfo = JAKARTA
) -> tuple[Judged, ...]:
    return judge(found, Rule.parse(rule), now, zone=zone)


def told(found: list[Candidate], rule: str, now: datetime = NOW, zone: ZoneInfo = JAKARTA) -> list[str]:
    """A line each: "-" goes, "+" stays; the day, and why."""
    return [
        f"{'-' if one.goes else '+'} {one.name[3:]}: {'; '.join(one.reasons)}"
        for one in judged(found, rule, now, zone)
    ]


def test_the_newest_good_one_of_each_period_stays_with_its_place() -> None:
    found = made("2026-11-09", "2026-11-11", "2026-11-17", "2026-11-23", "2026-11-25")
    assert told(found, "2 weeks") == [
        "- 2026-11-09: newer good ones took its place, the newest is 04 2026-11-25",
        "- 2026-11-11: newer good ones took its place, the newest is 04 2026-11-25",
        "+ 2026-11-17: newest of week 47, 2nd of 2",
        "- 2026-11-23: newer good ones took its place, the newest is 04 2026-11-25",
        "+ 2026-11-25: newest good; newest of week 48, 1st of 2",
    ]


def test_while_a_rule_is_not_full_the_oldest_good_one_stays() -> None:
    found = made("2026-11-02", "2026-11-09", "2026-11-11", "2026-11-25")
    assert told(found, "3 months") == [
        "+ 2026-11-02: the oldest good one: the rule is not full yet (1 of 3 months)",
        "- 2026-11-09: newer good ones took its place, the newest is 03 2026-11-25",
        "- 2026-11-11: newer good ones took its place, the newest is 03 2026-11-25",
        "+ 2026-11-25: newest good; newest of month 2026-11, 1st of 3",
    ]


def test_periods_are_counted_by_those_that_hold_a_good_one() -> None:
    found = made("2020-12-31", "2021-01-03", "2021-01-04", "2026-11-25")
    assert [line[:12] for line in told(found, "3 weeks")] == [
        "- 2020-12-31",  # in week 53 of 2020 with the next one
        "+ 2021-01-03",
        "+ 2021-01-04",
        "+ 2026-11-25",
    ]
    assert "newest of week 53 of 2020, 3rd of 3" in told(found, "3 weeks")[1]
    assert [line[:12] for line in told(found, "2 years")] == [
        "- 2020-12-31",
        "- 2021-01-03",
        "+ 2021-01-04",
        "+ 2026-11-25",
    ]


def test_what_is_not_good_takes_no_place_and_stays_where_its_period_has_no_other() -> None:
    found = made(
        "2026-11-04",
        "2026-11-10 bad",
        "2026-11-12 bad",
        "2026-11-17",
        "2026-11-18 bad",
        "2026-11-25",
        "2026-11-26 bad",
    )
    assert told(found, "3 weeks") == [
        "+ 2026-11-04: newest of week 45, 3rd of 3",
        "- 2026-11-10: not good, and 05 2026-11-25, which is newer, is",
        "+ 2026-11-12: newest of week 46, which has no good one",
        "+ 2026-11-17: newest of week 47, 2nd of 3",
        "- 2026-11-18: not good, and 05 2026-11-25, which is newer, is",
        "+ 2026-11-25: newest good; newest of week 48, 1st of 3",
        "+ 2026-11-26: newer than the newest good one",
    ]


def test_after_months_of_failures_one_good_one_removes_none_of_the_good_ones_before() -> None:
    good = ["2026-01-05", "2026-01-12", "2026-01-19"]
    bad = [f"{date(2026, 1, 26) + timedelta(weeks=week)} bad" for week in range(43)]
    found = made(*good, *bad, "2026-11-26")
    lines = told(found, "4 weeks")
    assert [line for line in lines if line.startswith("-")] == []
    assert all(line.startswith("+") for line in told(made(*good, *bad), "3 weeks"))


def test_what_is_dated_in_the_future_stays_and_does_not_count() -> None:
    found = made("2026-11-09", "2026-11-16", "2036-01-01", "2026-11-25")
    lines = told(found, "2 weeks")
    assert lines[2] == "+ 2036-01-01: dated in the future: it stays, and does not count"
    assert [line[0] for line in lines] == ["-", "+", "+", "+"]


def test_what_is_dated_before_an_earlier_one_stays_and_does_not_count() -> None:
    found = made("2026-11-09", "2026-11-16", "1970-01-01", "2026-11-25")
    lines = told(found, "2 weeks")
    assert "dated before 01 2026-11-16, which was made earlier" in lines[2]
    assert [line[0] for line in lines] == ["-", "+", "+", "+"]


def test_a_clock_that_was_set_back_or_ahead_removes_nothing_more() -> None:
    found = made(*(f"{date(2026, 6, 1) + timedelta(weeks=week)}" for week in range(25)))
    first = {one.name for one in judged(found, "4 weeks, 3 months") if one.goes}
    for days in (-4000, -100, -1, 1, 100, 4000):
        now = NOW + timedelta(days=days)
        assert {one.name for one in judged(found, "4 weeks, 3 months", now) if one.goes} <= first


def test_days_are_those_of_the_local_calendar_across_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moments = [
        datetime(2026, 10, 24, 21, 30, tzinfo=UTC),  # 23:30 on the 24th, summer time
        datetime(2026, 10, 24, 22, 30, tzinfo=UTC),  # 00:30 on the 25th
        datetime(2026, 10, 25, 22, 30, tzinfo=UTC),  # 23:30 on the 25th, which has 25 hours
        datetime(2026, 10, 25, 23, 30, tzinfo=UTC),  # 00:30 on the 26th, a Monday
    ]
    found = [Candidate(f"{moment:{NAME_FORMAT}}", moment, good=True) for moment in moments]
    assert [one.goes for one in judge(found, Rule.parse("9 days"), NOW, zone=berlin)] == [
        False,
        True,
        False,
        False,
    ]
    assert [one.goes for one in judge(found, Rule.parse("2 weeks"), NOW, zone=berlin)] == [
        True,
        True,
        False,
        False,
    ]
    assert [one.goes for one in judge(found, Rule.parse("2 weeks"), NOW, zone=ZoneInfo("UTC"))] == [
        False,  # the oldest: the rule is not full
        True,
        True,
        False,
    ]


def test_nothing_goes_without_a_rule_without_a_good_one_or_while_it_is_stopped() -> None:
    found = made("2026-11-09", "2026-11-10", "2026-11-25")
    assert [line[0] for line in told(found, "everything")] == ["+", "+", "+"]
    bad = made("2026-11-09 bad", "2026-11-10 bad", "2026-11-25 bad")
    assert all("there is no good snapshot yet" in line for line in told(bad, "1 week"))
    stopped = judge(found, Rule.parse("1 week"), NOW, stop=sentence("the clock is overdue"), zone=JAKARTA)
    assert [(one.goes, *one.reasons) for one in stopped] == [
        (False, "the clock is overdue"),
        (False, "the clock is overdue"),
        (False, "newest good", "newest of week 48, 1st of 1"),
    ]


def test_what_a_kept_one_needs_stays_and_what_that_needs() -> None:
    found = made("2026-11-02", "2026-11-09", "2026-11-16", "2026-11-25")
    first, second, third, last = found
    chain = [
        first,
        Candidate(second.name, second.started, True, frozenset({first.name})),
        third,
        Candidate(last.name, last.started, True, frozenset({second.name})),
    ]
    assert [line[0] for line in told(chain, "1 week")] == ["+", "+", "-", "+"]
    assert told(chain, "1 week")[0] == "+ 2026-11-02: 01 2026-11-09 points into it"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("8 weeks, 12 months, 3 years", "8 weeks, 12 months, 3 years"),
        (" 1 week ,1 day", "1 week, 1 day"),
        ("everything", "everything"),
    ],
)
def test_a_rule_is_read_as_people_write_it(text: str, written: str) -> None:
    assert str(Rule.parse(text)) == written


UNITS = ("days", "weeks", "months", "years")


def history(chance: random.Random) -> tuple[list[Candidate], str, datetime]:
    """Failures, gaps of any length, full and incremental ones, holds, wrong clocks; a rule; now."""
    when = datetime(2024, 1, 1, 2, tzinfo=UTC)
    found: list[Candidate] = []
    chain: list[str] = []
    wrong = 0
    for number in range(chance.randrange(40)):
        when += timedelta(hours=chance.choice([1, 24, 24 * 7, 24 * 7, 24 * 31, 24 * 400]))
        wrong = chance.choice([wrong, 0, 0, 0, 0, 0, -3000, -40, 40, 3000])
        if chance.random() < 0.2:
            chain = []
        needs = frozenset(chance.choices(chain, k=chance.randrange(5))) if chain else frozenset()
        stays = (sentence("held"),) if chance.random() < 0.1 else ()
        name = f"{number:03}"
        found.append(Candidate(name, when + timedelta(days=wrong), chance.random() < 0.75, needs, stays))
        chain.append(name)
    units = chance.sample(UNITS, chance.randrange(1, 5))
    rule = ", ".join(f"{chance.randrange(1, 7)} {unit}" for unit in units)
    return found, rule, when + timedelta(days=chance.choice([0, 0, 1, 30, 4000, -1, -200]))


def left_of(found: list[Candidate], answers: tuple[Judged, ...]) -> list[Candidate]:
    gone = {one.name for one in answers if one.goes}
    return [one for one in found if one.name not in gone]


def holds_for(found: list[Candidate], rule: str, now: datetime) -> None:
    answers = judged(found, rule, now)
    left = left_of(found, answers)
    kept = {one.name for one in left}
    gone = [one for one in found if one.name not in kept]
    assert [one.name for one in answers] == [one.name for one in found], "one answer each"
    assert all(one.reasons for one in answers), "each has a reason"
    assert all(one.needs <= kept for one in left), "nothing goes that a kept one needs"
    good = [one.name for one in found if one.good]
    assert set(good[-1:]) <= kept, "the newest good one stays"
    assert not any(one.stays for one in gone), "what is held stays"
    assert all(any(other.name > one.name and other.good for other in left) for one in gone), (
        "one goes only for a newer good one that stays"
    )
    assert not any(one.goes for one in judged(left, rule, now)), "applying twice removes nothing more"
    for days in (40, 4000):  # nothing was made meanwhile
        later = {
            one.name
            for one in judged([one for one in left if one.started <= now], rule, now + timedelta(days=days))
            if one.goes
        }
        if all(one.started <= now for one in found):
            assert not later, "an outage of any length removes nothing"
    for part in Rule.parse(rule).parts:
        dated = [one for one in found if one.good and one.started <= now]
        ordered = all(one.started <= other.started for one, other in pairwise(dated))
        if ordered and len(dated) == len([one for one in found if one.good]):
            periods = {_period(one.started, part.unit): one.name for one in dated}
            newest = [name for _period_, name in sorted(periods.items(), reverse=True)][: part.count]
            wrongly = any(one.started > now for one in found) or not all(
                one.started <= other.started for one, other in pairwise(found)
            )
            assert wrongly or set(newest) <= kept, f"the newest good one of each of the last {part}"


def _period(moment: datetime, unit: str) -> tuple[int, ...]:
    day = moment.astimezone(JAKARTA).date()
    return {
        "day": (day.year, day.month, day.day),
        "week": tuple(day.isocalendar()[:2]),
        "month": (day.year, day.month),
        "year": (day.year,),
    }[unit]


@given(st.integers(0, 2**32))
def test_in_every_history_what_is_needed_stays(seed: int) -> None:
    holds_for(*history(random.Random(seed)))


@pytest.mark.long
def test_in_thousands_of_histories_what_is_needed_stays() -> None:
    for seed in range(5_000):
        try:
            holds_for(*history(random.Random(seed)))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
