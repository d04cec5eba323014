"""The picture: everything that the main screen shows, as one frozen value. `gather` makes it, the panes draw it.

Tests build pictures by hand. Texts in it are printable already; times are aware datetimes.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from tuibackup.config import DrillSettings, Standards
from tuibackup.overview.coverage import Coverage
from tuibackup.run.journal.events import JobKind, Slow, Unusual
from tuibackup.run.journal.job_view import JobView
from tuibackup.run.journal.view import RunView
from tuibackup.run.unusual import sentence, slow_sentence
from tuibackup.sop import Clock, Outcome, Period, Standing, State
from tuibackup.text import when
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.run.unfinished import Unfinished

WEEKS = 13  # of the history strip
LOG_ROWS = 500  # entries of the log that are kept in the picture


Mark = tuple[tuple[str, int, int], ...]  # files of a folder: name, time of the last change in ns, bytes


class LastRun(msgspec.Struct, frozen=True):
    """How a server's newest recorded run ended."""

    run: str
    outcome: Outcome
    started: datetime
    seconds: float
    error: str = ""


class LastDrill(msgspec.Struct, frozen=True):
    """The newest drill of one clock's snapshots that was carried out; `error` is the first thing that differed."""

    snapshot: str
    outcome: Outcome
    time: datetime
    seconds: float
    age_days: int
    error: str = ""


class TriedDrill(msgspec.Struct, frozen=True):
    """A newer one that could not be carried out, or was stopped: it proves nothing, for the snapshot or against it."""

    snapshot: str
    outcome: Outcome
    time: datetime
    reason: str

    def sentence(self, clock: Clock, now: datetime) -> str:
        """What became of it, in words."""
        return _("the drill of the {clock} could not be carried out ({time}): {reason}").format(
            clock=clock_word(clock), time=when(self.time, now), reason=self.reason
        )


class Damage(msgspec.Struct, frozen=True):
    """What the last verify of a snapshot found: the first of `total` sentences."""

    snapshot: str
    time: datetime
    problem: str
    total: int
    damaged: tuple[str, ...] = ()  # files of the vault, as SHA256SUMS names them
    restorable: tuple[str, ...] | None = None  # databases that are whole
    unnamed: int = 0  # more damaged files than are named
    since: str | None = None  # the newest good snapshot of its clock that was recorded after that


class RunFace(msgspec.Struct, frozen=True):
    """A run, with what its journal alone cannot tell: whether its process lives."""

    view: RunView
    active: bool

    @property
    def waiting(self) -> bool:
        return self.active and self.view.state in ("planned", "waiting")


class ServerRow(msgspec.Struct, frozen=True, dict=True):
    """One server. A clock is None if the server has nothing of its kind to back up.

    `drilled` are the standings of the third clock, that of files and that of databases; they alarm less than the other
    two, because a backup that was never drilled is better than none.
    """

    name: str
    label: str = ""
    files: Standing | None = None
    databases: Standing | None = None
    last: LastRun | None = None
    run: RunFace | None = None  # the active one
    weeks: tuple[Outcome | None, ...] = ()  # oldest first, WEEKS of them or none
    unfinished: "Unfinished | None" = None  # of an interrupted run, for the next one
    drills: Mapping[Clock, LastDrill] = msgspec.field(default_factory=dict)
    tried_drills: Mapping[Clock, TriedDrill] = msgspec.field(default_factory=dict)  # newer than those
    drilled: Mapping[Clock, Standing] = msgspec.field(default_factory=dict)
    damages: tuple[Damage, ...] = ()  # the newest first
    why: Mapping[Clock, str] = msgspec.field(default_factory=dict)  # a clock's last try did not renew it
    lost: Mapping[Clock, str] = msgspec.field(
        default_factory=dict
    )  # what the record names and the vault lacks
    coverage: Coverage = Coverage()  # what its backups do not hold; see `overview.unprotected` for words
    unusual: Mapping[Clock, tuple[Unusual, ...]] = msgspec.field(
        default_factory=dict
    )  # figures of the last run
    slow: tuple[Slow, ...] = ()  # its steps that were over their standard, while nobody has said why

    # Worked out once, because a row lives for many pictures of hundreds of servers.

    @cached_property
    def standings(self) -> Mapping[Clock, Standing]:
        """The state of each clock that the server has."""
        clocks = ((Clock.FILES, self.files), (Clock.DATABASES, self.databases))
        return {clock: standing for clock, standing in clocks if standing}

    @cached_property
    def clocks(self) -> tuple[Standing, ...]:
        """The same without their names."""
        return tuple(self.standings.values())

    @cached_property
    def states(self) -> frozenset[State]:
        return frozenset(clock.state for clock in self.clocks)

    @cached_property
    def drill(self) -> Standing | None:
        """How the third clock stands: the worse of its two, and of these the older; None where there is none."""
        return max(self.drilled.values(), key=_worse, default=None)

    @cached_property
    def damaged(self) -> bool:
        """Whether what is stored was found damaged, by the last verify of a snapshot or the last drill."""
        return bool(self.damages) or any(one.outcome is Outcome.FAILED for one in self.drills.values())

    @cached_property
    def condition(self) -> str:
        """What decides the row's sign and place: one of CONDITIONS."""
        if self.run:
            return "waiting" if self.run.waiting else "running"
        if self.last and self.last.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
            return self.last.outcome.value
        late = next((state for state in _WORST if self.has(state)), None)
        if late in _LATE or not self.damaged:
            known = "fresh" if self.clocks and State.UNKNOWN not in self.states else "unknown"
            return late.value if late else known
        return "damaged"

    @cached_property
    def place(self) -> tuple[int, int, str]:
        """Where the row stands, worst first: by condition, then the oldest backup first, then by name."""
        oldest = max((clock.age_days for clock in self.clocks if clock.age_days is not None), default=0)
        return (CONDITIONS.index(self.condition), -oldest, self.name.casefold())

    @property
    def reasons(self) -> tuple[tuple[Clock, Standing, str], ...]:
        """Why a clock is not fresh: what the last try ended with, or that its backup is from the future."""
        return tuple(
            (clock, stands, reason)
            for clock, stands in self.standings.items()
            if stands.state is not State.FRESH and (reason := self.reason(clock, stands))
        )

    def reason(self, clock: Clock, stands: Standing) -> str:
        """Why one clock stands as it does, "" where nothing is to be told."""
        if stands.ahead_days and stands.last:
            return ngettext(
                "the last good backup is dated {time}, {days} day ahead of this machine's clock; "
                "set the clock right if it is wrong, and back up again",
                "the last good backup is dated {time}, {days} days ahead of this machine's clock; "
                "set the clock right if it is wrong, and back up again",
                stands.ahead_days,
            ).format(time=f"{stands.last.astimezone():%Y-%m-%d %H:%M}", days=stands.ahead_days)
        return self.why.get(clock, "")

    @property
    def remarks(self) -> list[str]:
        """What is unusual about the last run, and that the reason for a slow step is missing: a sentence each."""
        said = [
            _("unusual: {what}").format(what=sentence(clock, one))
            for clock, found in self.unusual.items()
            for one in found
        ]
        if self.slow:
            what = " · ".join(map(slow_sentence, self.slow))
            said.append(_("reason missing: {what}").format(what=what))
        return said

    def has(self, state: State) -> bool:
        return state in self.states


_WORST = (State.OVERDUE, State.NEVER, State.DUE)
_LATE = (State.OVERDUE, State.NEVER)
# Worst first.
CONDITIONS = (
    "failed", "interrupted", "overdue", "never", "damaged", "running", "waiting", "due", "fresh", "unknown",
)  # fmt: skip


def _worse(standing: Standing) -> tuple[int, int]:
    order = (*_WORST, State.FRESH, State.UNKNOWN)
    return -order.index(standing.state), standing.age_days or 0


class Rows(tuple[ServerRow, ...]):
    """The rows of all servers. What follows from hundreds of them is worked out once, not at every key and tick."""

    @cached_property
    def by_name(self) -> Mapping[str, ServerRow]:
        return {row.name: row for row in self}

    @cached_property
    def active(self) -> tuple[RunFace, ...]:
        """The runs under way."""
        return tuple(row.run for row in self if row.run)

    @cached_property
    def worst_first(self) -> tuple[ServerRow, ...]:
        """The order at opening and on `s`: by condition, then the oldest backup first, then by name."""
        return tuple(sorted(self, key=lambda row: row.place))

    @cached_property
    def counted(self) -> Mapping[str, int]:
        """Servers to which a word of the bar applies; one server may count under several."""
        counts = Counter(row.condition for row in self if row.condition in ("running", "waiting"))
        counts.update(state.value for row in self for state in row.states if state in _LATE)
        counts.update(row.last.outcome.value for row in self if row.last and row.last.outcome in _ENDED_BADLY)
        counts.update("damaged" for row in self if row.damaged)
        counts.update("unprotected" for row in self if row.coverage.unprotected)
        counts.update("undrilled" for row in self if row.drill and row.drill.state in _LATE)
        return counts

    def standing(self, *states: State) -> frozenset[str]:
        """The names of the servers with a clock in one of these states."""
        return frozenset(row.name for row in self if not row.states.isdisjoint(states))


_ENDED_BADLY = (Outcome.FAILED, Outcome.INTERRUPTED)


class LogRow(msgspec.Struct, frozen=True):
    """One entry of the ledger in a line; `outcome` is "" if its kind has none. `body` is for the details."""

    sequence: int
    time: datetime
    server: str
    kind: str
    outcome: str
    detail: str
    seconds: float | None = None
    who: str = ""
    body: Mapping[str, object] = msgspec.field(default_factory=dict)
    run: str = ""  # the run or job that wrote it, whose journal may tell more


class LedgerState(msgspec.Struct, frozen=True):
    """When the ledger itself was checked last and whether it was whole, when it was sealed last and by whom; None for
    never.
    """

    checked: datetime | None = None
    whole: bool = True
    sealed: datetime | None = None
    by: str = ""

    def told(self, now: datetime, *, short: bool = False) -> str:
        """In a few words; "" where it was neither checked nor sealed."""
        said = []
        if self.checked and self.whole:
            said.append(_("checked {when}").format(when=when(self.checked, now)))
        elif self.checked:
            said.append(_("NOT as it was written ({when})").format(when=when(self.checked, now)))
        if self.sealed:
            text = _("sealed {when}") if short else _("sealed {when} by {who}")
            said.append(text.format(when=when(self.sealed, now), who=self.by))
        return ", ".join(said)


class LogPage(msgspec.Struct, frozen=True):
    """The newest entries that match `filter`; `matching` of all `total` do. `read`: False before the first look.

    `searching`: older entries are still searched. `more`: more than `matching` match; they were not counted.
    """

    rows: tuple[LogRow, ...] = ()
    matching: int = 0
    total: int = 0
    read: bool = True
    filter: str = ""
    searching: bool = False
    more: bool = False
    state: LedgerState = LedgerState()


class Room(msgspec.Struct, frozen=True):
    """The backup disk in bytes."""

    path: str
    free: int
    total: int


class StoredDump(msgspec.Struct, frozen=True):
    """What the newest good databases snapshot of a server holds: each database with its stored bytes."""

    server: str
    databases: tuple[tuple[str, int], ...]
    bytes: int


class Telling(msgspec.Struct, frozen=True):
    """One way on which people are told (`[notify]`). `since`: when it began to fail, None while it does not."""

    name: str
    waiting: int  # lines that nobody was told yet
    sent: datetime | None
    since: datetime | None = None
    error: str = ""

    def sentence(self, now: datetime) -> str:
        """That nothing could be sent, and the way out; "" where all is well."""
        if self.since is None:
            return ""
        text = _("{way}: nothing could be sent since {time}: {error}; {command} tries it")
        time = when(self.since, now)
        return text.format(way=self.name, time=time, error=self.error, command="tuibackup notify --test")


class Picture(msgspec.Struct, frozen=True):
    """What is known at `now`. `shown` is the newest run of the server that the screen asked for."""

    now: datetime
    rows: Rows = msgspec.field(default_factory=Rows)
    operator: str = ""
    host: str = ""
    sop: Standards = msgspec.field(default_factory=Standards)
    drill_within: Period = DrillSettings().within
    room: Room | None = None
    full: date | None = None  # when the disk will be full, by the last year's history
    shown: RunFace | None = None
    stored: StoredDump | None = None  # of the same server
    log: LogPage = LogPage()
    jobs: tuple[
        JobView, ...
    ] = ()  # restores, verifies, drills: those under way, and those that ended just now
    source: str = ""  # the configuration file
    themes: Mark = ()  # the user's own, beside it
    copies: bool = False  # whether there are second places
    tells: bool = False  # whether anybody is told anything
    telling: tuple[Telling, ...] = ()  # each way that was used
    problems: tuple[str, ...] = ()  # why the program cannot work: no vault, a broken ledger
    complete: bool = True  # False until ledger and vault were read once

    def row(self, name: str) -> ServerRow | None:
        return self.rows.by_name.get(name)

    def face(self, name: str) -> RunFace | None:
        """The run to show for a server: the active one, else its newest if that is loaded."""
        row = self.row(name)
        if row and row.run:
            return row.run
        return self.shown if self.shown and self.shown.view.server == name else None

    @property
    def active(self) -> tuple[RunFace, ...]:
        return self.rows.active

    def count(self, state: str) -> int:
        """See `Rows.counted`."""
        return self.rows.counted.get(state, 0)


def state_word(state: State) -> str:
    """A clock's state in the language in use."""
    match state:
        case State.FRESH:
            return _("fresh")
        case State.DUE:
            return _("due")
        case State.OVERDUE:
            return _("OVERDUE")
        case State.NEVER:
            return _("never")
        case State.UNKNOWN:
            return _("unknown")


def outcome_word(outcome: Outcome) -> str:
    match outcome:
        case Outcome.DONE:
            return _("done")
        case Outcome.WARNINGS:
            return _("warnings")
        case Outcome.FAILED:
            return _("failed")
        case Outcome.INTERRUPTED:
            return _("interrupted")


def job_word(job: JobKind) -> str:
    return {
        "restore": _("restore"),
        "verify": _("verify"),
        "drill": _("drill"),
        "recover": _("recovery"),
        "retention": _("retention"),
        "hold": _("hold"),
        "copy": _("copy"),
    }[job]


def clock_word(clock: Clock) -> str:
    return {Clock.FILES: _("files"), Clock.DATABASES: _("databases")}[clock]


def days(number: int) -> str:
    """An age in days, short: "9d"."""
    return _("{days}d").format(days=number)


def period_word(period: Period) -> str:
    """A limit for a heading: "7d", "2mo"."""
    match period.unit:
        case "day":
            return days(period.count)
        case "week":
            return days(period.count * 7)
        case "month":
            return _("{months}mo").format(months=period.count)
        case _:
            return _("{years}y").format(years=period.count)
