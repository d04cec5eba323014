"""Every question stays fast at a million entries. Times are generous: other work may share the machine."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ledger import million
from tuibackup.ledger import Kind, Ledger
from tuibackup.sop import Clock, Step

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SERVER = "server-050"
KINDS = [kind for kind in Kind if kind not in (Kind.STEP, Kind.NEEDS)]
OLD = million.LAST - timedelta(days=1500)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    path = tmp_path / "ledger.sqlite"
    million.write(path, 1_000_000)
    with Ledger.open(path) as ledger:
        yield ledger


# The question, and how many seconds it may take (measured: a third to a tenth of that).
QUESTIONS: dict[str, tuple[Callable[[Ledger], object], float]] = {
    "clock facts": (lambda ledger: ledger.clock_facts(), 0.05),
    "last runs": (lambda ledger: ledger.last_runs(), 0.05),
    "attempts": (lambda ledger: ledger.attempts(SERVER, Clock.FILES), 0.01),
    "last try": (lambda ledger: ledger.last_try(SERVER, Clock.FILES), 0.01),
    "history": (lambda ledger: ledger.history(SERVER, Step.DUMP), 0.01),
    "weeks": (lambda ledger: ledger.runs_by_week(million.LAST), 0.2),
    "snapshots": (lambda ledger: ledger.snapshots(SERVER), 0.05),
    "first page": (lambda ledger: ledger.log(), 0.05),
    "last page": (lambda ledger: ledger.log(offset=999_000), 0.5),
    "page without steps": (lambda ledger: ledger.log(kinds=KINDS), 0.05),
    "page of a server": (lambda ledger: ledger.log(server=SERVER, kinds=KINDS), 0.1),
    "page since": (lambda ledger: ledger.log(since=OLD, kinds=KINDS), 0.1),
    "page of text": (lambda ledger: ledger.log(text="refused", kinds=KINDS), 0.5),
    "text that is nowhere": (lambda ledger: ledger.log(text="nowhere"), 1.5),
    "count": (lambda ledger: ledger.count(kinds=KINDS), 0.1),
    "count since": (lambda ledger: ledger.count(since=OLD, kinds=KINDS), 0.5),
    "append": (lambda ledger: ledger.append(Kind.NOTE, {}, operator="andi"), 0.2),
}


def test_every_question_is_answered_in_time_and_the_chain_is_whole(ledger: Ledger) -> None:
    slow = {}
    for name, (question, limit) in QUESTIONS.items():
        question(ledger)  # once to warm the cache, as the cockpit does again and again
        begun = time.perf_counter()
        question(ledger)
        if (seconds := time.perf_counter() - begun) > limit:
            slow[name] = f"{seconds:.3f} s, allowed {limit}"
    assert slow == {}
    assert ledger.verify_chain().problems == ()
