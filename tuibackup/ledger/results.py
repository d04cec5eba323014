"""What run, step, drill and verify entries say in columns, so that queries need not read a million bodies.

The rows of the table `result` follow from the entries alone; `Ledger.verify_chain` compares the two. Which
outcome resets a clock says `sop.good`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tuibackup.ledger.entries import Kind, iso
from tuibackup.sop import Clock, Outcome, Step, good

RUN = "run"  # `what` of a whole run; else a clock, a step, the drill of a clock's snapshot, or
VERIFY = "verify"  # that of a snapshot that was read again, or
TRIED = "verify-tried"  # was not read to its end, which proves nothing


def drill_of(clock: Clock) -> str:
    """`what` of a drill."""
    return f"drill-{clock}"


def carried_out(drill: Mapping[str, Any]) -> bool:
    """Whether the drill with this body reached its end; others could not begin, or were stopped, and prove nothing."""
    return "items" in drill


WHATS = frozenset({RUN, VERIFY, TRIED, *Clock, *Step, *map(drill_of, Clock)})  # all that this version writes
ADDED = Kind.VERIFY  # entries of this kind had no row before version 0.2; `Ledger` adds it


class Result(msgspec.Struct, frozen=True):
    """How a run, a clock, a step, a drill or a verify ended.

    `good` says that it reset its clock; `started` is the start of the snapshot it published (both only for
    clocks), `snapshot` that snapshot's spec such as "siakad/files/2026-11-22T013000Z", or that of the one drilled or
    read.
    """

    what: str
    outcome: str
    seconds: float | None = None
    good: bool = False
    started: str | None = None
    snapshot: str | None = None

    def columns(self) -> dict[str, Any]:
        """The row's columns that come from the body."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def results_of(kind: str, body: Mapping[str, Any]) -> Iterator[Result]:
    """The results that an entry holds; none for other kinds and for parts of a body that make no sense."""
    outcome, seconds = _outcome(body), _seconds(body)
    if outcome is None:
        return
    if kind == Kind.STEP and body.get("step") in list(Step):
        yield Result(str(body["step"]), outcome, seconds)
    elif kind == Kind.DRILL:
        snapshot = str(body.get("snapshot"))
        for clock in Clock:
            if snapshot.split("/")[1:2] == [clock.value]:
                yield Result(drill_of(clock), outcome, seconds, snapshot=snapshot)
    elif kind == Kind.VERIFY:
        yield Result(
            VERIFY if "problems" in body else TRIED, outcome, seconds, snapshot=str(body.get("snapshot"))
        )
    elif kind == Kind.RUN:
        yield Result(RUN, outcome, seconds)
        clocks = body.get("clocks")
        for clock in Clock:
            if isinstance(clocks, Mapping) and isinstance(found := clocks.get(clock), Mapping):
                yield from _clock(clock, found)


def _clock(clock: Clock, body: Mapping[str, Any]) -> Iterator[Result]:
    outcome = _outcome(body)
    if outcome is not None:
        snapshot, started = body.get("snapshot"), _started(body)
        published = isinstance(snapshot, str) and bool(snapshot) and started is not None
        yield Result(
            clock,
            outcome,
            good=published and good(Outcome(outcome), whole=body.get("whole") is True),
            started=started if published else None,
            snapshot=str(snapshot) if published else None,
        )


def _outcome(body: Mapping[str, Any]) -> str | None:
    outcome = body.get("outcome")
    return str(outcome) if outcome in list(Outcome) else None


def _seconds(body: Mapping[str, Any]) -> float | None:
    seconds = body.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def _started(body: Mapping[str, Any]) -> str | None:
    try:
        started = datetime.fromisoformat(str(body.get("started")))
    except ValueError:
        return None
    return iso(started if started.tzinfo else started.replace(tzinfo=UTC))
