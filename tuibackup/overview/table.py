"""The table: what is known of each server, and its row. Only rows of which something changed are made anew.

A picture is asked for twice a second and at every key, and hundreds of servers have news of one or two.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from tuibackup.config import Config, Server
from tuibackup.overview.picture import LastDrill, Rows, RunFace, ServerRow, TriedDrill
from tuibackup.overview.told import ServerFacts, ServerOnDisk
from tuibackup.sop import Clock, Standing, State, standing

_UNKNOWN = Standing(State.UNKNOWN, None, None, None)
_NOTHING = ServerFacts()
_NOWHERE = ServerOnDisk()


class Table:
    """Takes what the helpers tell about servers; `rows` is what follows from all of it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._facts: dict[str, ServerFacts] = {}
        self._disk: dict[str, ServerOnDisk] = {}
        self.faces: Mapping[str, RunFace] = {}  # the runs under way, by server
        self._rows: dict[str, ServerRow] = {}
        self._all: Rows | None = None
        self._stale = set(config.servers)
        self._made_for: tuple[date, bool] | None = None  # the day, and whether the ledger was read

    def renew(self, config: Config) -> None:
        """Use another configuration; what the disk holds is found anew for it."""
        self._config, self._disk = config, {}
        self._rows, self._all, self._stale = {}, None, set(config.servers)

    def record(self, facts: Mapping[str, ServerFacts], *, anew: bool) -> None:
        """Take what the ledger tells of these servers; `anew`: of the others nothing."""
        if anew:
            self._stale.update(self._facts)
            self._facts = {}
        self._facts.update(facts)
        self._stale.update(facts)

    def follow(self, faces: Mapping[str, RunFace]) -> None:
        """Take the runs that are under way now."""
        self._stale.update(self.faces, faces)
        self.faces = faces

    def find(self, there: Mapping[str, ServerOnDisk]) -> None:
        """Take what the disk holds of these servers."""
        self._disk.update(there)
        self._stale.update(there)

    def lose_disk(self) -> None:
        """Forget what the disk held: it cannot be read."""
        self._stale.update(self._disk)
        self._disk = {}

    def facts(self, server: str) -> ServerFacts:
        return self._facts.get(server, _NOTHING)

    def rows(self, now: datetime, *, read: bool) -> Rows:
        """The rows; the same object as long as none has changed. `read`: the ledger could be read."""
        known = bool(self._facts) or read
        day = now.astimezone().date()
        if (day, known) != self._made_for:
            self._made_for, self._stale = (day, known), set(self._config.servers)
        if self._make(self._stale, now, known=known) or self._all is None:
            self._all = Rows(self._rows[name] for name in self._config.servers)
        self._stale = set()
        return self._all

    def _make(self, servers: Iterable[str], now: datetime, *, known: bool) -> bool:
        """Make these rows anew; whether one is another than before."""
        changed = False
        for name in servers:
            if server := self._config.servers.get(name):
                row = self._row(server, now, known=known)
                if row != self._rows.get(name):
                    self._rows[name], changed = row, True
        return changed

    def _row(self, server: Server, now: datetime, *, known: bool) -> ServerRow:
        facts = self._facts.get(server.name, _NOTHING)
        there = self._disk.get(server.name, _NOWHERE)

        def stands(clock: Clock) -> Standing:
            sop = self._config.sop
            period = sop.files_within if clock is Clock.FILES else sop.databases_within
            if not known and there.newest is None:
                return _UNKNOWN
            good, gone = facts.clocks.get(clock), there.lost.get(clock)
            recorded = gone.good if gone else good.started if good else None
            moments = [moment for moment in (recorded, (there.newest or {}).get(clock)) if moment]
            return standing(max(moments, default=None), period, now)

        def drilled(clock: Clock) -> Standing:
            if not known:
                return _UNKNOWN
            drills = facts.drills.get(clock)
            return standing(drills.proven if drills else None, self._config.drill.within, now)

        return ServerRow(
            server.name,
            server.label,
            files=stands(Clock.FILES) if server.folders else None,
            databases=stands(Clock.DATABASES) if server.database else None,
            last=facts.last,
            run=self.faces.get(server.name),
            weeks=facts.weeks,
            unfinished=there.unfinished,
            drills={
                clock: LastDrill(
                    drill.snapshot,
                    drill.outcome,
                    drill.time,
                    drill.seconds,
                    (now.astimezone().date() - drill.time.astimezone().date()).days,
                    drill.error,
                )
                for clock, drills in facts.drills.items()
                if (drill := drills.last)
            },
            tried_drills={
                clock: TriedDrill(drill.snapshot, drill.outcome, drill.time, drill.error)
                for clock, drills in facts.drills.items()
                if (drill := drills.tried)
            },
            drilled={clock: drilled(clock) for clock in server.clocks},
            damages=tuple(
                one
                for one in facts.damages
                if one.snapshot not in there.gone and one.snapshot not in there.healed
            ),
            why=facts.why,
            coverage=facts.coverage,
            unusual=facts.unusual,
            slow=facts.slow,
            lost={clock: gone.sentence for clock, gone in there.lost.items()},
        )
