"""The procedure (SOP *Backup server*) as data, and its rules about time. Pure: no clock is read here.

Words and rules: docs/procedure.md. Days are local calendar days; months are calendar months, clamped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The worse counts: failed, interrupted, warnings, done (of nothing: done)."""
    order = [Outcome.DONE, Outcome.WARNINGS, Outcome.INTERRUPTED, Outcome.FAILED]
    return max(outcomes, key=order.index, default=Outcome.DONE)


class State(StrEnum):
    """The state of a clock."""

    FRESH = "fresh"
    DUE = "due"
    OVERDUE = "overdue"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Period:
    """A span of calendar time such as "1 week" or "3 months"."""

    count: int
    unit: str  # "day", "week", "month", "year"


@dataclass(frozen=True, slots=True)
class Standing:
    """A clock's state now: the last good snapshot's start, its age in local calendar days, the last day."""

    state: State
    last: datetime | None
    age_days: int | None
    due_by: datetime | None
