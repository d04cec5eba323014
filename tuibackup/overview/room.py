"""Room on the backup disk: what each server uses and adds a month, and when it will be used up by its own history."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.queries import Queries
from tuibackup.overview.forecast import MONTH, full_by
from tuibackup.overview.past import a_month


class ServerRoom(msgspec.Struct, frozen=True):
    """What the `snapshots` of a server that were not removed take; `a_month`: what a month adds, None for too little
    history; `freed`: what retention gave back of it a month.
    """

    server: str
    snapshots: int
    bytes: int
    a_month: float | None
    freed: float = 0.0


def room_of(ledger: Queries, servers: Iterable[str], now: datetime) -> Sequence[ServerRoom]:
    """By the ledger. Raises LedgerError."""
    found = []
    for server in servers:
        stored, gone = ledger.stored(server), ledger.removed(server)
        kept = [one.bytes for one in stored if one.spec not in gone]
        adds = a_month(stored, now)
        begins = max(stored[0].time, now - timedelta(days=365)) if stored else now
        months = max(1.0, (now - begins).total_seconds() / 86400 / MONTH)
        found.append(ServerRoom(server, len(kept), sum(kept), adds, _freed(ledger, server, begins) / months))
    return found


def _freed(ledger: Queries, server: str, since: datetime) -> int:
    entries = ledger.of_kind(Kind.RETENTION, server)
    numbers = (entry.body.get("freed") for entry in entries if entry.moment >= since)
    return sum(number for number in numbers if isinstance(number, int))


def full_on(free: int, rooms: Sequence[ServerRoom], today: date) -> date | None:
    """The day on which `free` bytes are used up, if all goes on as in the last year; None: not in sight."""
    return full_by(free, growth_of(rooms), today)


def growth_of(rooms: Sequence[ServerRoom]) -> float:
    """Bytes that a month adds, less what retention gives back."""
    return sum((one.a_month or 0.0) - one.freed for one in rooms)


def document(one: ServerRoom) -> Mapping[str, object]:
    """As `status --long --json` prints it."""
    return {
        "snapshots": one.snapshots,
        "bytes": one.bytes,
        "a-month": None if one.a_month is None else round(one.a_month),
        "freed-a-month": round(one.freed),
    }
