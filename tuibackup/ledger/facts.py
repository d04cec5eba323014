"""How each server stands by the ledger: its clocks, last runs, drills, damage. Plain SQL that SQLite and MariaDB know.

Everything is found through an index or reads a bounded number of rows.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import msgspec

from tuibackup.ledger.entries import Entry
from tuibackup.ledger.log import Row, body_of, entry_of
from tuibackup.ledger.results import VERIFY, drill_of
from tuibackup.ledger.room import RoomQueries
from tuibackup.sop import Clock, Outcome, good

_TRIES = 100  # to renew a clock that are counted
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


class ClockFact(msgspec.Struct, frozen=True):
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


class RunFact(msgspec.Struct, frozen=True):
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


class DrillFact(msgspec.Struct, frozen=True):
    """One drill: what was drilled, how it ended and when. `error`: why it could not be carried out, or the first thing
    that differed.
    """

    snapshot: str
    outcome: Outcome
    time: datetime
    seconds: float
    error: str = ""


class DrillFacts(msgspec.Struct, frozen=True):
    """The drills of one clock's snapshots: the `last` that was carried out, a newer one that was only `tried`, and when
    one was last `proven`: nothing differed.
    """

    last: DrillFact | None
    tried: DrillFact | None = None
    proven: datetime | None = None


class DamageFact(msgspec.Struct, frozen=True):
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


class Attempts(msgspec.Struct, frozen=True):
    """The tries to renew a clock since it was renewed: how many `failed`, and how and when the last one went."""

    failed: int
    outcome: Outcome
    began: datetime
    ended: datetime


class FactQueries(RoomQueries):
    """The questions about how servers stand. All of them raise LedgerError."""

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
