"""Runs that died without a word: their journals are as a killed process leaves them, unfinished, unlocked."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.run.conftest import publish, renamed
from tuibackup.config import Config
from tuibackup.ledger.entries import Kind
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.locks import server_lock
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import Plan
from tuibackup.run.process import settled
from tuibackup.run.process.living import active
from tuibackup.run.process.recovery import recover
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Vault


def die(config: Config, plan: Plan) -> None:
    """Begin a run and leave it as `kill -9` does."""
    with jr.Journal.create(config.state, plan.planned()) as journal:
        journal.append(ev.StepStarted(time=ev.now(), run=plan.run, server=plan.server, step=Step.DOWNLOAD))
        os.write(journal.fileno(), b'{"event": "step-progr')


def runs_in_ledger(config: Config) -> list[dict[str, object]]:
    with open_ledger(config) as ledger:
        return [dict(entry.body) for entry in reversed(ledger.log()) if entry.kind == Kind.RUN]


def test_a_dead_run_is_recorded_as_interrupted_once(config: Config, plan: Plan) -> None:
    die(config, plan)
    assert active(config) == []
    assert recover(config) == [plan.run]
    assert recover(config) == []
    finished = jr.last(jr.journal_path(config.state, plan.run))
    assert finished is not None
    assert finished.outcome is Outcome.INTERRUPTED
    assert finished.exit_code == 130
    assert "ended without saying how" in finished.error
    (body,) = runs_in_ledger(config)
    assert body["outcome"] == "interrupted"
    assert {clock: result["outcome"] for clock, result in body["clocks"].items()} == {  # type: ignore[attr-defined]
        "files": "interrupted",
        "databases": "interrupted",
    }


def test_when_many_recover_at_once_one_of_them_records(config: Config, plan: Plan) -> None:
    die(config, plan)
    with ThreadPoolExecutor(8) as pool:
        recorded = [run for runs in pool.map(lambda _: recover(config), range(8)) for run in runs]
    assert recorded == [plan.run]
    assert len(runs_in_ledger(config)) == 1


def test_a_living_run_is_left_alone(config: Config, plan: Plan) -> None:
    with jr.Journal.create(config.state, plan.planned()):
        assert [alive.run for alive in active(config)] == [plan.run]
        assert recover(config) == []
    assert runs_in_ledger(config) == []


def test_what_a_dead_run_had_published_counts(config: Config, plan: Plan) -> None:
    die(config, plan)
    snapshot = publish(config, plan)
    recover(config)
    (body,) = runs_in_ledger(config)
    assert body["outcome"] == "interrupted"
    with open_ledger(config) as ledger:
        facts = ledger.clock_facts()
        assert facts["siakad", Clock.DATABASES].good is not None
        assert facts["siakad", Clock.FILES].good is None
        assert ledger.snapshots("siakad") == {snapshot.spec}


def test_half_made_files_of_a_dead_run_are_swept(config: Config, plan: Plan) -> None:
    die(config, plan)
    incoming = Incoming.create(open_vault(config), plan.server, plan.run, Clock.FILES)
    (incoming.path / "half").write_bytes(b"x")
    recover(config)
    assert not incoming.path.parent.exists()


def test_nothing_is_swept_while_another_run_holds_the_server(config: Config, plan: Plan) -> None:
    die(config, plan)
    vault = open_vault(config)
    incoming = Incoming.create(vault, plan.server, "another", Clock.FILES)
    with server_lock(vault, plan.server, run="another", operator="siti"):
        assert recover(config) == [plan.run]
    assert incoming.path.exists()


def test_a_run_that_died_after_its_ledger_entry_gets_no_second_one(config: Config, plan: Plan) -> None:
    die(config, plan)
    body = {"outcome": "done", "clocks": {"files": {"outcome": "done"}}, "seconds": 7.0, "exit_code": 0}
    with open_ledger(config) as ledger:
        ledger.append(Kind.RUN, body, operator="andi", server=plan.server, run=plan.run)
    recover(config)
    assert len(runs_in_ledger(config)) == 1
    finished = jr.last(jr.journal_path(config.state, plan.run))
    assert finished is not None
    assert (finished.outcome, finished.seconds) == (Outcome.DONE, 7.0)
    assert finished.files == ev.ClockResult(outcome=Outcome.DONE)


def test_a_snapshot_that_the_ledger_lacks_is_recorded(config: Config, plan: Plan) -> None:
    first = publish(config, plan)
    second = publish(config, renamed(plan, "later"), outcome=Outcome.WARNINGS, whole=False)
    recover(config)
    recover(config)
    bodies = runs_in_ledger(config)
    assert [body["late"] for body in bodies] == [True, True]
    with open_ledger(config) as ledger:
        assert ledger.snapshots("siakad") == {first.spec, second.spec}
        assert ledger.clock_facts()["siakad", Clock.DATABASES].snapshot == first.spec
        assert ledger.clock_facts()["siakad", Clock.DATABASES].mark is Outcome.WARNINGS


def test_a_snapshot_of_a_living_run_is_left_to_that_run(config: Config, plan: Plan) -> None:
    publish(config, plan)
    with server_lock(open_vault(config), plan.server, run=plan.run, operator="andi"):
        recover(config)
    assert runs_in_ledger(config) == []


def test_a_vault_that_is_not_there_does_not_keep_the_dead_from_being_recorded(
    config: Config, plan: Plan
) -> None:
    die(config, plan)
    config.vault.path.rename(config.vault.path.with_name("unmounted"))
    assert recover(config) == [plan.run]


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}T013000Z-siakad-4f2a"


def test_old_journals_are_forgotten_by_their_day(config: Config, plan: Plan) -> None:
    old, young = (renamed(plan, days_ago(days)) for days in (100, 80))
    for one in (old, young):
        die(config, one)
    recover(config)
    recover(config)
    assert [path.stem for path in jr.finished_journals(config.state)] == [young.run]
    assert len(runs_in_ledger(config)) == 2


def test_what_a_version_without_the_mark_left_is_put_away_once(config: Config, plan: Plan) -> None:
    """… and what a process left that died between its last line and the move; what is long ago is forgotten."""
    long_ago = time.time() - 100 * 86400
    for days in (1, 2, 3):
        with jr.Journal.create(config.state, renamed(plan, days_ago(days)).planned()) as journal:
            journal.append(how_it_ended(renamed(plan, days_ago(days))))
    os.utime(journal.path, (long_ago, long_ago))
    assert len(jr.journals(config.state)) == 3
    assert recover(config) == []
    assert jr.journals(config.state) == []
    assert [path.stem for path in jr.finished_journals(config.state)] == [days_ago(1), days_ago(2)]
    assert runs_in_ledger(config) == []


def how_it_ended(plan: Plan) -> ev.RunFinished:
    return ev.RunFinished(
        time=ev.now(), run=plan.run, server=plan.server, outcome=Outcome.DONE, seconds=1.0, exit_code=0
    )


def test_a_start_looks_again_only_at_folders_that_changed(
    config: Config, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """… whoever changed them, and at all of them where the ledger is another one; what is gone is not looked for."""
    monkeypatch.setattr(settled, "_TICK_NS", 0)
    listed: list[str] = []
    really = Vault.names

    def counting(self: Vault, server: str, clock: Clock) -> list[str]:
        listed.append(clock)
        return really(self, server, clock)

    first = publish(config, plan)
    recover(config)
    monkeypatch.setattr(Vault, "names", counting)
    recover(config)
    assert listed == []
    with open_ledger(config) as ledger:
        ledger.append(Kind.NOTE, {"text": "the chain goes on"}, operator="andi")
    recover(config)
    assert listed == []
    publish(config, renamed(plan, "by another process"))
    listed.clear()
    recover(config)
    assert listed != []
    assert len(runs_in_ledger(config)) == 2
    listed.clear()
    recover(config)
    assert listed == []
    for path in config.state.glob("ledger.sqlite*"):
        path.unlink()
    recover(config)
    assert len(runs_in_ledger(config)) == 2, "a lost ledger gets them all"
    assert first.path.exists()
