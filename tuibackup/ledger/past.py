"""What the ledger tells of one server's past: a year in cells, its snapshots, runs and notes, a page at a time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tuibackup.ledger.entries import Entry, Kind, iso
from tuibackup.ledger.log import body_of, entry_of
from tuibackup.ledger.results import RUN
from tuibackup.ledger.span import SpanQueries
from tuibackup.sop import Clock, Outcome, Step

_CLOCKS = f"what IN ('{Clock.FILES}', '{Clock.DATABASES}')"
_VERIFIED = 5000  # entries about verified snapshots that are looked through, the newest first


class Tally(msgspec.Struct, frozen=True):
    """How many results of one kind and outcome a cell has; the number of its newest entry, and the longest seconds."""

    outcome: Outcome
    number: int
    newest: int
    seconds: float | None


class PastQueries(SpanQueries):
    """The questions about one server. All of them raise LedgerError."""

    def good_runs(self, server: str, clock: Clock, most: int) -> list[Mapping[str, Any]]:
        """The bodies of the newest runs that reset this clock, the newest first."""
        rows = self._rows(
            "SELECT entry.body FROM result JOIN entry ON entry.seq = result.seq"
            " WHERE result.server = :server AND result.what = :what AND result.good = 1"
            " ORDER BY result.seq DESC LIMIT :most",
            server=server,
            what=clock.value,
            most=most,
        )
        return [body_of(row.body) for row in rows]

    def tallies(
        self, server: str, what: Clock | Step, begins: Sequence[datetime]
    ) -> Mapping[int, Sequence[Tally]]:
        """The results of one kind by cell: cell n lasts from `begins[n]` to before the next; the last has no end."""
        moments = {f"cell{number}": iso(begin) for number, begin in enumerate(begins)}
        cells = " ".join(f"WHEN time < :cell{number + 1} THEN {number}" for number in range(len(begins) - 1))
        case = f"CASE {cells} ELSE {len(begins) - 1} END" if cells else "0"
        rows = self._rows(
            f"SELECT {case} AS cell, outcome, COUNT(*) AS number, MAX(seq) AS newest, MAX(seconds) AS seconds"  # noqa: S608  numbers
            " FROM result WHERE server = :server AND what = :what AND time >= :cell0 GROUP BY cell, outcome",
            server=server,
            what=what.value,
            **moments,
        )
        found: dict[int, list[Tally]] = {}
        for row in rows:
            tally = Tally(Outcome(row.outcome), row.number, row.newest, row.seconds)
            found.setdefault(row.cell, []).append(tally)
        return found

    def bodies(self, numbers: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
        """The bodies of the entries with these numbers."""
        if not numbers:
            return {}
        listed = ", ".join(str(int(number)) for number in numbers)
        rows = self._rows(f"SELECT seq, body FROM entry WHERE seq IN ({listed})")  # noqa: S608  numbers
        return {row.seq: body_of(row.body) for row in rows}

    def snapshot_count(self, server: str) -> int:
        """How many snapshots of a server were published."""
        (row,) = self._rows(
            f"SELECT COUNT(*) AS number FROM result WHERE server = :server AND {_CLOCKS}"  # noqa: S608  fixed parts
            " AND snapshot IS NOT NULL",
            server=server,
        )
        return int(row.number)

    def snapshot_entries(self, server: str, most: int, offset: int = 0) -> list[tuple[Clock, bool, Entry]]:
        """Published snapshots, the newest first: the clock, whether it was reset, and the run's entry."""
        rows = self._rows(
            "SELECT entry.*, page.what, page.good FROM ("  # noqa: S608  fixed parts
            f"SELECT seq, what, good FROM result WHERE server = :server AND {_CLOCKS}"
            " AND snapshot IS NOT NULL ORDER BY seq DESC, what LIMIT :most OFFSET :offset) AS page"
            " JOIN entry ON entry.seq = page.seq ORDER BY page.seq DESC, page.what",
            server=server,
            most=most,
            offset=offset,
        )
        return [(Clock(row.what), bool(row.good), entry_of(row)) for row in rows]

    def run_count(self, server: str) -> int:
        """How many runs of a server are recorded."""
        (row,) = self._rows(
            "SELECT COUNT(*) AS number FROM result WHERE server = :server AND what = :what",
            server=server,
            what=RUN,
        )
        return int(row.number)

    def run_entries(self, server: str, most: int, offset: int = 0) -> list[Entry]:
        """Recorded runs, the newest first."""
        rows = self._rows(
            "SELECT entry.* FROM (SELECT seq FROM result WHERE server = :server AND what = :what"
            " ORDER BY seq DESC LIMIT :most OFFSET :offset) AS page"
            " JOIN entry ON entry.seq = page.seq ORDER BY page.seq DESC",
            server=server,
            what=RUN,
            most=most,
            offset=offset,
        )
        return [entry_of(row) for row in rows]

    def noted(self, runs: Collection[str]) -> frozenset[str]:
        """Those of `runs` to which somebody wrote a note."""
        if not runs:
            return frozenset()
        names = {f"run{number}": run for number, run in enumerate(runs)}
        listed = ", ".join(f":{name}" for name in names)
        rows = self._rows(
            f"SELECT DISTINCT run FROM entry WHERE run IN ({listed}) AND kind = :kind",  # noqa: S608  names of values
            kind=Kind.NOTE.value,
            **names,
        )
        return frozenset(row.run for row in rows)

    def verified(self, server: str) -> Mapping[str, Entry]:
        """By snapshot the newest entry of a verify that reached its end."""
        rows = self._rows(
            "SELECT * FROM entry WHERE server = :server AND kind = :kind ORDER BY seq DESC LIMIT :most",
            server=server,
            kind=Kind.VERIFY.value,
            most=_VERIFIED,
        )
        found: dict[str, Entry] = {}
        for entry in map(entry_of, rows):
            if "problems" in entry.body:  # others were refused or stopped, and tell nothing
                found.setdefault(str(entry.body.get("snapshot")), entry)
        return found
