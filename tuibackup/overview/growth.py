"""What a month adds to the backup disk, worked out by the ledger's helper: a few servers a look, and then only those
with new entries, so that no picture waits for a long history.
"""

from collections.abc import Iterable
from datetime import datetime
from time import monotonic

from tuibackup.ledger.queries import Queries
from tuibackup.overview.room import growth_of, room_of

_BUDGET = 0.01  # seconds of a look, in which at least one server is done


class Growth:
    """Of these servers, together."""

    def __init__(self, ledger: Queries, servers: Iterable[str]) -> None:
        self._ledger = ledger
        self._owed = dict.fromkeys(servers)
        self._known: dict[str, float] = dict.fromkeys(self._owed, 0.0)
        self._told = True  # whether what is known went out

    def changed(self, servers: Iterable[str]) -> None:
        """These have new entries."""
        self._owed.update((server, None) for server in servers if server in self._known)

    def news(self, now: datetime) -> float | None:
        """Bytes a month, once all are known; None where nothing is new. Raises LedgerError."""
        until = monotonic() + _BUDGET
        while self._owed and monotonic() < until:
            server = next(iter(self._owed))
            self._known[server] = growth_of(room_of(self._ledger, [server], now))
            del self._owed[server]
            self._told = False
        if self._owed or self._told:
            return None
        self._told = True
        return sum(self._known.values())
