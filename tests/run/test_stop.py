import asyncio
from pathlib import Path

import pytest

from tests.run.conftest import ANDI
from tuibackup.config import Config
from tuibackup.errors import UsageError
from tuibackup.run.journal import journal as jr
from tuibackup.run.plan import Plan
from tuibackup.run.process.start import ask_stop
from tuibackup.run.stop import Stop, stop_path


async def test_a_living_run_hears_who_asked_it_to_stop(config: Config, plan: Plan) -> None:
    with jr.Journal.create(config.state, plan.planned()):
        stop = Stop()
        path = stop_path(config.state, plan.run)
        watching = asyncio.create_task(stop.watch(path))
        ask_stop(config, plan.run, ANDI)
        assert await asyncio.wait_for(stop.wait(), 5) == "andi"
        await watching
        assert path.stat().st_mode & 0o077 == 0


def test_a_run_that_does_not_live_cannot_be_stopped(config: Config, plan: Plan) -> None:
    jr.Journal.create(config.state, plan.planned()).close()
    with pytest.raises(UsageError, match=f"no run {plan.run} is under way"):
        ask_stop(config, plan.run, ANDI)
    assert not stop_path(config.state, plan.run).exists()


async def test_an_empty_stop_file_stops_too(tmp_path: Path) -> None:
    path = tmp_path / "run.stop"
    path.touch()
    stop = Stop()
    await asyncio.wait_for(stop.watch(path), 5)
    assert stop.by == "somebody"


async def test_the_first_who_asks_is_the_one_recorded() -> None:
    stop = Stop()
    stop.ask("andi")
    stop.ask("signal SIGTERM")
    assert await stop.wait() == "andi"
