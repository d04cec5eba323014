"""What the ledger can tell; the rest of the questions, beside those of `log`, `span`, `past`, `room` and `facts`.

Everything is found through an index or reads a bounded number of rows; tests/ledger/test_million.py holds the
times. `Ledger` inherits these methods.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from tuibackup.ledger.entries import Entry, iso
from tuibackup.ledger.facts import FactQueries
from tuibackup.ledger.log import body_of, entry_of
from tuibackup.ledger.results import RUN
from tuibackup.ledger.room import EACH_SERVER, ONE_SERVER
from tuibackup.sop import Clock, Outcome, Step

# Likewise of entries: a server may have been looked at that was never backed up.
_EACH_NAMED = EACH_SERVER.replace("result", "entry")
_LAST_LOOKS = """
    SELECT entry.* FROM each_server
    JOIN entry ON entry.seq = (
        SELECT MAX(seq) FROM entry WHERE server = each_server.server AND kind = 'discover')
"""


class Queries(FactQueries):
    """The questions; `Ledger` says how one is put. All of them raise LedgerError."""

    def last_looks(self, server: str | None = None) -> Mapping[str, Entry]:
        """The newest entry of what was found on every server, or on the one, where somebody looked."""
        each, values = (_EACH_NAMED, {}) if server is None else (ONE_SERVER, {"server": server})
        return {row.server: entry_of(row) for row in self._rows(each + _LAST_LOOKS, **values)}

    def configured(self, server: str | None = None) -> Mapping[str, list[Entry]]:
        """Every change of the configuration and every accepted exception, by server, the oldest first."""
        where, values = ("", {}) if server is None else (" AND server = :server", {"server": server})
        found: dict[str, list[Entry]] = {}
        for row in self._rows(
            f"SELECT * FROM entry WHERE kind = 'config' AND server IS NOT NULL{where} ORDER BY seq",  # noqa: S608
            **values,
        ):
            found.setdefault(row.server, []).append(entry_of(row))
        return found

    def usual(self, server: str | None = None) -> Mapping[str, list[Mapping[str, Any]]]:
        """By server the bodies of the notes that accept a figure as usual, the oldest first."""
        where, values = ("", {}) if server is None else (" AND server = :server", {"server": server})
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self._rows(
            f"SELECT server, body FROM entry WHERE kind = 'note'{where} AND server IS NOT NULL"  # noqa: S608
            " AND body LIKE '%\"usual\":[%' ORDER BY seq",
            **values,
        ):
            found.setdefault(row.server, []).append(body_of(row.body))
        return found

    def corrections(self) -> Mapping[int, list[Entry]]:
        """By the number of an entry the notes that correct it, the oldest first."""
        found: dict[int, list[Entry]] = {}
        rows = self._rows(
            "SELECT * FROM entry WHERE kind = 'note' AND body LIKE '%\"corrects\":%' ORDER BY seq"
        )
        for entry in map(entry_of, rows):
            if isinstance(number := entry.body.get("corrects"), int):
                found.setdefault(number, []).append(entry)
        return found

    def holds(self, server: str | None = None) -> Mapping[str, Entry]:
        """The newest entry about the hold of each snapshot: it was held, or released."""
        where, values = ("", {}) if server is None else (" AND server = :server", {"server": server})
        rows = self._rows(
            f"SELECT * FROM entry WHERE kind = 'hold'{where} ORDER BY seq",  # noqa: S608  fixed parts
            **values,
        )
        entries = map(entry_of, rows)
        return {str(one.body.get("snapshot")): one for one in entries if "held" in one.body}

    def history(self, server: str, what: Step | Clock | str, count: int = 5) -> list[float]:
        """Seconds of a step's (or with "run" a whole run's) newest *done* times, the newest first."""
        rows = self._rows(
            "SELECT seconds FROM result WHERE server = :server AND what = :what AND outcome = 'done'"
            " AND seconds IS NOT NULL ORDER BY seq DESC LIMIT :count",
            server=server,
            what=str(what),
            count=count,
        )
        return [row.seconds for row in rows]

    def runs_by_week(
        self, now: datetime, weeks: int = 13, zone: tzinfo | None = None
    ) -> Mapping[str, tuple[Outcome | None, ...]]:
        """Per server the best outcome of each week's runs, the oldest week first, this one last.

        Weeks begin on Monday, local time (`zone` None: the system's). None: no run in that week. The best
        counts, because a second try that worked made the week a good one.
        """
        mondays = [monday(now, zone) - timedelta(weeks=back) for back in range(weeks - 1, -2, -1)]
        begins = {f"week{number}": iso(midnight(day, zone)) for number, day in enumerate(mondays)}
        found = " ".join(f"WHEN time < :week{number + 1} THEN {number}" for number in range(weeks))
        rows = self._rows(
            f"SELECT server, outcome, CASE {found} END AS week FROM result"  # noqa: S608  numbers
            f" WHERE what = :what AND time >= :week0 AND time < :week{weeks} GROUP BY server, outcome, week",
            what=RUN,
            **begins,
        )
        cells: dict[str, list[Outcome | None]] = {}
        for row in rows:
            line = cells.setdefault(row.server, [None] * weeks)
            line[row.week] = better(line[row.week], Outcome(row.outcome))
        return {server: tuple(line) for server, line in cells.items()}

    def runs_beginning(self, word: str) -> list[str]:
        """The ids of recorded runs that begin with `word`, at most ten."""
        rows = self._rows(
            "SELECT DISTINCT run FROM entry WHERE run >= :word AND run < :after ORDER BY run LIMIT 10",
            word=word,
            after=word + chr(0x10FFFF),
        )
        return [row.run for row in rows]

    def recorded_sums(self, spec: str) -> str | None:
        """The SHA-256 of a published snapshot's SHA256SUMS as its run recorded it; None where none did."""
        server, clock, _name = spec.split("/")
        rows = self._rows(
            "SELECT entry.body FROM result JOIN entry ON entry.seq = result.seq"
            " WHERE result.server = :server AND result.what = :what AND result.snapshot = :snapshot"
            " ORDER BY result.seq LIMIT 1",
            server=server,
            what=clock,
            snapshot=spec,
        )
        told = body_of(rows[0].body)["clocks"][clock].get("sums") if rows else None
        return told if isinstance(told, str) and told else None

    def sums(self) -> Mapping[str, tuple[int, str]]:
        """Of each published snapshot the entry that records it, and the SHA-256 of its SHA256SUMS; "" in older ones."""
        rows = self._rows(
            "SELECT result.seq, result.snapshot,"
            " JSON_EXTRACT(entry.body, '$.clocks.' || result.what || '.sums') AS sums"
            " FROM result JOIN entry ON entry.seq = result.seq WHERE result.what IN ('files', 'databases')"
            " AND result.snapshot IS NOT NULL AND JSON_VALID(entry.body)"
        )
        return {row.snapshot: (row.seq, str(row.sums or "")) for row in rows}

    def snapshots(self, server: str) -> frozenset[str]:
        """The specs of all snapshots of a server that the ledger knows of."""
        rows = self._rows(
            "SELECT snapshot FROM result WHERE server = :server AND what IN ('files', 'databases')"
            " AND snapshot IS NOT NULL",
            server=server,
        )
        return frozenset(row.snapshot for row in rows)


def monday(moment: datetime, zone: tzinfo | None = None) -> date:
    """The local day on which the week of `moment` began (`zone` None: the system's)."""
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def midnight(day: date, zone: tzinfo | None) -> datetime:
    """When a local day begins."""
    midnight = datetime(day.year, day.month, day.day)
    return midnight.replace(tzinfo=zone) if zone else midnight.astimezone()


_BEST_FIRST = (Outcome.DONE, Outcome.WARNINGS, Outcome.INTERRUPTED, Outcome.FAILED)


def better(one: Outcome | None, other: Outcome) -> Outcome:
    """The outcome by which a week with both is known; None: there was no run yet."""
    return other if one is None else min(one, other, key=_BEST_FIRST.index)
