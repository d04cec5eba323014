"""One server's past, from the ledger alone: a year in cells, its snapshots, runs and notes. Both faces draw it.

The lists come a page at a time, so that a server with ten thousand runs costs no more than one with ten.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from tuibackup.ledger.entries import Entry, Kind
from tuibackup.ledger.past import Tally
from tuibackup.ledger.queries import Queries, better, midnight, monday
from tuibackup.overview.room import room_of
from tuibackup.overview.rule_parts import Part
from tuibackup.run.holds import holds
from tuibackup.run.journal.events import ClockResult, Slow, Unusual
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.text import printable

if TYPE_CHECKING:  # a start needs none of it
    from tuibackup.overview.copies import CopyState

WEEKS, MONTHS = 52, 12  # cells of a year
PAGE = 200  # lines of a list that come at once
_STEPS = {Clock.FILES: Step.DOWNLOAD, Clock.DATABASES: Step.DUMP}
_T = TypeVar("_T")


class Cell(msgspec.Struct, frozen=True):
    """A week of the files, or a month of the databases: its first day, and what became of its `tries`.

    The best outcome counts; None: nothing was tried. `seconds`: the longest its step took. `bytes` and `stored` are
    those of its newest snapshot, None without one.
    """

    begins: date
    outcome: Outcome | None = None
    tries: int = 0
    seconds: float | None = None
    bytes: int | None = None
    stored: int | None = None


class SnapshotLine(msgspec.Struct, frozen=True):
    """A published snapshot. `new`: bytes fetched of files that changed, None where all were, or nobody knows.

    `verified`: when it was read again last, and how that ended. `held`: why it must stay, "" for no hold. `removed`: a
    rule of retention took it away.
    """

    spec: str
    clock: Clock
    started: datetime
    outcome: Outcome
    good: bool
    items: int
    bytes: int
    stored: int
    new: int | None
    run: str
    verified: datetime | None = None
    sound: bool = True
    held: str = ""
    removed: bool = False
    unusual: tuple[Unusual, ...] = ()

    @property
    def name(self) -> str:
        return self.spec.rpartition("/")[2]


class RunLine(msgspec.Struct, frozen=True):
    """A recorded run; `clocks` are those it was to renew. `reason`: a note was written about it."""

    run: str
    started: datetime
    outcome: Outcome
    seconds: float
    who: str
    error: str
    clocks: Mapping[Clock, ClockResult] = {}
    slow: tuple[Slow, ...] = ()
    reason: bool = False

    @property
    def reason_missing(self) -> bool:
        """Whether a step was over its standard, and nobody has said why."""
        return bool(self.slow) and not self.reason


class NoteLine(msgspec.Struct, frozen=True):
    """A note about the server, or one of its runs ("" for none)."""

    time: datetime
    who: str
    run: str
    text: str


class Listed(msgspec.Struct, Generic[_T], frozen=True):
    """`lines` of a list, the newest first, from the one numbered `offset` on, of `total`."""

    total: int = 0
    offset: int = 0
    lines: tuple[_T, ...] = ()

    def at(self, number: int) -> _T | None:
        """The line with that number, if it came."""
        inside = 0 <= number - self.offset < len(self.lines)
        return self.lines[number - self.offset] if inside else None


class Past(msgspec.Struct, frozen=True):
    """What the ledger tells of `server`. `kept` snapshots were not removed, and take `stored` bytes; `a_month`: what a
    month adds.
    """

    server: str
    cells: Mapping[Clock, tuple[Cell, ...]] = {}  # oldest first
    snapshots: Listed[SnapshotLine] = Listed()
    runs: Listed[RunLine] = Listed()
    notes: Listed[NoteLine] = Listed()
    kept: int = 0
    stored: int = 0
    a_month: float | None = None
    rule: tuple[Part, ...] = ()  # 3-2-1-1-0, where somebody looked
    copies: "tuple[CopyState, ...]" = ()  # likewise: those that take it, or hold something of it


def past(
    ledger: Queries, server: str, now: datetime, zone: tzinfo | None = None, *, page: int = PAGE
) -> Past:
    """The year that ends at `now`, and the first `page` lines of each list. Raises LedgerError."""
    (room,) = room_of(ledger, [server], now)
    return Past(
        server,
        {clock: cells(ledger, server, clock, now, zone) for clock in Clock},
        snapshots(ledger, server, page),
        runs(ledger, server, page),
        notes(ledger, server, page),
        room.snapshots,
        room.bytes,
        room.a_month,
    )


def cells(
    ledger: Queries, server: str, clock: Clock, now: datetime, zone: tzinfo | None = None
) -> tuple[Cell, ...]:
    """A year of one clock, the oldest cell first."""
    days = weeks(now, zone) if clock is Clock.FILES else months(now, zone)
    begins = [midnight(day, zone) for day in days]
    tried = ledger.tallies(server, clock, begins)
    steps = ledger.tallies(server, _STEPS[clock], begins)
    stored = {cell: _newest_stored(found) for cell, found in tried.items()}
    bodies = ledger.bodies([number for number in stored.values() if number])
    made = partial(_cell, clock, tried, steps, stored, bodies)
    return tuple(made(number, day) for number, day in enumerate(days))


def weeks(now: datetime, zone: tzinfo | None = None) -> list[date]:
    """The Mondays of a year, this week's last."""
    return [monday(now, zone) - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]


def months(now: datetime, zone: tzinfo | None = None) -> list[date]:
    """The first days of a year's months, this month's last."""
    today = now.astimezone(zone).date()
    number = today.year * 12 + today.month - 1
    return [date(one // 12, one % 12 + 1, 1) for one in range(number - MONTHS + 1, number + 1)]


def _newest_stored(tallies: Sequence[Tally]) -> int:
    """The number of a cell's newest entry that may have a snapshot; 0: none has."""
    ended_well = (Outcome.DONE, Outcome.WARNINGS)
    return max((one.newest for one in tallies if one.outcome in ended_well), default=0)


def _cell(
    clock: Clock,
    tried: Mapping[int, Sequence[Tally]],
    steps: Mapping[int, Sequence[Tally]],
    stored: Mapping[int, int],
    bodies: Mapping[int, Mapping[str, Any]],
    number: int,
    day: date,
) -> Cell:
    outcome: Outcome | None = None
    for one in tried.get(number, ()):
        outcome = better(outcome, one.outcome)
    took = [one.seconds for one in steps.get(number, ()) if one.seconds is not None]
    result = results_of_body(bodies.get(stored.get(number, 0), {})).get(clock)
    there = result is not None and bool(result.snapshot)
    return Cell(
        day,
        outcome,
        sum(one.number for one in tried.get(number, ())),
        max(took, default=None),
        result.bytes if result and there else None,
        result.stored if result and there else None,
    )


def snapshots(ledger: Queries, server: str, most: int, offset: int = 0) -> Listed[SnapshotLine]:
    """A page of the snapshots."""
    verified, gone, held = (
        ledger.verified(server),
        ledger.removed(server).get(server, ()),
        held_now(ledger, server),
    )
    found = ledger.snapshot_entries(server, most, offset)
    lines = [
        _snapshot(clock, good, entry, result, verified.get(result.snapshot), held, gone)
        for clock, good, entry in found
        if (result := results_of_body(entry.body).get(clock))
    ]
    return Listed(ledger.snapshot_count(server), offset, tuple(lines))


def held_now(ledger: Queries, server: str) -> Mapping[str, str]:
    """By snapshot that is held, why; also that its end has passed: only a person releases it."""
    today = datetime.now().astimezone().date()
    return {spec: hold.words(today) for spec, hold in holds(None, ledger, server).items()}


def _snapshot(
    clock: Clock,
    good: bool,
    entry: Entry,
    result: ClockResult,
    verified: Entry | None,
    held: Mapping[str, str],
    gone: Collection[str],
) -> SnapshotLine:
    return SnapshotLine(
        spec=printable(result.snapshot),
        clock=clock,
        started=_moment(result.started, entry),
        outcome=result.outcome,
        good=good,
        items=result.items,
        bytes=result.bytes,
        stored=result.stored,
        new=result.new,
        run=entry.run or "",
        verified=verified.moment if verified else None,
        sound=verified is None or verified.body.get("outcome") == Outcome.DONE,
        held=held.get(result.snapshot, ""),
        removed=result.snapshot in gone,
        unusual=result.unusual,
    )


def runs(ledger: Queries, server: str, most: int, offset: int = 0) -> Listed[RunLine]:
    """A page of the runs."""
    entries = ledger.run_entries(server, most, offset)
    slow = {entry.seq: slow_of(entry.body) for entry in entries}
    noted = ledger.noted([entry.run for entry in entries if entry.run and slow[entry.seq]])
    return Listed(
        ledger.run_count(server),
        offset,
        tuple(_run(entry, slow[entry.seq], entry.run in noted) for entry in entries),
    )


def _run(entry: Entry, slow: tuple[Slow, ...], noted: bool) -> RunLine:
    seconds, outcome = entry.body.get("seconds"), entry.body.get("outcome")
    took = float(seconds) if isinstance(seconds, int | float) else 0.0
    return RunLine(
        run=entry.run or "",
        started=entry.moment - timedelta(seconds=took),
        outcome=Outcome(outcome) if outcome in list(Outcome) else Outcome.FAILED,
        seconds=took,
        who=printable(entry.operator),
        error=printable(str(entry.body.get("error") or "")),
        clocks=results_of_body(entry.body),
        slow=slow,
        reason=noted,
    )


def notes(ledger: Queries, server: str, most: int, offset: int = 0) -> Listed[NoteLine]:
    """A page of the notes about a server and its runs."""
    entries = ledger.log(most, offset, server=server, kinds=[Kind.NOTE])
    lines = (
        NoteLine(
            entry.moment,
            printable(entry.operator),
            entry.run or "",
            printable(str(entry.body.get("text", ""))),
        )
        for entry in entries
    )
    return Listed(ledger.count(server=server, kinds=[Kind.NOTE]), offset, tuple(lines))


def results_of_body(body: Mapping[str, Any]) -> dict[Clock, ClockResult]:
    """The clocks of a run's entry. Another version may have written it: what makes no sense is left out."""
    clocks = body.get("clocks")
    found: dict[Clock, ClockResult] = {}
    for clock in Clock:
        if isinstance(clocks, Mapping) and clock.value in clocks:
            try:
                found[clock] = msgspec.convert(clocks[clock.value], ClockResult)
            except msgspec.ValidationError:
                continue
    return found


def slow_of(body: Mapping[str, Any]) -> tuple[Slow, ...]:
    """The steps of a run's entry that were over their standard."""
    try:
        return msgspec.convert(body.get("slow", ()), tuple[Slow, ...])
    except msgspec.ValidationError:
        return ()


def _moment(started: str, entry: Entry) -> datetime:
    try:
        return datetime.fromisoformat(started)
    except ValueError:
        return entry.moment
