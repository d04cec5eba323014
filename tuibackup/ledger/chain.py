"""Checks the chain of entries, and that the columns for queries still say what the entries say."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tuibackup.ledger.entries import GENESIS, entry_hash
from tuibackup.ledger.results import ADDED, WHATS, results_of
from tuibackup.words import sentence

_ENOUGH = 100  # problems; after that one line says that there are more
_EVERY = 10_000  # entries between two reports of progress


def check(
    entries: Iterable[Any],
    results: Iterable[Any],
    highest: int,
    on_progress: Callable[[int], None] | None = None,
) -> list[str]:
    """What is wrong, in sentences. Both tables come as rows in order; `highest` is the last number given."""
    problems: list[str] = []
    for problem in _problems(entries, _Results(results), highest, on_progress):
        if len(problems) == _ENOUGH:
            return [*problems, sentence("… and more")]
        problems.append(problem)
    return problems


def _problems(
    entries: Iterable[Any], results: "_Results", highest: int, on_progress: Callable[[int], None] | None
) -> Iterator[str]:
    seq, prev, number = 0, GENESIS, 0
    for number, row in enumerate(entries, 1):
        if row.seq != seq + 1:
            yield _missing(seq + 1, row.seq - 1)
        if row.prev != prev:
            before = sentence("entry {seq}", seq=seq) if seq else sentence("the beginning")
            yield sentence(
                "entry {seq} does not follow {before}: something between them was removed or changed",
                seq=row.seq,
                before=before,
            )
        if (
            entry_hash(
                row.seq, row.time, row.kind, row.operator, row.host, row.server, row.run, row.body, row.prev
            )
            != row.hash
        ):
            yield sentence(
                "entry {seq} ({time}, {kind}) was changed after it was written",
                seq=row.seq,
                time=row.time,
                kind=row.kind,
            )
        yield from results.compare(row)
        seq, prev = row.seq, row.hash
        if on_progress and number % _EVERY == 0:
            on_progress(number)
    if highest > seq:
        yield _missing(seq + 1, highest)
    yield from results.rest()
    if on_progress:
        on_progress(number)


def _missing(first: int, last: int) -> str:
    return (
        sentence("entry {first} is missing", first=first)
        if first == last
        else sentence("entries {first} to {last} are missing", first=first, last=last)
    )


class _Results:
    """The rows of `result`, taken along with the entries they follow from."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def compare(self, entry: Any) -> Iterator[str]:
        """Take the rows up to this entry and say where they differ from it.

        Rows that only a newer version knows (`what`) are passed over: no question of this one reads them. Those that an
        older version did not write are added when somebody opens the ledger for writing.
        """
        yield from self._strays(entry.seq)
        found = []
        while self._next is not None and self._next.seq == entry.seq:
            if self._next.what in WHATS:
                found.append(tuple(self._next))
            self._next = next(self._rows, None)
        if found != _expected(entry) and (found or entry.kind != ADDED):
            yield sentence("entry {seq}: the table result does not say what the entry says", seq=entry.seq)

    def rest(self) -> Iterator[str]:
        """Rows beyond the last entry."""
        yield from self._strays(None)

    def _strays(self, before: int | None) -> Iterator[str]:
        while self._next is not None and (before is None or self._next.seq < before):
            yield sentence(
                "entry {seq}: the table result speaks of it, but it is missing", seq=self._next.seq
            )
            self._next = next(self._rows, None)


def _expected(entry: Any) -> list[tuple[Any, ...]]:
    """The rows that follow from an entry, by the very rule by which they were written."""
    if entry.server is None:
        return []
    try:
        body = json.loads(entry.body)
        results = sorted(results_of(entry.kind, body), key=lambda result: result.what)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return []  # not the JSON we wrote: its hash is wrong too
    return [
        (
            entry.seq, result.what, entry.server, entry.time, result.outcome, result.seconds, result.good,
            result.started, result.snapshot,
        )
        for result in results
    ]  # fmt: skip
