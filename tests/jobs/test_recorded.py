"""Jobs without any face: a plan that can be shown, a result, and one entry of the ledger, however it ended."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError, TuibackupError, UsageError, VaultError
from tuibackup.jobs.drill.drill import drill, plan_drill
from tuibackup.jobs.recorder import MOST, Recorder
from tuibackup.jobs.restore.database import restore_into_database
from tuibackup.jobs.restore.folder import restore_to_folder
from tuibackup.jobs.restore.plan import plan_database, plan_folder
from tuibackup.jobs.verify import plan_verify, verify
from tuibackup.ledger.entries import Entry
from tuibackup.progress import Progress
from tuibackup.remote.questions import NoAnswers
from tuibackup.run.places import open_ledger
from tuibackup.sop import Outcome

FILES, DATABASES = "siakad/files/latest", "siakad/databases/latest"


def entries(config: Config) -> list[Entry]:
    """The oldest first."""
    with open_ledger(config) as ledger:
        return list(reversed(ledger.log(100)))


def silent(_progress: Progress) -> None:
    pass


def test_verify_takes_all_of_a_server_and_records_each(config: Config, recorder: Recorder) -> None:
    plans = list(plan_verify(config, "siakad"))
    assert [plan.snapshot.clock for plan in plans] == ["files", "databases"]
    assert all(plan.bytes for plan in plans), "how much there is to read"
    done = [verify(plan, recorder, silent) for plan in plans]
    assert [one.outcome for one in done] == [Outcome.DONE, Outcome.DONE]
    assert [one.not_recorded for one in done] == [None, None]
    told = entries(config)
    assert [(entry.kind, entry.server, entry.operator) for entry in told] == [
        ("verify", "siakad", "siti")
    ] * 2
    assert [entry.body["snapshot"] for entry in told] == [plan.snapshot.spec for plan in plans]
    assert told[0].body["operator"]["client"] == "10.0.0.7"
    json.dumps([one.document() for one in done])


def test_what_a_restore_left_out_is_a_warning_and_counted(
    config: Config, recorder: Recorder, tmp_path: Path
) -> None:
    target = tmp_path / "back"
    plan = plan_folder(config, FILES, target)
    assert plan.amount() == (2, 406), "files and bytes"
    assert restore_to_folder(plan, recorder, silent).outcome is Outcome.DONE
    next(target.rglob("index.php")).write_text("mine")
    again = restore_to_folder(plan, recorder, silent)
    assert again.outcome is Outcome.WARNINGS
    assert len(again.restored.problems) == 1
    whole, some = entries(config)
    assert (whole.body["outcome"], some.body["outcome"]) == ("done", "warnings")
    assert some.body["problems_total"] == 1
    assert some.body["detail"].endswith(", 1 not restored")


def test_what_is_refused_is_recorded_as_failed(config: Config, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plan = plan_folder(config, FILES, tmp_path / "file")
    with pytest.raises(TuibackupError) as refused:
        restore_to_folder(plan, recorder, silent)
    into = plan_database(config, DATABASES, str(tmp_path / "no.sock"), databases=["akademik"])
    assert (into.name, into.bytes > 0) == ("akademik", True)
    with pytest.raises(TuibackupError) as refused_too:
        asyncio.run(restore_into_database(into, config, recorder, NoAnswers(), print, silent))
    told = [(entry.kind, entry.body["outcome"], entry.body["error"]) for entry in entries(config)]
    assert told == [("restore", "failed", str(one.value)) for one in (refused, refused_too)]


def stop_by(number: signal.Signals) -> Callable[[Progress], None]:
    """A progress callback in which somebody ends the program, once."""
    left = [number]

    def tell(_progress: Progress) -> None:
        if left:
            os.kill(os.getpid(), left.pop())

    return tell


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_ended_is_recorded_as_interrupted(
    config: Config, recorder: Recorder, number: signal.Signals
) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    [plan] = plan_verify(config, FILES)
    with pytest.raises(KeyboardInterrupt):
        verify(plan, recorder, stop_by(number))
    [entry] = entries(config)
    assert (entry.kind, entry.body["outcome"], entry.body["error"]) == ("verify", "interrupted", "stopped")
    assert entry.body["snapshot"] == plan.snapshot.spec
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_job_below_nohup_outlives_its_terminal(config: Config, recorder: Recorder) -> None:
    [plan] = plan_verify(config, FILES)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert verify(plan, recorder, stop_by(signal.SIGHUP)).outcome is Outcome.DONE
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_in_an_event_loop_is_cancelled_and_says_what_may_be_there(
    config: Config, recorder: Recorder, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuibackup.jobs.restore import loading

    async def endless(*_: Any) -> None:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    monkeypatch.setattr(loading, "load", endless)
    plan = plan_database(config, DATABASES, "/run/x.sock", databases=["akademik"])
    with pytest.raises(InterruptedRunError, match=r"akademik on /run/x[.]sock may be incomplete now"):
        asyncio.run(restore_into_database(plan, config, recorder, NoAnswers(), print, silent))
    [entry] = entries(config)
    assert entry.body["outcome"] == "interrupted"
    assert "restore again with --overwrite" in entry.body["error"]


def test_a_drill_shows_where_it_goes_and_records_what_differs(
    config: Config, recorder: Recorder, tmp_path: Path
) -> None:
    files, databases = plan_drill(config, "siakad")
    assert files.where == databases.where == str(config.drill.folder)
    assert (files.bytes, databases.snapshot.clock) == (406, "databases")
    done = drill(files, config, recorder, silent)
    assert done.outcome is Outcome.DONE, done.found
    [archive] = files.snapshot.path.glob("*.tar.zst")
    archive.chmod(0o600)
    archive.write_bytes(b"not what it was")
    assert drill(files, config, recorder, silent).outcome is Outcome.FAILED
    good, bad = entries(config)
    assert (good.body["outcome"], bad.body["outcome"]) == ("done", "failed")
    assert bad.body["error"] == bad.body["differences"][0]
    assert bad.body["differences_total"] >= 1


def test_words_that_mean_nothing_are_refused_before_anything_is_tried(config: Config, tmp_path: Path) -> None:
    for wrong in (
        lambda: plan_verify(config, "nobody"),
        lambda: plan_drill(config, "nobody"),
        lambda: plan_folder(config, FILES, tmp_path, databases=["akademik"]),
        lambda: plan_folder(config, FILES, tmp_path, paths=["relative"]),
        lambda: plan_folder(config, DATABASES, tmp_path, paths=["/var/www"]),
        lambda: plan_database(config, FILES, "siakad", databases=["akademik"]),
        lambda: plan_database(config, DATABASES, "siakad", databases=[]),
        lambda: plan_database(config, DATABASES, "siakad", databases=["nothing"]),
        lambda: plan_database(config, DATABASES, "nobody", databases=["akademik"]),
        lambda: plan_database(config, DATABASES, "siakad", databases=["akademik"], table="nothing"),
    ):
        with pytest.raises(UsageError):
            wrong()
    assert entries(config) == []


def test_the_entry_holds_no_more_than_a_hundred_of_a_kind(
    config: Config, recorder: Recorder, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(MOST + 7):
        (many / f"{number:03}").write_text("x")
    from tests.vault.taking import take
    from tuibackup.run.places import open_vault

    snapshot = take(open_vault(config), many, server="arsip", run="run3")
    target = tmp_path / "back"
    restore_to_folder(plan_folder(config, snapshot.spec, target), recorder, silent)
    for path in target.rglob("[0-9]*"):
        path.write_text("mine")
    done = restore_to_folder(plan_folder(config, snapshot.spec, target), recorder, silent)
    assert len(done.document()["problems"]) == MOST + 7
    body = entries(config)[-1].body
    assert (len(body["problems"]), body["problems_total"]) == (MOST, MOST + 7)


def test_a_vault_that_is_not_there_is_no_plan(config: Config) -> None:
    config.vault.path.rename(config.vault.path.with_name("elsewhere"))
    with pytest.raises(VaultError):
        plan_verify(config, None)
