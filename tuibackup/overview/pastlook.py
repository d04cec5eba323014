"""Answers in a helper what the cockpit asks about a server's past: from the ledger, and from journals of runs."""

from datetime import UTC, datetime

import msgspec

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.ledger.store import Ledger
from tuibackup.overview import past
from tuibackup.overview.asked import (
    LINES,
    Lines,
    OutputQuestion,
    PageQuestion,
    PastQuestion,
    Wanted,
)
from tuibackup.overview.copies import copies_of
from tuibackup.overview.helper import Fault
from tuibackup.overview.output import said_by
from tuibackup.overview.three_two_one import three_two_one
from tuibackup.run.places import look_into_ledger
from tuibackup.words import use_language

Question = PastQuestion | PageQuestion | OutputQuestion
Answer = (
    past.Past
    | past.Listed[past.SnapshotLine]
    | past.Listed[past.RunLine]
    | past.Listed[past.NoteLine]
    | Lines
)
_PATIENCE = 1.0  # seconds to wait for another process that holds the ledger


class PastLook:
    """Answers by `config`; see `Helper`."""

    def __init__(self, config: Config, *, read_only: bool) -> None:
        use_language(config.language)
        self._config = config
        self._read_only = read_only
        self._ledger: Ledger | None = None
        self._output: tuple[tuple[str, int], list[tuple[str, str]]] | None = (
            None  # of which run, in which room
        )

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()

    def __call__(self, question: Question) -> "Answer | Fault":
        try:
            match question:
                case PastQuestion():
                    return self._past(question.server, datetime.now(UTC))
                case PageQuestion():
                    return self._page(question.server, question.wanted, question.offset)
                case OutputQuestion():
                    return self._lines(question)
        except TuibackupError as error:
            return Fault(str(error))

    def _past(self, server: str, now: datetime) -> past.Past:
        found = past.past(self._opened(), server, now)
        rule = three_two_one(self._config, self._opened(), server, now)
        copies = copies_of(self._config, self._opened(), server)
        return msgspec.structs.replace(found, rule=rule, copies=copies)

    def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger, _fault = look_into_ledger(
                self._config, read_only=self._read_only, patience=_PATIENCE
            )
        return self._ledger

    def _page(
        self, server: str, wanted: Wanted, offset: int
    ) -> "past.Listed[past.SnapshotLine] | past.Listed[past.RunLine] | past.Listed[past.NoteLine]":
        match wanted:
            case "snapshots":
                return past.snapshots(self._opened(), server, past.PAGE, offset)
            case "runs":
                return past.runs(self._opened(), server, past.PAGE, offset)
            case "notes":
                return past.notes(self._opened(), server, past.PAGE, offset)

    def _lines(self, question: OutputQuestion) -> Lines:
        of = question.run, question.room
        if self._output is None or self._output[0] != of or question.offset == 0:
            self._output = of, said_by(self._config, self._opened(), question.run, question.room)
        lines = self._output[1]
        wanted = question.text.casefold()
        found = [line for line in lines if wanted in line[1].casefold()] if wanted else lines
        shown = tuple(found[question.offset : question.offset + LINES])
        return Lines(question.text, question.offset, len(found), len(lines), shown)
