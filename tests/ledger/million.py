"""Writes a large true ledger: a hundred servers, a run a day, six entries a run (a million: 70 s)."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from tuibackup.ledger import Kind, Ledger, schema
from tuibackup.ledger.entries import GENESIS, canonical, entry_hash, iso
from tuibackup.ledger.results import results_of

SERVERS = tuple(f"server-{number:03}" for number in range(100))
_BATCH = 10_000
LAST = datetime(2026, 11, 22, 8, 31, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    """`count` entries that end at LAST."""
    fill(path, _entries(count))


def fill(path: Path, entries: Iterable[tuple[datetime, Kind, str, str, dict[str, object]]]) -> None:
    """A ledger of these: time, kind, server, run and body of each, with the tables that `Ledger` makes.

    The indexes are made at the end, and nothing waits for the disk: a million rows one by one took half an hour.
    """
    Ledger.open(path, host="jump01").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        indexes = [one for one in schema.STATEMENTS if one.startswith("CREATE INDEX")]
        for statement in indexes:
            database.execute(f"DROP INDEX {statement.split()[2]}")
        rows = _rows(entries)
        while batch := list(islice(rows, _BATCH)):
            database.execute("BEGIN")
            database.executemany(schema.ADD_ENTRY, (entry for entry, _results in batch))
            database.executemany(schema.ADD_RESULT, (one for _entry, results in batch for one in results))
            database.execute("COMMIT")
        for statement in indexes:
            database.execute(statement)
        database.execute("PRAGMA journal_mode = WAL")


def _rows(
    entries: Iterable[tuple[datetime, Kind, str, str, dict[str, object]]],
) -> Iterator[tuple[dict[str, object], list[dict[str, object]]]]:
    """Each entry's row, chained, and the rows of `result` that follow from it."""
    prev = GENESIS
    for seq, (moment, kind, server, run, body) in enumerate(entries, 1):
        row: dict[str, Any] = {
            "seq": seq, "time": iso(moment), "kind": kind.value, "operator": "andi" if seq % 3 else "siti",
            "host": "jump01", "server": server, "run": run, "body": canonical(body), "prev": prev,
        }  # fmt: skip
        prev = entry_hash(**row)
        about = {"seq": seq, "server": server, "time": row["time"]}
        yield {**row, "hash": prev}, [{**about, **one.columns()} for one in results_of(kind, body)]


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
