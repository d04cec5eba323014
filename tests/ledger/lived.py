"""The record of one server's long life: so many runs in a year, some slow, some odd, some failed."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from tuibackup.ledger import Kind
from tuibackup.ledger.entries import iso

ODD = [{"what": "size", "value": 12582912.0, "median": 294649856.0}]
Recorded = tuple[datetime, Kind, str, str, dict[str, object]]


def life(server: str, runs: int, last: datetime, days: float = 364) -> Iterator[Recorded]:
    """`runs` that end at `last`: files each time, databases with every fourth; a tenth did not end well."""
    chance = random.Random(11)
    for number in range(runs):
        moment = last - timedelta(days=days) * (runs - 1 - number) / max(1, runs - 1)
        run = f"{moment:%Y-%m-%dT%H%M%SZ}-{server}-{number:04x}"
        outcome = chance.choices(("done", "warnings", "failed"), (90, 6, 4))[0]
        clocks = ("files", "databases") if number % 4 == 0 else ("files",)
        grown = 1 + number / runs
        took = chance.uniform(40, 110) * grown
        yield (
            moment,
            Kind.NEEDS,
            server,
            run,
            {"needs": [{"need": "connection", "ok": True, "detail": "there"}]},
        )
        for step in ("download", "dump")[: len(clocks)]:
            yield (
                moment,
                Kind.STEP,
                server,
                run,
                {"step": step, "outcome": outcome, "seconds": took, "slow": False},
            )
        results: dict[str, object] = {}
        for clock in clocks:
            results[clock] = {"outcome": outcome, "whole": outcome != "failed"}
            if outcome == "failed":
                continue
            results[clock] = {
                "outcome": outcome, "whole": True, "started": iso(moment), "seconds": took,
                "snapshot": f"{server}/{clock}/{moment:%Y-%m-%dT%H%M%SZ}",
                "items": int(14210 * grown), "bytes": int(294649856 * grown), "stored": 1258291, "detail": "files",
                **({"changed": 81, "new": 3250585} if clock == "files" else {}),
                **({"unusual": ODD} if number % 50 == 49 else {}),
            }  # fmt: skip
        body: dict[str, object] = {
            "outcome": outcome, "clocks": results, "seconds": took + 4,
            "error": "10.10.0.5 port 22: Connection refused" if outcome == "failed" else "",
        }  # fmt: skip
        if number % 25 == 24:
            body["slow"] = [{"step": "connect", "seconds": 731.0, "limit": 600.0}]
        yield moment + timedelta(seconds=took), Kind.RUN, server, run, body
        if number % 50 == 24:
            yield (
                moment + timedelta(hours=1),
                Kind.NOTE,
                server,
                run,
                {"text": f"the line was busy, run {number}"},
            )
