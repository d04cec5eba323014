"""Finds the log's newest entries that match a filter, piece by piece, so that no look takes long in a long ledger."""

from datetime import datetime
from time import monotonic

from tuibackup.ledger.entries import WITHIN_RUNS, Kind
from tuibackup.ledger.log import LogQueries
from tuibackup.overview.logfilter import parse
from tuibackup.overview.logrow import log_row
from tuibackup.overview.picture import LOG_ROWS, LedgerState, LogRow
from tuibackup.overview.told import LogNews
from tuibackup.sop import Outcome
from tuibackup.text import printable

COUNTED = 1000  # matching entries that are counted; beyond, the page only says that there are more
_PIECE = 20_000  # entries that are searched in one go
_BUDGET = 0.15  # seconds of a look


class LogPages:
    """Remembers what was sent, and how far the search for the present filter came."""

    def __init__(self, ledger: LogQueries) -> None:
        self._ledger = ledger
        self._filter: str | None = None  # None: nothing was told
        self._newest = 0  # the highest number that was looked at
        self._next = 0  # where the search goes on, downwards; 0: it is done
        self._told = 0  # rows
        self._matching = 0
        self._total = 0
        self._more = False

    def news(self, text: str) -> LogNews | None:
        """What is new since the last time; None if nothing is."""
        newest = self._ledger.newest()
        anew = text != self._filter or not 0 <= newest - self._newest <= LOG_ROWS
        if not anew and newest == self._newest and not self._next:
            return None
        kinds = [kind for kind in self._ledger.kinds() if kind not in WITHIN_RUNS]
        above: tuple[LogRow, ...] = ()
        if anew:
            # The total was counted before, unless other entries than new ones came or went.
            known = self._filter is not None and 0 <= newest - self._newest <= LOG_ROWS
            self._total = (
                self._total + self._came(newest, kinds) if known else self._ledger.count(kinds=kinds)
            )
            self._filter, self._next, self._told, self._matching, self._more = text, newest, 0, 0, False
        else:
            self._total += self._came(newest, kinds)
            above = self._rows(text, kinds, (self._newest + 1, newest), LOG_ROWS)
            self._matching += len(above)
        self._newest = newest
        below = self._search(text, kinds) if text else self._first(kinds)
        more, state = self._more, self._state()
        return LogNews(text, above, below, self._matching, self._total, bool(self._next), more, anew, state)

    def _state(self) -> LedgerState:
        check, seals = self._ledger.last_check(), self._ledger.log(1, kinds=[Kind.SEAL])
        return LedgerState(
            checked=check.moment if check else None,
            whole=check is None or check.body.get("outcome") != Outcome.FAILED,
            sealed=seals[0].moment if seals else None,
            by=printable(seals[0].operator) if seals else "",
        )

    def _came(self, newest: int, kinds: list[str]) -> int:
        """How many of `kinds` are new."""
        return len(self._ledger.log(LOG_ROWS, kinds=kinds, numbers=(self._newest + 1, newest)))

    def _rows(self, text: str, kinds: list[str], numbers: tuple[int, int], most: int) -> tuple[LogRow, ...]:
        if numbers[0] > numbers[1]:
            return ()
        wanted = parse(text, datetime.now().astimezone())
        found = self._ledger.log(
            most,
            numbers=numbers,
            text=wanted.text,
            server=wanted.server,
            kinds=wanted.kinds or kinds,
            outcome=wanted.outcome,
            since=wanted.since,
            until=wanted.until,
        )
        return tuple(map(log_row, found))

    def _first(self, kinds: list[str]) -> tuple[LogRow, ...]:
        """The page without a filter: the newest entries; all entries match."""
        rows = tuple(map(log_row, self._ledger.log(LOG_ROWS, kinds=kinds))) if self._next else ()
        self._next, self._matching = 0, self._total
        return rows

    def _search(self, text: str, kinds: list[str]) -> tuple[LogRow, ...]:
        """Continue the search for a while; the rows that the page has room for."""
        began = monotonic()
        found: list[LogRow] = []
        while self._next and monotonic() - began < _BUDGET:
            first = max(1, self._next - _PIECE + 1)
            wanted = COUNTED - self._matching
            rows = self._rows(text, kinds, (first, self._next), wanted + 1)
            self._matching += min(len(rows), wanted)
            found += rows[: max(0, LOG_ROWS - self._told)]
            self._told = min(LOG_ROWS, self._told + len(rows))
            self._more = len(rows) > wanted
            self._next = 0 if self._more else first - 1
        return tuple(found)
