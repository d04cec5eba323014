"""The append-only record of everything done. Its entries form a hash chain; every query is fast at a million.

`store` opens, appends and checks; `queries` answers; `entries` defines an entry and its hash; `results` says
what follows from it, `schema` holds the tables.
"""

from tuibackup.ledger.entries import Entry, Kind
from tuibackup.ledger.facts import ClockFact, RunFact
from tuibackup.ledger.store import Ledger

__all__ = ["ClockFact", "Entry", "Kind", "Ledger", "RunFact"]
