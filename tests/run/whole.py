"""Carry out a run in this process, and read what it told, recorded and left."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.run.conftest import ANDI
from tuibackup.config import Config
from tuibackup.ledger.entries import Entry
from tuibackup.run.engine import back_up
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.journal.view import RunView
from tuibackup.run.places import open_ledger
from tuibackup.run.plan import Plan, make_plans, wants
from tuibackup.run.questions import RunAnswers
from tuibackup.run.stop import Stop
from tuibackup.sop import Clock


class Told:
    """A run that was carried out: its last event, its journal, its plan."""

    def __init__(self, finished: ev.RunFinished, plan: Plan, path: Path) -> None:
        self.finished = finished
        self.plan = plan
        with jr.JournalReader(path) as reader:
            self.events = list(reader.poll())
        self.view = RunView(plan.run, plan.server)
        for event in self.events:
            self.view = self.view.apply(event)

    def of(self, kind: type[ev.Event]) -> list[ev.Event]:
        return [event for event in self.events if isinstance(event, kind)]


async def run(
    config: Config, only: Clock | None = None, *, answers: RunAnswers | None = None, stop: Stop | None = None
) -> Told:
    (plan,) = make_plans(config, wants(config, ["siakad"], only), full=False, operator=ANDI)
    with jr.Journal.create(config.state, plan.planned()) as journal:
        finished = await back_up(plan, config, journal=journal, answers=answers, stop=stop)
    told = Told(finished, plan, journal.path)
    assert told.events[-1] == finished, "the journal ends as the run did"
    return told


def entries(config: Config, told: Told) -> list[Entry]:
    with open_ledger(config) as ledger:
        assert ledger.verify_chain().problems == ()
        return ledger.of_run(told.plan.run)


async def until(happened: Callable[[], object]) -> None:
    """Wait for something that shows on the disk."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110  # a disk has no event to wait for
            await asyncio.sleep(0.01)


def no_leftovers(config: Config) -> bool:
    return not list(config.vault.path.glob("*/.incoming-*"))
