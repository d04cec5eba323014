"""Writes a large true ledger: a hundred servers, a run a day, six entries a run (a million: 70 s)."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuibackup.ledger import Kind, Ledger
from tuibackup.ledger.entries import GENESIS, canonical, entry_hash, iso
from tuibackup.ledger.results import results_of

SERVERS = tuple(f"server-{number:03}" for number in range(100))
LAST = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    """`count` entries that end at LAST."""
    fill(path, _entries(count))


def fill(path: Path, entries: Iterable[tuple[datetime, Kind, str, str, dict[str, object]]]) -> None:
    """A ledger of these: time, kind, server, run and body of each, with the tables that `Ledger` makes."""
    Ledger.open(path, host="jump01").close()
    with sqlite3.connect(path) as database:
        prev = GENESIS
        for seq, (moment, kind, server, run, body) in enumerate(entries, 1):
            text, time = canonical(body), iso(moment)
            who = "andi" if seq % 3 else "siti"
            digest = entry_hash(seq, time, kind, who, "jump01", server, run, text, prev)
            row = (seq, time, kind, who, "jump01", server, run, text, prev, digest)
            database.execute("INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?,?)", row)
            for result in results_of(kind, body):
                c = result.columns()
                database.execute(
                    "INSERT INTO result VALUES (?,?,?,?,?,?,?,?,?)",
                    (
                        seq,
                        c["what"],
                        server,
                        time,
                        *(c[k] for k in ("outcome", "seconds", "good", "started", "snapshot")),
                    ),
                )
            prev = digest
    database.close()


def _entries(count: int) -> Iterator[tuple[datetime, Kind, str, str, dict[str, object]]]:
    chance = random.Random(7)
    runs = count // 6
    gap = timedelta(days=1) / len(SERVERS)
    for number in range(runs):
        moment = LAST - gap * (runs - 1 - number)
        server = SERVERS[number % len(SERVERS)]
        run = f"{moment:%Y-%m-%dT%H%M%SZ}-{server}"
        outcome = chance.choices(("done", "warnings", "failed"), (90, 7, 3))[0]
        needs = [
            {"need": need, "ok": True, "detail": "there"}
            for need in ("connection", "room", "database", "tools")
        ]
        yield moment, Kind.NEEDS, server, run, {"needs": needs}
        for step in ("connect", "download", "login", "dump"):
            yield moment, Kind.STEP, server, run, {
                "step": step, "outcome": outcome, "seconds": chance.uniform(1, 90), "standard": None,
                "expected": 61.5, "slow": False, "detail": "14,210 files, 281 MiB, new 3 MiB",
            }  # fmt: skip
        clocks = {
            clock: {
                "outcome": outcome, "whole": outcome != "failed", "started": iso(moment),
                "snapshot": f"{server}/{clock}/{moment:%Y-%m-%dT%H%M%SZ}" if outcome != "failed" else "",
                "items": 14210, "bytes": 294649856, "stored": 3145728,
            }
            for clock in ("files", "databases")
        }  # fmt: skip
        error = "connect: 10.10.0.9 port 22 refused; is sshd running?" if outcome == "failed" else ""
        yield moment, Kind.RUN, server, run, {
            "outcome": outcome, "clocks": clocks, "seconds": chance.uniform(60, 400), "error": error,
        }  # fmt: skip
