"""The ledger's helper: news folded in one after the other are what all of the ledger tells when it is read anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.tui import pictures
from tuibackup.config import Config
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.overview.picture import LogPage, Rows
from tuibackup.overview.recorded import LedgerLook
from tuibackup.overview.told import LedgerQuestion, ServerFacts

NAMES = ("siakad", "dns1")
OUTCOMES = ("done", "warnings", "failed", "interrupted")

runs = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(OUTCOMES),
    st.integers(0, 120),  # days ago
    st.sets(st.sampled_from(("files", "databases"))),
)


def append(config: Config, entries: list[tuple[str, str, int, set[str]]], number: int) -> None:
    with Ledger.open(config.state / "ledger.sqlite") as ledger:
        for at, (server, outcome, days, clocks) in enumerate(entries):
            began = datetime.now(UTC) - timedelta(days=days)
            clock = {
                "outcome": outcome, "whole": outcome != "failed", "started": began.isoformat(), "detail": "8 files",
                "snapshot": f"{server}/files/x" if outcome != "failed" else "",
            }  # fmt: skip
            body: dict[str, Any] = {
                "outcome": outcome, "seconds": 61.0, "error": "", "clocks": dict.fromkeys(sorted(clocks), clock),
            }  # fmt: skip
            ledger.append(Kind.RUN, body, operator="andi", server=server, run=f"r{number}-{at}", time=began)


class Told:
    """Everything that the answers of one look told."""

    def __init__(self, config: Config) -> None:
        self._look = LedgerLook(config, read_only=False)
        self.facts: dict[str, ServerFacts] = {}
        self.log = LogPage(read=False)

    def ask(self, question: LedgerQuestion) -> None:
        answer = self._look(question)
        self.facts = dict(answer.facts) if answer.anew else self.facts | dict(answer.facts)
        self.log = answer.log.on(self.log) if answer.log else self.log

    def close(self) -> None:
        self._look.close()


@contextmanager
def configured() -> Iterator[Config]:
    with TemporaryDirectory() as name:
        rows = Rows(map(pictures.row, NAMES))
        config = pictures.config(Path(name), replace(pictures.drawn(), rows=rows))
        config.state.mkdir()
        yield config


@settings(max_examples=6, deadline=None)
@given(st.lists(st.lists(runs, max_size=4), min_size=1, max_size=4))
def test_news_one_after_the_other_are_what_the_whole_ledger_tells(
    looks: list[list[tuple[str, str, int, set[str]]]],
) -> None:
    with configured() as config:
        told = Told(config)
        for number, entries in enumerate(looks):
            append(config, entries, number)
            told.ask(LedgerQuestion())
            anew = Told(config)
            anew.ask(LedgerQuestion())
            assert told.facts == anew.facts
            assert told.log == anew.log
            anew.close()
        told.close()
