"""Checks the chain of entries, and that the columns for queries still say what the entries say."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from tuibackup.ledger.entries import entry_hash
from tuibackup.ledger.results import ADDED, WHATS, results_of
from tuibackup.ledger.witness import Head
from tuibackup.text import printable
from tuibackup.words import sentence

ENOUGH = 100  # problems; after that one line says that there are more
_EVERY = 10_000  # entries between two reports of progress

# changed: not as it was written; missing; unlinked: does not follow the one before it; columns: the table `result`
# tells something else; other: not the one that a witness knows; seal: a seal that is none; file: SQLite's own.
What = Literal["changed", "missing", "unlinked", "columns", "other", "seal", "snapshot", "file", "more"]


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong: with which entry (the first of several; 0: with none in particular), and what."""

    entry: int
    what: What
    text: str


class Checked(msgspec.Struct, frozen=True):
    """The chain as it was read: how many entries, the last of them, and what is wrong, at most ENOUGH and a word."""

    entries: int
    head: Head
    problems: tuple[Problem, ...]


class Check:
    """One reading of the chain. Both tables come as rows in order; `highest` is the last number that was given."""

    def __init__(
        self,
        entries: Iterable[Any],
        results: Iterable[Any],
        highest: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self.read = 0
        self.head = Head()
        self._entries = entries
        self._results = _Results(results)
        self._highest = highest
        self._on_progress = on_progress

    def problems(self) -> Iterator[Problem]:
        """What is wrong, in the order of the entries."""
        for row in self._entries:
            yield from self._of_entry(row)
            self.head = Head(row.seq, row.hash)
            self.read += 1
            if self._on_progress and self.read % _EVERY == 0:
                self._on_progress(self.read)
        if self._highest > self.head.seq:
            yield missing(self.head.seq + 1, self._highest)
        yield from self._results.rest()
        if self._on_progress:
            self._on_progress(self.read)

    def _of_entry(self, row: Any) -> Iterator[Problem]:
        seq, prev = self.head.seq, self.head.hash
        if row.seq != seq + 1:
            yield missing(seq + 1, row.seq - 1)
        if row.prev != prev:
            before = sentence("entry {seq}", seq=str(seq)) if seq else sentence("the beginning")
            text = sentence(
                "entry {seq} does not follow {before}: something between them was removed or changed",
                seq=str(row.seq),
                before=before,
            )
            yield Problem(row.seq, "unlinked", text)
        if not _as_written(row):
            text = sentence(
                "entry {seq} ({time}, {kind}) was changed after it was written",
                seq=str(row.seq),
                time=printable(str(row.time)),
                kind=printable(str(row.kind)),
            )
            yield Problem(row.seq, "changed", text)
        yield from self._results.compare(row)


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first of them, each once; where there are more, a word that says so."""
    found: list[Problem] = []
    for problem in problems:
        if problem in found:
            continue
        if len(found) == ENOUGH:
            return (*found, Problem(0, "more", sentence("… and more")))
        found.append(problem)
    return tuple(found)


def missing(first: int, last: int) -> Problem:
    """Entries that are not there."""
    text = (
        sentence("entry {first} is missing", first=str(first))
        if first == last
        else sentence("entries {first} to {last} are missing", first=str(first), last=str(last))
    )
    return Problem(first, "missing", text)


def _as_written(row: Any) -> bool:
    try:
        found = entry_hash(
            row.seq, row.time, row.kind, row.operator, row.host, row.server, row.run, row.body, row.prev
        )
    except (TypeError, ValueError):  # no text any more: bytes, or half a character
        return False
    return bool(found == row.hash)


class _Results:
    """The rows of `result`, taken along with the entries they follow from."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = iter(rows)
        self._begun = False
        self._next: Any = None

    def compare(self, entry: Any) -> Iterator[Problem]:
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
            text = sentence(
                "entry {seq}: the table result does not say what the entry says", seq=str(entry.seq)
            )
            yield Problem(entry.seq, "columns", text)

    def rest(self) -> Iterator[Problem]:
        """Rows beyond the last entry."""
        yield from self._strays(None)

    def _strays(self, before: int | None) -> Iterator[Problem]:
        if not self._begun:
            self._begun, self._next = True, next(self._rows, None)
        while self._next is not None and (before is None or self._next.seq < before):
            text = sentence(
                "entry {seq}: the table result speaks of it, but it is missing", seq=str(self._next.seq)
            )
            yield Problem(self._next.seq, "columns", text)
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
