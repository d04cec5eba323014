"""When the room is used up, if all goes on as in the last year."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.overview.room import ServerRoom, full_on, room_of

TODAY = date(2026, 11, 29)
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_the_day_follows_from_what_all_servers_add_less_what_retention_frees() -> None:
    rooms = [
        ServerRoom("a", 3, 300, 200.0),
        ServerRoom("b", 1, 100, 300.0, freed=400.0),
        ServerRoom("c", 0, 0, None),
    ]
    assert full_on(1200, rooms, TODAY) == TODAY + timedelta(days=365.25)
    assert full_on(0, rooms, TODAY) == TODAY


def test_what_does_not_grow_or_lasts_for_generations_is_never_said_to_be_full() -> None:
    assert full_on(1000, [ServerRoom("a", 3, 300, 100.0, freed=100.0)], TODAY) is None
    assert full_on(10**12, [ServerRoom("a", 3, 300, 1.0)], TODAY) is None
    assert full_on(1000, [ServerRoom("a", 3, 300, None)], TODAY) is None


def test_what_a_rule_removed_is_not_counted_and_was_given_back(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        for back in range(100, 0, -10):
            moment = NOW - timedelta(days=back)
            started = moment.isoformat()
            spec = f"siakad/files/{moment:%Y-%m-%dT%H%M%SZ}"
            clock = {"outcome": "done", "whole": True, "snapshot": spec, "started": started, "stored": 1000}
            body = {"outcome": "done", "clocks": {"files": clock}}
            ledger.append(Kind.RUN, body, operator="siti", server="siakad", run=f"r{back}", time=moment)
        gone = {"outcome": "done", "removed": [spec], "freed": 1000}
        ledger.append(Kind.RETENTION, gone, operator="siti", server="siakad", time=NOW)
        (room,) = room_of(ledger, ["siakad"], NOW)
    assert (room.snapshots, room.bytes) == (9, 9000)
    assert room.a_month is not None
    assert round(room.a_month) == 2739  # nine of a thousand in a hundred days
    assert round(room.freed) == 304
