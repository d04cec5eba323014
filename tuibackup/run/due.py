"""What a timer backs up: the clocks that are due; a server that keeps failing is left alone for a while.

Every try is an entry in the record, and a mail. A timer that fires every hour tries a server that is down after 1, 2,
4 … hours, 20 at most: so a timer that fires once a day tries every day. And there is always one more try in the last
hours in which a backup would still be in time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuibackup.config import Config
from tuibackup.ledger.facts import Attempts
from tuibackup.run.held import TURN
from tuibackup.run.journal import events as ev
from tuibackup.run.places import open_ledger
from tuibackup.run.plan import clocks_of
from tuibackup.run.process.living import active_runs
from tuibackup.run.stored import last_good
from tuibackup.sop import Clock, Outcome, Standing, State, standing

_HOURS = (1, 2, 4, 8, 16, 20)  # between the beginnings of two tries, after the first, second … that failed
_EARLY = timedelta(minutes=5)  # a timer does not fire to the second
_LAST = timedelta(hours=2)  # before a clock's limit

LATE = frozenset({State.OVERDUE, State.NEVER})
DUE = LATE | {State.DUE}


@dataclass(frozen=True, slots=True)
class Postponed:
    """A server that is left alone until `again`, because its last `failed` tries gave no good backup of `clocks`."""

    server: str
    clocks: tuple[Clock, ...]
    failed: int
    outcome: Outcome  # of the last one
    last: datetime
    again: datetime

    @property
    def exit_code(self) -> int:
        """The exit code of its last try: nothing has improved since."""
        return ev.EXIT_CODES[self.outcome]


@dataclass(frozen=True, slots=True)
class Due:
    """The clocks to back up, by server; servers that are left alone; and runs that are under way already, by server."""

    wants: Mapping[str, frozenset[Clock]]
    postponed: tuple[Postponed, ...] = ()
    going: Mapping[str, str] = field(default_factory=dict)


def due(
    config: Config,
    now: datetime,
    states: frozenset[State] = DUE,
    only: Clock | None = None,
    *,
    read_only: bool = False,
) -> Due:
    """The clocks of all servers (or `only` that one) that are in one of `states`. Raises LedgerError."""
    periods = {Clock.FILES: config.sop.files_within, Clock.DATABASES: config.sop.databases_within}
    living = {one.server: one.run for one in reversed(active_runs(config))}
    wants: dict[str, frozenset[Clock]] = {}
    postponed: list[Postponed] = []
    going: dict[str, str] = {}
    with open_ledger(config, read_only=read_only, patience=TURN) as ledger:
        good = last_good(config, ledger)
        for name, server in config.servers.items():
            waiting: dict[Clock, tuple[Attempts, datetime]] = {}
            ready: set[Clock] = set()
            for clock in clocks_of(server) & ({only} if only else set(Clock)):
                stands = standing(good.get((name, clock)), periods[clock], now)
                if stands.state not in states:
                    continue
                tries = ledger.attempts(name, clock)
                # A time further ahead than any pause was recorded while this machine's clock was wrong.
                if tries and now < (again := next_try(tries, stands)) <= now + timedelta(hours=_HOURS[-1]):
                    waiting[clock] = (tries, again)
                else:
                    ready.add(clock)
            if name in living and (ready or waiting):
                going[name] = living[name]
            elif ready:
                wants[name] = frozenset(ready)
            elif waiting:
                postponed.append(_postponed(name, waiting))
    return Due(wants, tuple(postponed), going)


def next_try(tries: Attempts, stands: Standing) -> datetime:
    """When a timer tries a clock again that stands like this."""
    pause = timedelta(hours=_HOURS[min(tries.failed, len(_HOURS)) - 1])
    again = tries.began + pause - _EARLY
    if stands.due_by is not None and tries.began < stands.due_by - _LAST:
        again = min(again, stands.due_by - _LAST)
    return again


def _postponed(server: str, waiting: Mapping[Clock, tuple[Attempts, datetime]]) -> Postponed:
    tries, again = min(waiting.values(), key=lambda one: one[1])
    clocks = tuple(clock for clock in Clock if clock in waiting)
    return Postponed(server, clocks, tries.failed, tries.outcome, tries.ended, again)
