"""Whether a snapshot's figures lie far off those of the ones before it. Said in a sentence; it changes no outcome.

Compared are bytes, files (or databases), seconds of the step, and the share of the files that is new or changed, each
with the median of the last five good snapshots of the same clock: below half of it, or above twice. With fewer before
it nothing is said, nor of what somebody accepted as usual (`jobs.usual`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tuibackup.errors import TuibackupError
from tuibackup.run.journal import events as ev
from tuibackup.sop import Clock, Step
from tuibackup.text import count, duration, size
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.run.state import Work

COMPARED = 5  # snapshots that the median is taken of
_FAR = 2.0  # times the median, or that part of it
# Differences below these say nothing: a busy minute of the machine, a quiet week of a small site.
_LEAST = {"size": 0.0, "count": 0.0, "time": 5.0, "change": 0.05}
_STEPS = {Clock.FILES: Step.DOWNLOAD, Clock.DATABASES: Step.DUMP}

What = Literal["size", "count", "time", "change"]
_WHATS: tuple[What, ...] = ("size", "count", "time", "change")


class Figures(msgspec.Struct, frozen=True):
    """The numbers of one snapshot; None where nobody knows. `change`: the share of its files that is new or changed."""

    size: float | None
    count: float | None
    time: float | None
    change: float | None

    def of(self, what: What) -> float | None:
        found: float | None = getattr(self, what)
        return found


def unusual(figures: Figures, before: Sequence[Figures]) -> tuple[ev.Unusual, ...]:
    """What is far off in `figures`, by those `before` it, the newest first."""
    from statistics import median  # late: 5 ms that no face needs

    found = []
    for what in _WHATS:
        value = figures.of(what)
        known = [one for one in (other.of(what) for other in before[:COMPARED]) if one is not None]
        if value is None or len(known) < COMPARED:
            continue
        middle = float(median(known))
        if abs(value - middle) < _LEAST[what]:
            continue
        if _far(value, middle):
            found.append(ev.Unusual(what, value, middle))
    return tuple(found)


def _far(value: float, other: float) -> bool:
    return value * _FAR < other or value > other * _FAR


class Usual(msgspec.Struct, frozen=True):
    """A figure that somebody accepted, with a reason: what lies near it is told no more."""

    clock: Clock
    what: What
    value: float


def usual_of(bodies: Iterable[Mapping[str, Any]]) -> tuple[Usual, ...]:
    """What the notes with these bodies accept; of each figure all values that were."""
    found: list[Usual] = []
    for body in bodies:
        with suppress(KeyError, msgspec.ValidationError):
            found += msgspec.convert(body["usual"], tuple[Usual, ...])
    return tuple(found)


def untold(clock: Clock, found: Iterable[ev.Unusual], accepted: Collection[Usual]) -> tuple[ev.Unusual, ...]:
    """Those of `found` that nobody accepted."""
    return tuple(
        one
        for one in found
        if not any(
            (usual.clock, usual.what) == (clock, one.what) and not _far(one.value, usual.value)
            for usual in accepted
        )
    )


def figures_of(result: ev.ClockResult) -> Figures:
    """The figures of a clock's result. A download of everything takes its time, and says nothing of changes."""
    everything = result.changed is None
    share = None if everything or not result.items else (result.changed or 0) / result.items
    return Figures(result.bytes, result.items, result.seconds, share)


def recorded(body: Mapping[str, Any], clock: Clock) -> Figures | None:
    """The figures of a run's entry; None where it has none that make sense."""
    try:
        return figures_of(msgspec.convert(body["clocks"][clock.value], ev.ClockResult))
    except (KeyError, TypeError, msgspec.ValidationError):
        return None


def judge(work: "Work") -> None:
    """Put into the results of a run how long their steps took, and what is unusual in them. Blocking."""
    for clock, result in work.clocks.items():
        seconds = work.took.get(_STEPS[clock])
        result = msgspec.structs.replace(result, seconds=seconds)
        if result.snapshot:
            with suppress(TuibackupError):  # the ledger is held or broken: the record of the run says so
                bodies = work.ledger.good_runs(work.plan.server, clock, COMPARED)
                before = [one for body in bodies if (one := recorded(body, clock))]
                accepted = usual_of(work.ledger.usual(work.plan.server).get(work.plan.server, ()))
                told = untold(clock, unusual(figures_of(result), before), accepted)
                result = msgspec.structs.replace(result, unusual=told)
        work.clocks[clock] = result


def sentence(clock: Clock, one: ev.Unusual) -> str:
    """One anomaly, with the numbers that were compared."""
    below = one.value < one.median
    value, middle = _words(clock, one, one.value), _words(clock, one, one.median)
    match one.what, below:
        case "time", True:
            text = _("{clock}: took {value}, less than half of the median of the last five ({median})")
        case "time", False:
            text = _("{clock}: took {value}, more than twice the median of the last five ({median})")
        case "change", True:
            text = _(
                "{clock}: {value} of the files are new or changed, less than half of the median of the last five"
                " ({median})"
            )
        case "change", False:
            text = _(
                "{clock}: {value} of the files are new or changed, more than twice the median of the last five"
                " ({median})"
            )
        case _, True:
            text = _("{clock}: {value}, less than half of the median of the last five ({median})")
        case _:
            text = _("{clock}: {value}, more than twice the median of the last five ({median})")
    word = {Clock.FILES: _("files"), Clock.DATABASES: _("databases")}[clock]
    return text.format(clock=word, value=value, median=middle)


def _words(clock: Clock, one: ev.Unusual, value: float) -> str:
    match one.what:
        case "size":
            return size(value)
        case "count":
            number = round(value)
            if clock is Clock.FILES:
                return ngettext("{count} file", "{count} files", number).format(count=count(number))
            return ngettext("{count} database", "{count} databases", number).format(count=count(number))
        case "time":
            return duration(value)
        case "change":
            return f"{value:.0%}"


def slow_sentence(one: ev.Slow) -> str:
    """A step that was over its standard: the record asks why."""
    return _("step {number} took {time}, over {limit}").format(
        number=one.step.number, time=duration(one.seconds), limit=duration(one.limit)
    )


def sentences(results: Mapping[Clock, ev.ClockResult | None]) -> list[str]:
    """All anomalies of a run, one sentence each."""
    return [sentence(clock, one) for clock, result in results.items() if result for one in result.unusual]
