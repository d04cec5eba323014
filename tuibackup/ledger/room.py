"""What the published snapshots of each server take on the disk, added up where they are: in the ledger."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tuibackup.ledger.entries import Kind, iso
from tuibackup.ledger.past import PastQueries

# Every server with its newest matching row. The recursion hops from server to server through the index; a
# GROUP BY would read all of it.
EACH_SERVER = """
    WITH RECURSIVE each_server(server) AS (
        SELECT MIN(server) FROM result
        UNION ALL
        SELECT (SELECT MIN(server) FROM result WHERE server > each_server.server)
        FROM each_server WHERE each_server.server IS NOT NULL)
"""
ONE_SERVER = " WITH each_server(server) AS (SELECT :server) "

_BYTES = """
    CASE WHEN JSON_VALID(entry.body) THEN JSON_EXTRACT(entry.body, '$.clocks.' || result.what || '.stored') END
"""
_TAKEN = f"""
    SELECT result.server, result.time >= :since AS newer,
        result.snapshot IN (SELECT value FROM JSON_EACH(:gone)) AS gone,
        MIN(result.time) AS first, COUNT(*) AS number, SUM({_BYTES}) AS bytes
    FROM each_server
    JOIN result ON result.server = each_server.server AND result.what IN ('files', 'databases')
        AND result.snapshot IS NOT NULL
    JOIN entry ON entry.seq = result.seq
    GROUP BY 1, 2, 3
"""  # noqa: S608  fixed parts
# The first download of each server's files.
_BEGUN = f"""
    SELECT result.server, result.time >= :since AS newer, {_BYTES} AS bytes
    FROM each_server
    JOIN result ON result.what = 'files' AND result.seq = (
        SELECT MIN(seq) FROM result WHERE server = each_server.server AND what = 'files' AND snapshot IS NOT NULL)
    JOIN entry ON entry.seq = result.seq
"""  # noqa: S608  fixed parts


class Taken(msgspec.Struct, frozen=True):
    """The published snapshots of a server: when the `first` was recorded, how many were not removed since (`kept`) and
    their bytes; how many came after a given moment, removed or not, and their bytes, without the first of the files.
    """

    first: datetime
    kept: int
    bytes: int
    newer: int
    newer_bytes: int

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            min(self.first, other.first),
            self.kept + other.kept,
            self.bytes + other.bytes,
            self.newer + other.newer,
            self.newer_bytes + other.newer_bytes,
        )


class RoomQueries(PastQueries):
    """The questions about room. All of them raise LedgerError."""

    def _of_servers(self, server: str | None, sql: str, **values: Any) -> Sequence[Any]:
        """The rows of a statement about `each_server`, which is the one where one is named."""
        if server is None:
            return self._rows(EACH_SERVER + sql, **values)
        return self._rows(ONE_SERVER + sql, server=server, **values)

    def taken(self, since: datetime, server: str | None = None) -> Mapping[str, Taken]:
        """What each server's snapshots (or those of the one) take, in one query; servers without any are left out."""
        gone = [spec for specs in self.removed(server).values() for spec in specs]
        found: dict[str, Taken] = {}
        for row in self._of_servers(server, _TAKEN, since=iso(since), gone=json.dumps(gone)):
            there, begun = found.get(row.server), datetime.fromisoformat(row.first)
            number, size = row.number, row.bytes or 0
            more = Taken(
                begun,
                0 if row.gone else number,
                0 if row.gone else size,
                number if row.newer else 0,
                size if row.newer else 0,
            )
            found[row.server] = more if there is None else there + more
        for row in self._of_servers(server, _BEGUN, since=iso(since)):
            if row.newer:
                found[row.server] += Taken(found[row.server].first, 0, 0, -1, -(row.bytes or 0))
        return found

    def removed(self, server: str | None = None) -> Mapping[str, frozenset[str]]:
        """The specs of the snapshots that a rule of retention removed, by server."""
        found: dict[str, set[str]] = {}
        for entry in self.of_kind(Kind.RETENTION, server):
            specs = entry.body.get("removed")
            if isinstance(specs, list):
                found.setdefault(entry.server or "", set()).update(map(str, specs))
        return {name: frozenset(specs) for name, specs in found.items()}

    def freed(self, server: str | None = None) -> Mapping[str, Sequence[tuple[datetime, int]]]:
        """When retention gave back how many bytes, by server."""
        found: dict[str, list[tuple[datetime, int]]] = {}
        for entry in self.of_kind(Kind.RETENTION, server):
            freed = entry.body.get("freed")
            if isinstance(freed, int):
                found.setdefault(entry.server or "", []).append((entry.moment, freed))
        return found
