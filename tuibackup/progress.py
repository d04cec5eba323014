"""How the work layers (`files`, `database`) report: values and one small interface.

`run` turns these into events of the journal; tests collect them in a list. Nothing here does I/O.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec


class Progress(msgspec.Struct, frozen=True):
    """How far a step is. Totals are None while not yet known: then no bar is drawn.

    `unit` says what `items` counts: "files", "tables", "databases". `to`: which of several places, all of which are
    busy now; "" where there is one.
    """

    items: int
    items_total: int | None
    bytes: int
    bytes_total: int | None
    current: str = ""
    unit: str = "files"
    to: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was not as it should be, with what it concerns and why it matters.

    `subject` is a path, database or table as printable text; `reason` a short sentence with the way out.
    `mark` is True where the finding keeps the clock from being reset: a folder that is missing, empty or
    halved, a database that is not whole.
    """

    subject: str
    reason: str
    mark: bool = False


class Reporter(Protocol):
    """Where a step reports while it works. Calls are cheap and never block."""

    def progress(self, progress: Progress) -> None:
        """The newest state; called as often as convenient, at most some ten times a second."""

    def finding(self, finding: Finding) -> None:
        """Something that makes the outcome *warnings*."""

    def output(self, line: str) -> None:
        """A line for the dump pane and the log's tail: what the step is doing now."""


OnProgress = Callable[[Progress], None]  # who is told how far something is
