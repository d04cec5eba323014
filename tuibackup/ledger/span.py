"""What the ledger tells of a span of time, for reports: when clocks were reset, and where the chain ended."""

from datetime import datetime

from tuibackup.ledger.entries import Entry, Kind, iso
from tuibackup.ledger.log import EACH_KIND, LogQueries, entry_of
from tuibackup.ledger.results import drill_of
from tuibackup.sop import Clock, Outcome, good

# Through the index of servers and kinds; another way would read all of the server's entries.
_FIRST_OF_SERVER = """
    SELECT time FROM entry WHERE seq = (SELECT MIN(number) FROM (
        SELECT (SELECT MIN(seq) FROM entry WHERE server = :server AND kind = each_kind.kind) AS number FROM each_kind))
"""


class SpanQueries(LogQueries):
    """The questions about a span. All of them raise LedgerError."""

    def resets(self, server: str, clock: Clock, since: datetime, until: datetime) -> list[datetime]:
        """When the snapshots began that reset a clock before `until`, the oldest first; of those before `since` the
        last one alone.
        """
        return self._times(
            "SELECT started AS time FROM result WHERE server = :server AND what = :what AND good = 1"
            " AND started < :until",
            since,
            until,
            server=server,
            what=clock.value,
        )

    def proofs(self, server: str, clock: Clock, since: datetime, until: datetime) -> list[datetime]:
        """When drills of a clock's snapshots ended well, likewise."""
        proving = [outcome.value for outcome in Outcome if good(outcome, whole=True)]
        names = {f"outcome{number}": outcome for number, outcome in enumerate(proving)}
        return self._times(
            "SELECT time FROM result WHERE server = :server AND what = :what AND time < :until"  # noqa: S608  names of values
            f" AND outcome IN ({', '.join(':' + name for name in names)})",
            since,
            until,
            server=server,
            what=drill_of(clock),
            **names,
        )

    def _times(self, sql: str, since: datetime, until: datetime, **values: str) -> list[datetime]:
        rows = self._rows(sql, until=iso(until), **values)
        times = sorted(datetime.fromisoformat(row.time) for row in rows if row.time)
        before = sum(time < since for time in times)
        return times[max(0, before - 1) :]

    def last_before(
        self, until: datetime, *, kind: Kind | None = None, without: Kind | None = None
    ) -> Entry | None:
        """The last entry before `until` of a kind, or that is not of a kind."""
        test, named = ("=", kind) if kind else ("<>", without)
        rows = self._rows(
            f"SELECT * FROM entry WHERE time < :until AND +kind {test} :kind ORDER BY seq DESC LIMIT 1",  # noqa: S608  fixed parts
            until=iso(until),
            kind=named.value if named else "",
        )
        return entry_of(rows[0]) if rows else None

    def known_since(self, server: str) -> datetime | None:
        """When the first entry about a server was made."""
        rows = self._rows(EACH_KIND + _FIRST_OF_SERVER, server=server)
        return datetime.fromisoformat(rows[0].time) if rows else None
