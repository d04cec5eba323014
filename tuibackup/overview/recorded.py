"""Reads the ledger in a helper: every server once, then only those with new entries.

The ledger is append-only: what was read stays true, and a look reads only what is new.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from time import monotonic

import msgspec

from tuibackup.config import Config
from tuibackup.errors import LedgerError
from tuibackup.ledger.entries import Entry
from tuibackup.ledger.facts import ClockFact, DamageFact, DrillFact, DrillFacts, RunFact
from tuibackup.ledger.queries import better, monday
from tuibackup.ledger.results import RUN, results_of
from tuibackup.ledger.store import Ledger
from tuibackup.overview.coverage import NOTHING_FOUND, Coverage, coverage_of
from tuibackup.overview.growth import Growth
from tuibackup.overview.logpages import LogPages
from tuibackup.overview.logrow import view_of
from tuibackup.overview.past import results_of_body, slow_of
from tuibackup.overview.picture import WEEKS, Damage, LastRun
from tuibackup.overview.told import Drill, Drills, Good, LedgerAnswer, LedgerQuestion, ServerFacts, Weeks
from tuibackup.overview.why import why
from tuibackup.run.places import look_into_ledger
from tuibackup.run.unusual import Usual, untold, usual_of
from tuibackup.sop import Clock, Outcome
from tuibackup.text import printable

_PATIENCE = 1.0  # seconds to wait for another process that holds the ledger; then that is shown
_AGAIN = 10.0  # seconds between two tries to open a ledger that can be read only
_MANY = 1000  # new entries; if there are more, all is read again


class LedgerLook:
    """Answers from the ledger of `config`; see `Helper`."""

    def __init__(self, config: Config, *, read_only: bool) -> None:
        self._config = config
        self._read_only = read_only
        self._ledger: Ledger | None = None
        self._opened = float("-inf")
        self._unrecorded = ""
        self._number = 0  # of the newest entry that is known
        self._monday: date | None = None  # of the week in which the facts were read; None: they were not
        self._weeks: dict[str, Weeks] | None = None
        self._pages: LogPages | None = None
        self._growth: Growth | None = None

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()

    def __call__(self, question: LedgerQuestion) -> LedgerAnswer:
        try:
            ledger = self._open()
            now = datetime.now(UTC)
            facts, anew = self._news(ledger, now, weeks=not question.table_only)
            if self._growth:
                self._growth.changed(self._config.servers if anew else facts)
            return LedgerAnswer(
                unrecorded=self._unrecorded,
                facts=facts,
                anew=anew,
                log=None if question.table_only or not self._pages else self._pages.news(question.log_filter),
                view=view_of(ledger.of_run(question.run)) if question.run else None,
                growth=None if question.table_only or not self._growth else self._growth.news(now),
            )
        except LedgerError as error:
            return LedgerAnswer(str(error), self._unrecorded or str(error))

    def _open(self) -> Ledger:
        """Open the ledger once; and again now and then if it can only be read, because that may have been repaired."""
        if self._ledger is None or (self._unrecorded and monotonic() - self._opened > _AGAIN):
            ledger, self._unrecorded = look_into_ledger(
                self._config, read_only=self._read_only, patience=_PATIENCE
            )
            self._opened = monotonic()
            self.close()
            self._ledger, self._pages = ledger, LogPages(ledger)
            self._growth = Growth(ledger, self._config.servers)
        return self._ledger

    def _news(self, ledger: Ledger, now: datetime, *, weeks: bool) -> tuple[Mapping[str, ServerFacts], bool]:
        """The facts that changed, and whether they are the facts of all servers."""
        newest = ledger.newest()
        if self._monday != monday(now) or not 0 <= newest - self._number <= _MANY:
            self._weeks = None
        elif self._weeks is not None or not weeks:
            entries = list(ledger.entries(after=self._number))
            self._number = newest
            self._fold(entries, now)
            return {server: self._of_server(ledger, server) for server in _servers(entries)}, False
        self._monday, self._number = monday(now), newest
        self._weeks = dict(ledger.runs_by_week(now, WEEKS)) if weeks else None
        return self._of_all(ledger), True

    def _fold(self, entries: Iterable[Entry], now: datetime) -> None:
        """Add new runs to their weeks."""
        if self._weeks is None:
            return
        first = monday(now) - timedelta(weeks=WEEKS - 1)
        for entry in entries:
            for result in results_of(entry.kind, entry.body) if entry.server else ():
                week = (monday(entry.moment) - first).days // 7
                if result.what == RUN and 0 <= week < WEEKS:
                    line = list(self._weeks.get(entry.server or "", (None,) * WEEKS))
                    line[week] = better(line[week], Outcome(result.outcome))
                    self._weeks[entry.server or ""] = tuple(line)

    def _of_all(self, ledger: Ledger) -> Mapping[str, ServerFacts]:
        clocks, runs, drills = ledger.clock_facts(), ledger.last_runs(), ledger.last_drills()
        covered = self._covered(ledger.last_looks(), ledger.configured())
        damages = ledger.damages()
        named = (server for server, _clock in (*clocks, *drills))
        servers = dict.fromkeys([*named, *runs, *covered, *damages])
        noted = _noted(ledger, runs)
        return {
            server: self._facts(ledger, server, clocks, runs, drills, damages, covered, noted)
            for server in servers
        }

    def _of_server(self, ledger: Ledger, server: str) -> ServerFacts:
        runs = ledger.last_runs(server)
        return self._facts(
            ledger,
            server,
            ledger.clock_facts(server),
            runs,
            ledger.last_drills(server),
            ledger.damages(server),
            self._covered(ledger.last_looks(server), ledger.configured(server)),
            _noted(ledger, runs),
        )

    def _covered(
        self, looks: Mapping[str, Entry], changes: Mapping[str, Sequence[Entry]]
    ) -> Mapping[str, Coverage]:
        """What the backups of each server that somebody looked at do not hold; the looks themselves stay here."""
        return {
            name: msgspec.structs.replace(found, found=NOTHING_FOUND)
            for name, look in looks.items()
            if (server := self._config.servers.get(name))
            and (found := coverage_of(server, look, changes.get(name, ())))
        }

    def _usual(self, ledger: Ledger, server: str) -> tuple[Usual, ...]:
        """What somebody accepted; asked for where something is unusual, which is seldom."""
        return usual_of(ledger.usual(server).get(server, ()))

    def _facts(
        self,
        ledger: Ledger,
        server: str,
        clocks: Mapping[tuple[str, Clock], ClockFact],
        runs: Mapping[str, RunFact],
        drills: Mapping[tuple[str, Clock], DrillFacts],
        damages: Mapping[str, tuple[DamageFact, ...]],
        covered: Mapping[str, Coverage],
        noted: Collection[str],
    ) -> ServerFacts:
        found = {clock: fact for clock in Clock if (fact := clocks.get((server, clock)))}
        reasons = {clock: why(ledger, server, clock) for clock, fact in found.items() if not fact.renewed}
        last = runs.get(server)
        return ServerFacts(
            {clock: Good(fact.good, fact.snapshot) for clock, fact in found.items()},
            LastRun(last.run, last.outcome, last.started, last.seconds, printable(last.error))
            if last
            else None,
            {
                clock: Drills(_drill(of_clock.last), _drill(of_clock.tried), of_clock.proven)
                for clock in Clock
                if (of_clock := drills.get((server, clock)))
            },
            tuple(
                Damage(
                    printable(one.snapshot),
                    one.time,
                    printable(one.problem),
                    one.total,
                    one.damaged,
                    one.restorable,
                    one.unnamed,
                    one.since,
                )
                for one in damages.get(server, ())
            ),
            {clock: text for clock, text in reasons.items() if text},
            covered.get(server, Coverage()),
            {
                clock: told
                for clock, result in (results_of_body(last.body).items() if last else ())
                if result.unusual and (told := untold(clock, result.unusual, self._usual(ledger, server)))
            },
            slow_of(last.body) if last and last.run not in noted else (),
            (self._weeks or {}).get(server, (None,) * WEEKS),
        )


def _noted(ledger: Ledger, runs: Mapping[str, RunFact]) -> frozenset[str]:
    """Those of the runs that were slow, and have the note that says why."""
    return ledger.noted([one.run for one in runs.values() if one.run and slow_of(one.body)])


def _drill(fact: DrillFact | None) -> Drill | None:
    return (
        Drill(printable(fact.snapshot), fact.outcome, fact.time, fact.seconds, printable(fact.error))
        if fact
        else None
    )


def _servers(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.server for entry in entries if entry.server))
