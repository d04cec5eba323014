"""The log: entries of the ledger as they stand there, found by server, time, kind or any text."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from tuibackup.ledger.entries import Entry, Kind, canonical, iso, line
from tuibackup.ledger.witness import Head
from tuibackup.parts import read_parts
from tuibackup.words import sentence

# Entries that are read in one go where all are wanted: no more are held, and nobody is kept waiting.
_AT_ONCE = 500
_ENDLESS = 2**63 - 1  # no entry has a higher number
_SEALS = 200  # seals that are looked through for the newest of each key
# Of all entries since then; with a plain `seq` SQLite would look through the table, and not into the index of times.
_LOWEST = "SELECT MIN(+seq) AS seq FROM entry WHERE time >= :moment"
_FIRST_SINCE = """
    SELECT MIN(seq) AS seq FROM (SELECT seq FROM entry WHERE time >= :moment ORDER BY time LIMIT 10000)
"""
_LAST_UNTIL = """
    SELECT MAX(seq) AS seq FROM (SELECT seq FROM entry WHERE time < :moment ORDER BY time DESC LIMIT 10000)
"""
# From kind to kind through the index.
EACH_KIND = """
    WITH RECURSIVE each_kind(kind) AS (
        SELECT MIN(kind) FROM entry
        UNION ALL
        SELECT (SELECT MIN(kind) FROM entry WHERE kind > each_kind.kind)
        FROM each_kind WHERE each_kind.kind IS NOT NULL)
"""
_KINDS = "SELECT kind FROM each_kind WHERE kind IS NOT NULL"


class Row(Protocol):
    """A row of an answer: its columns are attributes."""

    def __getattr__(self, name: str) -> Any: ...


class LogQueries:
    """The questions about entries. All of them raise LedgerError."""

    def _rows(self, sql: str, **values: Any) -> Sequence[Any]:
        raise NotImplementedError

    def log(
        self,
        limit: int = 500,
        offset: int = 0,
        *,
        server: str | None = None,
        since: datetime | None = None,
        text: str = "",
        kinds: Collection[str] = (),
        numbers: tuple[int, int] | None = None,
        until: datetime | None = None,
        outcome: str = "",
    ) -> list[Entry]:
        """Entries, the newest first. `text` is looked for everywhere, in either case; no `kinds`: all.

        `numbers`: only among those from the one to the other; `until`: written before that moment.
        """
        if server is not None and not kinds:
            kinds = self.kinds()
        numbers = self._within(numbers, since, until)
        where, values = _filter(server, since, text, (), numbers, until=until, outcome=outcome)
        page = f"SELECT * FROM entry {where} ORDER BY seq DESC LIMIT :limit OFFSET :offset"  # noqa: S608  fixed parts
        if kinds:
            each, named = _of_each(kinds, where)
            page = f"SELECT * FROM entry WHERE seq IN ({each}) ORDER BY seq DESC LIMIT :limit OFFSET :offset"  # noqa: S608
            values |= named | {"most": limit + offset}
        rows = self._rows(page, limit=limit, offset=offset, **values)
        return [entry_of(row) for row in rows]

    def count(
        self,
        *,
        server: str | None = None,
        since: datetime | None = None,
        text: str = "",
        kinds: Collection[str] = (),
    ) -> int:
        """How many entries `log` would find without a limit."""
        where, values = _filter(server, since, text, kinds)
        rows = self._rows(f"SELECT COUNT(*) AS number FROM entry {where}", **values)  # noqa: S608  fixed parts
        return int(rows[0].number)

    def entries(
        self,
        *,
        after: int = 0,
        server: str | None = None,
        since: datetime | None = None,
        kinds: Collection[str] = (),
    ) -> Iterator[Entry]:
        """Every entry after number `after`, the oldest first, read as they are taken: a ledger of any length."""
        newest, after = self._from(after, since)
        while after < newest:
            where, values = _filter(server, since, "", kinds, (after + 1, newest), by_number=True)
            rows = self._rows(
                f"SELECT * FROM entry {where} ORDER BY seq LIMIT :most",  # noqa: S608  fixed parts
                most=_AT_ONCE,
                **values,
            )
            yield from map(entry_of, rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].seq

    def _from(self, after: int, since: datetime | None) -> tuple[int, int]:
        """The number of the newest entry, and the one after which those begin that are wanted."""
        newest = self.newest()
        if since is not None:
            lowest = self._number(_LOWEST, since)
            after = max(after, newest if lowest is None else lowest - 1)
        return newest, after

    def _within(
        self, numbers: tuple[int, int] | None, since: datetime | None, until: datetime | None
    ) -> tuple[int, int] | None:
        """Those of the numbers between which there may be entries of that time; None: all.

        Numbers rise with the time, but where a clock was put back: the nearest entries tell, and so many are looked at
        that one has to be put back by 10,000 entries to hide some.
        """
        first, last = numbers or (1, _ENDLESS)
        if since is not None:
            lowest = self._number(_FIRST_SINCE, since)
            first = max(first, _ENDLESS if lowest is None else lowest)
        if until is not None:
            last = min(last, self._number(_LAST_UNTIL, until) or 0)
        return None if (first, last) == (1, _ENDLESS) else (first, last)

    def _number(self, sql: str, moment: datetime) -> int | None:
        (row,) = self._rows(sql, moment=iso(moment))
        number: int | None = row.seq
        return number

    def of_kind(self, kind: Kind, server: str | None = None) -> list[Entry]:
        """Every entry of a kind (about one server), the oldest first, through the index: for kinds that are rare."""
        where, values = _filter(server, None, "", [kind])
        return [entry_of(row) for row in self._rows(f"SELECT * FROM entry {where} ORDER BY seq", **values)]  # noqa: S608  fixed parts

    def newest(self) -> int:
        """The number of the newest entry; 0 where there is none."""
        (row,) = self._rows("SELECT MAX(seq) AS seq FROM entry")
        return int(row.seq or 0)

    def head(self) -> Head:
        """The newest entry's number and hash."""
        rows = self._rows("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1")
        return Head(rows[0].seq, str(rows[0].hash)) if rows else Head()

    def kinds(self) -> list[str]:
        """The kinds of entries that there are, also those that only a newer version knows."""
        return [row.kind for row in self._rows(EACH_KIND + _KINDS)]

    def newer(self) -> int:
        """How many entries are of kinds that only a newer version of this program knows."""
        unknown = [kind for kind in self.kinds() if kind not in list(Kind)]
        return self.count(kinds=unknown) if unknown else 0

    def of_run(self, run: str) -> list[Entry]:
        """Everything recorded of one run, in order."""
        return [
            entry_of(row) for row in self._rows("SELECT * FROM entry WHERE run = :run ORDER BY seq", run=run)
        ]

    def lines(self, after: int = 0, *, since: datetime | None = None) -> Iterator[tuple[int, str]]:
        """Every entry after number `after` as a line of an export (`entries.line`), with its number."""
        newest, after = self._from(after, since)
        while after < newest:
            rows = self._rows(
                "SELECT * FROM entry WHERE seq > :after AND seq <= :newest ORDER BY seq LIMIT :most",
                after=after,
                newest=newest,
                most=_AT_ONCE,
            )
            if not rows:
                return
            yield from ((row.seq, line(row)) for row in rows)
            after = rows[-1].seq

    def hashes(self, numbers: Collection[int]) -> Mapping[int, str]:
        """The hashes of the entries with these numbers, as many as are there."""
        wanted = sorted(numbers)
        found: dict[int, str] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            listed = ", ".join(str(int(number)) for number in wanted[start : start + _AT_ONCE])
            rows = self._rows(f"SELECT seq, hash FROM entry WHERE seq IN ({listed})")  # noqa: S608  numbers
            found.update((row.seq, str(row.hash)) for row in rows)
        return found

    def last_check(self) -> Entry | None:
        """The entry of the newest check of the ledger itself; None where nobody has checked it."""
        rows = self._rows(
            "SELECT * FROM entry WHERE server IS NULL AND kind = :kind ORDER BY seq DESC LIMIT 1",
            kind=Kind.VERIFY.value,
        )
        return entry_of(rows[0]) if rows else None

    def last_seals(self) -> list[Entry]:
        """The newest seals, the newest first, one by each key among the last ones."""
        newest: dict[str, Entry] = {}
        for entry in self.log(_SEALS, kinds=[Kind.SEAL]):
            newest.setdefault(str(entry.body.get("key")), entry)
        return list(newest.values())

    def hash_of(self, seq: int) -> str:
        """The hash of an entry by its number; "" where there is none."""
        rows = self._rows("SELECT hash FROM entry WHERE seq = :seq", seq=seq)
        return str(rows[0].hash) if rows else ""


def entry_of(row: Row) -> Entry:
    """An entry from its row."""
    return Entry(
        seq=row.seq,
        time=row.time,
        kind=row.kind,
        operator=row.operator,
        host=row.host,
        server=row.server,
        run=row.run,
        body=body_of(row.body),
        prev=row.prev,
        hash=row.hash,
    )


def body_of(text: Any) -> Mapping[str, Any]:
    """An entry's body. What somebody has changed is still shown: `check` and `verify_chain` say what is wrong."""
    try:
        body = json.loads(text)
    except (ValueError, TypeError):
        body = None
    return (
        read_parts(body)
        if isinstance(body, dict)
        else {"error": sentence("this entry was changed after it was written")}
    )


def _filter(
    server: str | None,
    since: datetime | None,
    text: str,
    kinds: Collection[str],
    numbers: tuple[int, int] | None = None,
    *,
    by_number: bool = False,
    until: datetime | None = None,
    outcome: str = "",
) -> tuple[str, dict[str, Any]]:
    """`by_number`: the rows are to be read in their order; through an index of a column they would be sorted first.
    `numbers` do what the index of times would.
    """
    parts: list[str] = []
    values: dict[str, Any] = {}
    column = "+" if by_number else ""
    time = "+time" if by_number or numbers is not None else "time"
    if numbers is not None:
        parts.append("seq BETWEEN :first AND :last")
        values["first"], values["last"] = numbers
    if server is not None:
        parts.append(f"{column}server = :server")
        values["server"] = server
    if since is not None:
        parts.append(f"{time} >= :since")
        values["since"] = iso(since)
    if until is not None:
        parts.append(f"{time} < :until")
        values["until"] = iso(until)
    if outcome:
        parts.append("JSON_EXTRACT(CASE WHEN JSON_VALID(body) THEN body END, '$.outcome') = :outcome")
        values["outcome"] = outcome
    if kinds:
        names = {f"kind{number}": str(kind) for number, kind in enumerate(kinds)}
        parts.append(f"{column}kind IN ({', '.join(':' + name for name in names)})")
        values |= names
    if text:
        columns = ("operator", "host", "server", "run", "kind")
        likes = [f"{column} LIKE :text ESCAPE '|'" for column in columns]
        parts.append("(" + " OR ".join((*likes, "body LIKE :json ESCAPE '|'")) + ")")
        # In the body quotes, backslashes and control characters stand as JSON writes them.
        values |= {"text": _pattern(text), "json": _pattern(canonical(text)[1:-1])}
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _of_each(kinds: Collection[str], where: str) -> tuple[str, dict[str, Any]]:
    """The numbers of the newest `:most` entries of each kind that fit, and the values that this needs.

    Of one kind the newest are found through an index, however many there are; of several at once all would be sorted.
    """
    names = {f"each{number}": str(kind) for number, kind in enumerate(kinds)}
    begin = f"{where} AND" if where else "WHERE"
    parts = [
        f"SELECT seq FROM (SELECT seq FROM entry {begin} kind = :{name} ORDER BY seq DESC LIMIT :most)"  # noqa: S608  fixed parts
        for name in names
    ]
    return " UNION ALL ".join(parts), names


def _pattern(text: str) -> str:
    return "%" + text.replace("|", "||").replace("%", "|%").replace("_", "|_") + "%"
