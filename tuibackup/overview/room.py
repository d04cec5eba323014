"""Room on the backup disk: what each server uses and adds a month, and when it will be used up by its own history."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from tuibackup.ledger.queries import Queries
from tuibackup.ledger.room import Taken
from tuibackup.overview.forecast import MONTH, full_by

_ENOUGH = 14  # days of history by which growth can be told


class ServerRoom(msgspec.Struct, frozen=True):
    """What the `snapshots` of a server that were not removed take; `a_month`: what a month adds by the last year,
    None for too little history; `freed`: what retention gave back of it a month.
    """

    server: str
    snapshots: int
    bytes: int
    a_month: float | None
    freed: float = 0.0


def room_of(ledger: Queries, servers: Collection[str], now: datetime) -> Sequence[ServerRoom]:
    """By the ledger, in one query for all of them. Raises LedgerError."""
    one = next(iter(servers)) if len(servers) == 1 else None
    year = now - timedelta(days=365)
    taken, freed = ledger.taken(year, one), ledger.freed(one)
    return [_room(server, taken.get(server), freed.get(server, ()), year, now) for server in servers]


def _room(
    server: str, taken: Taken | None, freed: Iterable[tuple[datetime, int]], year: datetime, now: datetime
) -> ServerRoom:
    if taken is None:
        return ServerRoom(server, 0, 0, None)
    begins = max(taken.first, year)
    days = (now - begins).total_seconds() / 86400
    # The very first download of the files is what everything begins with, and no growth.
    adds = taken.newer_bytes / days * MONTH if days >= _ENOUGH and taken.newer else None
    back = sum(number for moment, number in freed if moment >= begins)
    return ServerRoom(server, taken.kept, taken.bytes, adds, back / max(1.0, days / MONTH))


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
