"""What the ledger can tell: clocks, last runs, drills, verifies, durations. Plain SQL that SQLite and MariaDB know.

Everything is found through an index or reads a bounded number of rows; tests/ledger/test_million.py holds the
times. `Ledger` inherits these methods, and those of `past` and `log`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import Any

from tuibackup.ledger.entries import Entry, iso
from tuibackup.ledger.log import Row, body_of, entry_of
from tuibackup.ledger.past import PastQueries
from tuibackup.ledger.results import RUN, VERIFY, drill_of
from tuibackup.sop import Clock, Outcome, Step, good

_TRIES = 100  # to renew a clock that are counted

# Every server with its newest matching row. The recursion hops from server to server through the index; a
# GROUP BY would read all of it.
_EACH_SERVER = """
    WITH RECURSIVE each_server(server) AS (
        SELECT MIN(server) FROM result
        UNION ALL
        SELECT (SELECT MIN(server) FROM result WHERE server > each_server.server)
        FROM each_server WHERE each_server.server IS NOT NULL)
"""
_ONE_SERVER = " WITH each_server(server) AS (SELECT :server) "
# Likewise of entries: a server may have been looked at that was never backed up.
_EACH_NAMED = _EACH_SERVER.replace("result", "entry")
_LAST_LOOKS = """
    SELECT entry.* FROM each_server
    JOIN entry ON entry.seq = (
        SELECT MAX(seq) FROM entry WHERE server = each_server.server AND kind = 'discover')
"""
_CLOCKS = """
    SELECT last.server, last.what, last.outcome, last.time, last.good, good.started, good.snapshot
    FROM each_server
    JOIN (SELECT 'files' AS what UNION ALL SELECT 'databases') AS clocks
    JOIN result AS last ON last.what = clocks.what AND last.seq = (
        SELECT MAX(seq) FROM result WHERE server = each_server.server AND what = clocks.what)
    LEFT JOIN result AS good ON good.what = clocks.what AND good.seq = (
        SELECT MAX(seq) FROM result WHERE server = each_server.server AND what = clocks.what AND good = 1)
"""
_LAST_RUNS = """
    SELECT entry.* FROM each_server
    JOIN entry ON entry.seq = (
        SELECT MAX(seq) FROM result WHERE server = each_server.server AND what = 'run')
"""
_LAST_DRILLS = """
    SELECT last.seq, last.server, last.what, last.outcome, last.time, last.seconds, last.snapshot
    FROM each_server
    JOIN (SELECT :files AS what UNION ALL SELECT :databases) AS drills
    JOIN result AS last ON last.what = drills.what AND last.seq = (
        SELECT MAX(seq) FROM result WHERE server = each_server.server AND what = drills.what)
"""
_LAST_OF_OUTCOME = """
    SELECT time FROM result WHERE server = :server AND what = :what AND outcome = :outcome ORDER BY seq DESC LIMIT 1
"""
# Of each snapshot that was ever found damaged the newest time, unless a later one found nothing.
_DAMAGES = """
    SELECT result.server, result.snapshot, result.time, result.seq, entry.body FROM each_server
    JOIN result ON result.server = each_server.server AND result.what = :what AND result.outcome = 'failed'
    JOIN entry ON entry.seq = result.seq
    WHERE NOT EXISTS (
        SELECT 1 FROM result AS later WHERE later.server = result.server AND later.what = :what
        AND later.seq > result.seq AND later.snapshot = result.snapshot)
    ORDER BY result.seq DESC
"""
_NEWEST_GOOD = """
    SELECT seq, snapshot FROM result WHERE server = :server AND what = :what AND good = 1 ORDER BY seq DESC LIMIT 1
"""
# See `results.carried_out`; in the body's canonical JSON only a name stands so.
_CARRIED_OUT = """
    SELECT result.*, entry.body FROM result JOIN entry ON entry.seq = result.seq
    WHERE result.server = :server AND result.what = :what AND entry.body LIKE '%"items":%'
    ORDER BY result.seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ClockFact:
    """What the record says of one clock of one server.

    `good` is the start of the snapshot that reset it last, `snapshot` its spec (None: never). `mark` is how
    the newest attempt ended where that was not *done*: it stays beside the state until a *done*. `renewed`: the newest
    attempt reset the clock.
    """

    server: str
    clock: Clock
    good: datetime | None
    snapshot: str | None
    mark: Outcome | None
    tried: datetime
    renewed: bool


@dataclass(frozen=True, slots=True)
class RunFact:
    """A recorded run of a server. `ended` is when it was recorded, `seconds` how long it took."""

    server: str
    run: str
    operator: str
    outcome: Outcome
    ended: datetime
    seconds: float
    error: str
    body: Mapping[str, Any]

    @property
    def started(self) -> datetime:
        """When the run began."""
        return self.ended - timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class DrillFact:
    """One drill: what was drilled, how it ended and when. `error`: why it could not be carried out, or the first thing
    that differed.
    """

    snapshot: str
    outcome: Outcome
    time: datetime
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """The drills of one clock's snapshots: the `last` that was carried out, a newer one that was only `tried`, and when
    one was last `proven`: nothing differed.
    """

    last: DrillFact | None
    tried: DrillFact | None = None
    proven: datetime | None = None


@dataclass(frozen=True, slots=True)
class DamageFact:
    """What the last verify of a snapshot found: the first of `total` sentences, and the files of the vault
    with which something is wrong, but for so many as it left `unnamed`. `restorable` are the databases that are whole.
    `since` is the newest good snapshot of its clock that was recorded after that.
    """

    server: str
    snapshot: str
    time: datetime
    problem: str
    total: int
    damaged: tuple[str, ...] = ()
    restorable: tuple[str, ...] | None = None
    unnamed: int = 0
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """The tries to renew a clock since it was renewed: how many `failed`, and how and when the last one went."""

    failed: int
    outcome: Outcome
    began: datetime
    ended: datetime


class Queries(PastQueries):
    """The questions; `Ledger` says how one is put. All of them raise LedgerError."""

    def _of_servers(self, server: str | None, sql: str, **values: Any) -> Sequence[Any]:
        """The rows of a statement about `each_server`, which is the one where one is named."""
        if server is None:
            return self._rows(_EACH_SERVER + sql, **values)
        return self._rows(_ONE_SERVER + sql, server=server, **values)

    def attempts(self, server: str, clock: Clock) -> Attempts | None:
        """What was tried for this clock since it was reset last; None where nothing was."""
        rows = self._rows(
            "SELECT clock.good, clock.outcome, clock.time, run.seconds FROM result AS clock"
            " LEFT JOIN result AS run ON run.seq = clock.seq AND run.what = 'run'"
            " WHERE clock.server = :server AND clock.what = :what ORDER BY clock.seq DESC LIMIT :most",
            server=server,
            what=clock.value,
            most=_TRIES,
        )
        failed = list(takewhile(lambda row: not row.good, rows))
        if not failed:
            return None
        newest = failed[0]
        ended = datetime.fromisoformat(newest.time)
        began = ended - timedelta(seconds=newest.seconds or 0.0)
        return Attempts(len(failed), Outcome(newest.outcome), began, ended)

    def last_try(self, server: str, clock: Clock) -> Entry | None:
        """The entry of the newest run that tried to renew this clock; None where it did, or none has tried."""
        rows = self._rows(
            "SELECT entry.*, result.good FROM entry JOIN result ON result.seq = entry.seq AND result.what = :what"
            " WHERE entry.seq = (SELECT MAX(seq) FROM result WHERE server = :server AND what = :what)",
            server=server,
            what=clock.value,
        )
        return entry_of(rows[0]) if rows and not rows[0].good else None

    def clock_facts(self, server: str | None = None) -> Mapping[tuple[str, Clock], ClockFact]:
        """Both clocks of every server (or of the one) that was ever tried, in one query."""
        facts = {}
        for row in self._of_servers(server, _CLOCKS):
            clock, outcome = Clock(row.what), Outcome(row.outcome)
            facts[row.server, clock] = ClockFact(
                row.server,
                clock,
                datetime.fromisoformat(row.started) if row.started else None,
                row.snapshot,
                None if outcome is Outcome.DONE else outcome,
                datetime.fromisoformat(row.time),
                bool(row.good),
            )
        return facts

    def last_runs(self, server: str | None = None) -> Mapping[str, RunFact]:
        """The newest recorded run of every server, or of the one."""
        return {row.server: _run_fact(row) for row in self._of_servers(server, _LAST_RUNS)}

    def last_drills(self, server: str | None = None) -> Mapping[tuple[str, Clock], DrillFacts]:
        """The newest recorded drills of both clocks of every server, or of the one, where there were any."""
        whats = {drill_of(clock): clock for clock in Clock}
        rows = self._of_servers(server, _LAST_DRILLS, **{clock.value: what for what, clock in whats.items()})
        return {(row.server, whats[row.what]): self._drills(row) for row in rows}

    def last_looks(self, server: str | None = None) -> Mapping[str, Entry]:
        """The newest entry of what was found on every server, or on the one, where somebody looked."""
        each, values = (_EACH_NAMED, {}) if server is None else (_ONE_SERVER, {"server": server})
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

    def _drills(self, newest: Row) -> DrillFacts:
        if good(Outcome(newest.outcome), whole=True):
            return DrillFacts(_drill_fact(newest), proven=datetime.fromisoformat(newest.time))
        proven = self._proven(newest)
        found = self._rows(_CARRIED_OUT, server=newest.server, what=newest.what)
        last = _drill_fact(found[0], found[0].body) if found else None
        if found and found[0].seq == newest.seq:
            return DrillFacts(last, proven=proven)
        (entry,) = self._rows("SELECT body FROM entry WHERE seq = :seq", seq=newest.seq)
        return DrillFacts(last, _drill_fact(newest, entry.body), proven)

    def _proven(self, drill: Row) -> datetime | None:
        """When a drill of this kind last renewed its clock."""
        named = {"server": drill.server, "what": drill.what}
        found = [
            datetime.fromisoformat(row.time)
            for outcome in Outcome
            if good(outcome, whole=True)
            for row in self._rows(_LAST_OF_OUTCOME, **named, outcome=outcome.value)
        ]
        return max(found, default=None)

    def read_again(self, server: str | None = None) -> Mapping[str, datetime]:
        """When each snapshot (of that server) was last read again to its end, by its spec; others never were.

        Reads a row for each of them.
        """
        of = " AND server = :server" if server is not None else ""
        rows = self._rows(
            f"SELECT snapshot, MAX(time) AS time FROM result WHERE what = :what{of} GROUP BY snapshot",  # noqa: S608  fixed words
            what=VERIFY,
            **({"server": server} if server is not None else {}),
        )
        return {row.snapshot: datetime.fromisoformat(row.time) for row in rows}

    def damages(self, server: str | None = None) -> Mapping[str, tuple[DamageFact, ...]]:
        """The snapshots of each server (or of the one) with which something was wrong when they were last read."""
        found: dict[str, list[DamageFact]] = {}
        newest: dict[str, Row | None] = {}  # by server and clock
        for row in self._of_servers(server, _DAMAGES, what=VERIFY):
            body = body_of(row.body)
            problems, total = _texts(body.get("problems")), body.get("problems_total")
            damaged, number = _texts(body.get("damaged")), body.get("damaged_total")
            of = row.snapshot.rpartition("/")[0]
            if of not in newest:
                what = of.rpartition("/")[2]
                newest[of] = next(iter(self._rows(_NEWEST_GOOD, server=row.server, what=what)), None)
            later = newest[of]
            fact = DamageFact(
                row.server,
                row.snapshot,
                datetime.fromisoformat(row.time),
                problems[0] if problems else "",
                total if isinstance(total, int) else 1,
                damaged or (),
                _texts(body.get("restorable")),
                # version 0.1 named none
                max(0, number - len(damaged)) if damaged and isinstance(number, int) else int(not damaged),
                later.snapshot if later and later.seq > row.seq else None,
            )
            found.setdefault(row.server, []).append(fact)
        return {name: tuple(facts) for name, facts in found.items()}

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


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None


def _run_fact(row: Row) -> RunFact:
    entry = entry_of(row)
    seconds, outcome = entry.body.get("seconds"), entry.body.get("outcome")
    return RunFact(
        server=entry.server or "",
        run=entry.run or "",
        operator=entry.operator,
        outcome=Outcome(outcome) if outcome in list(Outcome) else Outcome.FAILED,
        ended=entry.moment,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        error=str(entry.body.get("error") or ""),
        body=entry.body,
    )


def _drill_fact(row: Row, body: str | None = None) -> DrillFact:
    error = str(body_of(body).get("error") or "") if body else ""
    moment = datetime.fromisoformat(row.time)
    return DrillFact(row.snapshot, Outcome(row.outcome), moment, row.seconds or 0.0, error)


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
