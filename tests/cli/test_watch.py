"""Watching runs: what is printed of a journal, where, and the exit code."""

import asyncio
import io
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tuibackup
from tuibackup.cli.output import plain_symbols
from tuibackup.cli.watch import Json, Lines, Watcher
from tuibackup.config import Config
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.sop import Clock, Outcome, Step


class Told:
    """A run's journal, written by the test."""

    def __init__(
        self, config: Config, run: str = "2026-11-22T013000Z-siakad-ab12", server: str = "siakad"
    ) -> None:
        self.common: dict[str, Any] = {"time": ev.now(), "run": run, "server": server}
        planned = ev.RunPlanned(
            **self.common,
            request="r",
            clocks=(Clock.FILES,),
            full=False,
            operator="andi",
            standards={Step.CONNECT: 600.0},
            expected={Step.DOWNLOAD: 150.0},
        )
        self.journal = Journal.create(config.state, planned)

    def tell(self, event: type[ev.Event], **fields: Any) -> None:
        self.journal.append(event(**self.common, **fields))

    def steps(self) -> None:
        self.tell(ev.StepStarted, step=Step.CONNECT)
        self.tell(
            ev.StepFinished,
            step=Step.CONNECT,
            outcome=Outcome.DONE,
            seconds=4.2,
            detail="ssh-ed25519 SHA256:x",
        )
        self.tell(ev.StepStarted, step=Step.DOWNLOAD)
        self.tell(ev.StepFinding, step=Step.DOWNLOAD, subject="/var/www/a", reason="changed while read")
        self.tell(
            ev.StepFinished,
            step=Step.DOWNLOAD,
            outcome=Outcome.WARNINGS,
            seconds=72.0,
            detail="9 files",
            slow=True,
        )

    def finish(self, outcome: Outcome, code: int, error: str = "") -> None:
        files = ev.ClockResult(outcome=outcome, snapshot="siakad/files/2026-11-22T013000Z")
        self.tell(ev.RunFinished, outcome=outcome, seconds=77.0, exit_code=code, files=files, error=error)
        self.journal.close()


def watch(config: Config, *told: Told, as_json: bool = False) -> int:
    journals = {one.common["run"]: one.journal.path for one in told}
    printer = Json() if as_json else Lines(journals.values())
    return asyncio.run(Watcher(config, journals, printer).watch())


def test_steps_show_actual_beside_standard_and_expectation(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(config)
    told.tell(ev.RunNote, text="ssh_config: StrictHostKeyChecking is not honoured")
    told.steps()
    told.finish(Outcome.WARNINGS, 3)
    assert watch(config, told) == 3
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "► siakad  files  2026-11-22T013000Z-siakad-ab12",
        "√ 1 connect     0:04  of 10:00  ssh-ed25519 SHA256:x",
        "▲   /var/www/a: changed while read",
        "▲ 2 download    1:12  of ~2:30  9 files  ▲ slow",
        "▲ warnings 1:17  siakad/files/2026-11-22T013000Z",
    ]
    assert said.err == "tuibackup: siakad: ssh_config: StrictHostKeyChecking is not honoured\n"


def test_an_error_goes_to_stderr_with_the_servers_name(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(config)
    told.finish(Outcome.FAILED, 1, error="connect: 192.0.2.1 port 22 refused; is sshd running?")
    assert watch(config, told) == 1
    said = capsys.readouterr()
    assert said.err == "tuibackup: siakad: connect: 192.0.2.1 port 22 refused; is sshd running?\n"


def test_lines_of_several_runs_begin_with_the_server(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = Told(config), Told(config, run="2026-11-22T013000Z-arsip-cd34", server="arsip")
    first.finish(Outcome.DONE, 0)
    second.finish(Outcome.INTERRUPTED, 130)
    assert watch(config, first, second) == 130
    out = capsys.readouterr().out
    assert "siakad  √ done" in out
    assert "arsip   ■ interrupted" in out


def test_json_is_the_journal_as_it_grows(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told(config)

    def later() -> None:
        time.sleep(0.3)
        told.steps()
        told.finish(Outcome.DONE, 0)

    writer = threading.Thread(target=later)
    writer.start()
    assert watch(config, told, as_json=True) == 0
    writer.join()
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "run-planned"
    assert events[-1]["event"] == "run-finished"
    assert events[-1]["files"]["snapshot"] == "siakad/files/2026-11-22T013000Z"
    assert len(events) == 7


def test_a_run_that_died_is_interrupted_and_recorded(
    tuibackup: Tuibackup, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(config)
    told.steps()
    told.journal.close()
    said = tuibackup("follow", "siakad")
    assert said.code == 130
    assert "interrupted" in said.out
    assert [entry["kind"] for entry in json.loads(tuibackup("log", "--json").out)][-1] == "run"


def test_of_several_codes_the_worst_counts() -> None:
    assert ev.worst_code([]) == 0
    assert ev.worst_code([0, 3]) == 3
    assert ev.worst_code([3, 11, 0]) == 11
    assert ev.worst_code([11, 130]) == 130
    assert ev.worst_code([130, 1, 3]) == 1


def test_a_run_may_be_named_by_its_beginning_or_its_server(tuibackup: Tuibackup, config: Config) -> None:
    Told(config).finish(Outcome.DONE, 0)
    Told(config, run="2026-11-23T013000Z-siakad-ef56").finish(Outcome.FAILED, 1)
    assert tuibackup("follow", "2026-11-22").code == 0
    assert tuibackup("follow", "siakad").code == 1, "the newest of the server"
    said = tuibackup("follow", "2026")
    assert said.code == 2
    assert "the beginning of 2 runs" in said.err
    assert tuibackup("follow", "arsip").code == 2
    assert "there is no run nonsense" in tuibackup("follow", "nonsense").err


def test_nothing_to_follow_is_said(tuibackup: Tuibackup, config: Config) -> None:
    said = tuibackup("follow")
    assert said.code == 0
    assert "no run is under way" in said.err


def test_only_a_living_run_can_be_stopped(tuibackup: Tuibackup, config: Config, tmp_path: Path) -> None:
    Told(config).finish(Outcome.DONE, 0)
    said = tuibackup("stop", "siakad")
    assert said.code == 2
    assert "is under way" in said.err


def test_json_stays_json_where_the_terminal_has_no_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    plain_symbols(sys.stdout)
    note = ev.RunNote(time=ev.now(), run="r", server="s", text="mañana 😀 …")
    Json().event(note)
    assert ev.decode(raw.getvalue()) == note
