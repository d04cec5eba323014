"""Runs that are stopped, cancelled or lose their connection: what is recorded, and what stays whole."""

import asyncio
import os
import threading

import pytest

from tests.run.conftest import Site, database_table
from tests.run.whole import entries, no_leftovers, run, until
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.errors import BusyError, ConnectError
from tuibackup.run import engine
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.locks import server_lock, take_slot
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.process.recovery import recover
from tuibackup.run.stop import Stop
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.verify import verify


async def test_a_stop_in_the_middle_is_recorded_with_who_asked(site: Site) -> None:
    (site.www / "big").write_bytes(os.urandom(60 << 20))
    config = site.configure()
    stop = Stop()

    async def stop_in_step_2() -> None:
        await until(lambda: list(config.vault.path.glob("siakad/.incoming-*")))
        stop.ask("siti")

    stopping = asyncio.create_task(stop_in_step_2())
    told = await asyncio.wait_for(run(config, stop=stop), 30)
    await stopping
    assert told.finished.outcome is Outcome.INTERRUPTED
    assert told.finished.exit_code == 130
    assert told.finished.error.startswith("stopped by siti; ")
    assert told.view.steps[Step.DOWNLOAD].outcome is Outcome.INTERRUPTED
    assert entries(config, told)[-1].body["outcome"] == "interrupted"
    assert no_leftovers(config)
    assert (await run(config)).finished.outcome is Outcome.DONE


async def test_a_snapshot_that_is_moved_after_the_stopped_run_gave_up_waiting_is_left_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may take longer than a run waits: until its thread is done nobody may sweep, and it counts later."""
    config, stop = site.configure(), Stop()
    moving, go = threading.Event(), threading.Event()
    move = Incoming._move  # the moment to stop in

    def slowly(place: Incoming, name: str) -> Snapshot:
        moving.set()
        assert go.wait(30)
        return move(place, name)

    monkeypatch.setattr(Incoming, "_move", slowly)
    monkeypatch.setattr(engine, "_TIDY_SECONDS", 0.2)
    running = asyncio.create_task(run(config, stop=stop))
    await until(moving.is_set)
    stop.ask("siti")
    told = await asyncio.wait_for(running, 20)
    assert told.finished.outcome is Outcome.INTERRUPTED
    vault = open_vault(config)
    with pytest.raises(BusyError), server_lock(vault, "siakad", run="other", operator="andi"):
        pass
    recover(config)
    assert list(vault.snapshots("siakad")) == []
    go.set()
    await until(lambda: vault.latest("siakad", Clock.FILES) is not None and no_leftovers(config))
    snapshot = vault.latest("siakad", Clock.FILES)
    assert snapshot is not None
    assert verify(snapshot).ok

    def recorded() -> bool:
        recover(config)  # once its thread has given the lock back
        with open_ledger(config) as ledger:
            return ledger.snapshots("siakad") == {snapshot.spec}

    await until(recorded)


async def test_what_a_server_says_without_end_does_not_hide_that_the_run_has_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> str:
        raise ConnectError("siakad: the server says: " + "no " * 100_000)

    monkeypatch.setattr(engine, "connect", refused)
    config = site.configure()
    told = await run(config)
    assert told.finished.error.startswith("siakad: the server says: no no")
    (path,) = jr.finished_journals(config.state)
    assert jr.last(path) == told.finished
    assert recover(config) == []


@pytest.mark.long
async def test_a_connection_cut_in_the_middle_is_made_again(own_site: Site) -> None:
    (own_site.www / "big").write_bytes(os.urandom(60 << 20))
    config = own_site.configure()

    async def cut_in_step_2() -> None:
        await until(lambda: list(config.vault.path.glob("siakad/.incoming-*/files/*.tar.zst")))
        own_site.sshd.cut_connections()

    cutting = asyncio.create_task(cut_in_step_2())
    told = await asyncio.wait_for(run(config), 60)
    await cutting
    assert told.finished.outcome is Outcome.DONE, told.finished
    assert "reconnected once" in told.view.steps[Step.DOWNLOAD].detail
    assert "reconnected once" in entries(config, told)[-1].body["clocks"]["files"]["detail"]
    assert no_leftovers(config)


async def test_a_run_without_a_slot_waits_and_can_be_stopped_there(site: Site) -> None:
    config = site.configure(parallel=1)
    held = take_slot(config.state, 1)
    assert held is not None
    stop = Stop()
    running = asyncio.create_task(run(config, stop=stop))
    path = config.state / "runs"
    await until(lambda: any(b'"slot"' in one.read_bytes() for one in path.glob("*.jsonl")))
    stop.ask("siti")
    told = await asyncio.wait_for(running, 10)
    assert told.finished.outcome is Outcome.INTERRUPTED
    running = asyncio.create_task(run(config))
    await until(lambda: any(b'"slot"' in one.read_bytes() for one in path.glob("*.jsonl")))
    await asyncio.sleep(0.2)
    assert not running.done()
    os.close(held)
    told = await asyncio.wait_for(running, 30)
    assert told.finished.outcome is Outcome.DONE, told.finished.error
    assert "connected again" not in told.view.notes, "nothing was lost"
    assert [event.reason for event in told.of(ev.RunWaiting)][-1] == "slot"  # type: ignore[attr-defined]


async def test_a_cancelled_run_is_recorded_before_it_goes(site: Site) -> None:
    (site.www / "big").write_bytes(os.urandom(30 << 20))
    config = site.configure()
    running = asyncio.create_task(run(config))
    await until(lambda: list(config.vault.path.glob("siakad/.incoming-*")))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (path,) = jr.finished_journals(config.state)
    finished = jr.last(path)
    assert finished is not None
    assert finished.outcome is Outcome.INTERRUPTED
    assert no_leftovers(config)


@pytest.mark.long
async def test_a_connection_lost_for_good_in_step_2_does_not_keep_the_databases_from_being_stored(
    own_site: Site, databases: PrivateMariadb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuibackup.files.lasting._FRUITLESS", -1)
    (own_site.www / "big").write_bytes(os.urandom(60 << 20))
    config = own_site.configure(own_site.table(more=database_table(databases)))

    async def cut_in_step_2() -> None:
        await until(lambda: list(config.vault.path.glob("siakad/.incoming-*/files/*.tar.zst")))
        own_site.sshd.cut_connections()

    cutting = asyncio.create_task(cut_in_step_2())
    told = await asyncio.wait_for(run(config), 60)
    await cutting
    assert told.finished.exit_code == 130
    assert told.finished.error.startswith("connection to siakad lost "), "the first cause"
    assert "during step 2 after " in told.finished.error
    assert "; the next run " in told.finished.error
    assert told.finished.files is not None
    assert told.finished.files.outcome is Outcome.INTERRUPTED
    assert told.finished.databases is not None
    assert told.finished.databases.outcome is Outcome.DONE, told.finished
    assert "connected again" in told.view.notes


@pytest.mark.long
async def test_a_server_that_goes_away_in_step_2_fails_the_databases_in_their_own_words(
    own_site: Site, databases: PrivateMariadb
) -> None:
    (own_site.www / "big").write_bytes(os.urandom(60 << 20))
    config = own_site.configure(own_site.table(more=database_table(databases)), connect_within="2 seconds")

    async def end_in_step_2() -> None:
        await until(lambda: list(config.vault.path.glob("siakad/.incoming-*/files/*.tar.zst")))
        await asyncio.to_thread(own_site.sshd.stop)

    ending = asyncio.create_task(end_in_step_2())
    told = await asyncio.wait_for(run(config), 60)
    await ending
    assert told.finished.outcome is Outcome.FAILED
    assert told.finished.error.startswith("connection to siakad lost, tried "), "the first cause"
    assert told.finished.databases is not None
    assert "refused; is sshd running there?" in told.finished.databases.detail
    assert entries(config, told)[-1].body["clocks"]["databases"]["outcome"] == "failed"
