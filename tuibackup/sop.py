"""The procedure (SOP *Backup server*) as data, and its rules about time. Pure: no clock is read here.

Words and rules: docs/procedure.md. Days are local calendar days; months are calendar months, clamped.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

import msgspec

from tuibackup.words import sentence

SLOW = 1.5  # a step without a standard is slow beyond this many times its expectation
SLOW_FROM = 30.0  # seconds that must have been expected: below, a busy minute of the machine is half of it
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_LONGEST = 100  # years; keeps every date within what `date` can hold


class Step(StrEnum):
    """The SOP's four steps, in their order; `number` is the one on the page."""

    CONNECT = "connect"
    DOWNLOAD = "download"
    LOGIN = "login"
    DUMP = "dump"

    @property
    def number(self) -> int:
        return list(Step).index(self) + 1


class Clock(StrEnum):
    """What must be backed up by a date: the files weekly, the databases monthly (by default)."""

    FILES = "files"
    DATABASES = "databases"


class Outcome(StrEnum):
    """How a run, a step or a clock ended."""

    DONE = "done"
    WARNINGS = "warnings"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


def good(outcome: Outcome, *, whole: bool) -> bool:
    """Whether a published snapshot that ended so resets its clock: *done*, or everything configured is in it whole."""
    return outcome is Outcome.DONE or (outcome is Outcome.WARNINGS and whole)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The worse counts: failed, interrupted, warnings, done (of nothing: done)."""
    order = [Outcome.DONE, Outcome.WARNINGS, Outcome.INTERRUPTED, Outcome.FAILED]
    return max(outcomes, key=order.index, default=Outcome.DONE)


class State(StrEnum):
    """The state of a clock; unknown where neither ledger nor vault can be read."""

    FRESH = "fresh"
    DUE = "due"
    OVERDUE = "overdue"
    NEVER = "never"
    UNKNOWN = "unknown"


class Period(msgspec.Struct, frozen=True):
    """A span of calendar time such as "1 week" or "3 months"."""

    count: int
    unit: str  # "day", "week", "month", "year"

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read "1 week", "10 days", "3 months", "1 year". Raises ValueError with a sentence for the user."""
        match = re.fullmatch(r"\s*([0-9]{1,5})\s+(day|week|month|year)s?\s*", text)
        if not match or not (count := int(match[1])):
            raise ValueError(
                sentence(
                    '"{text}" is no period of time; write it as "10 days", "1 week", "3 months" or "1 year"',
                    text=text,
                )
            )
        unit = match[2]
        years = count / 12 if unit == "month" else count * _DAYS.get(unit, 366) / 366
        if years > _LONGEST:
            raise ValueError(sentence('"{text}" is longer than {years} years', text=text, years=_LONGEST))
        return cls(count, unit)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    def after(self, day: date) -> date:
        """The day that lies this period after `day`; the 31st becomes the last day of a shorter month."""
        if self.unit in _DAYS:
            return day + timedelta(days=self.count * _DAYS[self.unit])
        years, month = divmod(day.month - 1 + self.count * _MONTHS[self.unit], 12)
        year, month = day.year + years, month + 1
        return date(year, month, min(day.day, monthrange(year, month)[1]))


class Standing(msgspec.Struct, frozen=True):
    """A clock's state now. `age_days` counts local calendar days since the last good snapshot's start.

    `due_by` is the last moment of the last day on which the next backup is in time, local time. `ahead_days` is more
    than none where that snapshot says it is from a day to come.
    """

    state: State
    last: datetime | None
    age_days: int | None
    due_by: datetime | None
    ahead_days: int = 0


def standing(last: datetime | None, period: Period, now: datetime, zone: tzinfo | None = None) -> Standing:
    """How a clock stands at `now`, whose last good snapshot started at `last`. `zone` None is the system's.

    Overdue from the day after the last day; due in the last fifth of the period, rounded up to days.
    """
    if last is None:
        return Standing(State.NEVER, None, None, None)
    # Each moment is put into the zone by itself: the offset of `now` would be wrong across a DST change.
    start, today = last.astimezone(zone).date(), now.astimezone(zone).date()
    last_day = period.after(start)
    length, age = (last_day - start).days, (today - start).days
    if today > last_day or age < -1:
        # A snapshot from the future (this machine's clock was wrong) must alarm, not look fresh for years.
        state = State.OVERDUE
    elif age > length - _fifth(length):
        state = State.DUE
    else:
        state = State.FRESH
    end_of_day = datetime.combine(last_day, time.max)
    due_by = end_of_day.astimezone() if zone is None else end_of_day.replace(tzinfo=zone)
    return Standing(state, last, max(0, age), due_by, -age if age < -1 else 0)


def _fifth(days: int) -> int:
    return -(-days // 5)


def expectation(history: Sequence[float]) -> float | None:
    """Seconds a step should take by this server's own history: the median of its last five *done* times.

    `history` has the newest first. None below three: too few to judge by.
    """
    if len(history) < 3:
        return None
    from statistics import median  # late: 5 ms, and a run gets its expectations with its plan

    return float(median(history[:5]))


def limit(standard: float | None, expected: float | None) -> float | None:
    """Seconds beyond which a step is slow: its standard (steps 1 and 3), else 1.5 times its expectation.

    None where there is nothing to judge by: no expectation, or one below 30 s.
    """
    if standard is not None:
        return standard
    return None if expected is None or expected < SLOW_FROM else expected * SLOW


def is_slow(actual: float, limit: float | None) -> bool:
    """Whether a step took longer than its `limit` (see `limit`); without one there is no judgement."""
    return limit is not None and actual > limit
