"""Runs as processes of their own: what they survive, what ends them, and what is asked over the socketpair."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.run.conftest import ANDI, Site
from tests.run.process.waiting import SECONDS, until
from tuibackup.config import Config
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import TuibackupError
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import make_plans, wants
from tuibackup.run.process.living import active
from tuibackup.run.process.start import Request, ask_stop, recover, start
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.vault.verify import verify


def begin(config: Config, *servers: str) -> Request:
    plans = make_plans(config, wants(config, servers or ["siakad"]), full=False, operator=ANDI)
    return start(plans, config.source)


def pids(path: Path) -> list[int]:
    """The processes that have `path` open."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(os.readlink(one) == str(path) for one in folder.iterdir()):
                found.append(int(folder.parent.name))
        except OSError:
            continue
    return found


def finished(path: Path) -> ev.RunFinished:
    until(lambda: jr.last(path), "the run finished")
    last = jr.last(path)
    assert last is not None
    until(lambda: not jr.is_live(path), "its process ended")
    return last


def began(path: Path, step: Step) -> bool:
    with jr.JournalReader(path) as reader:
        return any(isinstance(event, ev.StepStarted) and event.step is step for event in reader.poll())


class Gate:
    """A server whose tar waits until the gate is opened: a run stays in step 2 for as long as a test likes."""

    def __init__(self, site: Site, path: Path) -> None:
        self.site = site
        self._path = path

    def open(self) -> None:
        self._path.touch()

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_: object) -> None:
        self.open()


@pytest.fixture
def gate(tmp_path: Path, configure: Callable[..., Config], home: Path) -> Iterator[Gate]:
    path = tmp_path / "gate"
    script = tmp_path / "gate.sh"
    script.write_text(
        'case $SSH_ORIGINAL_COMMAND in *--format=posix*) while ! test -e "$0.open"; do sleep 0.05; done ;; esac\n'
        'exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    path = Path(f"{script}.open")
    sshd = PrivateSshd(tmp_path / "gate-sshd", force_command=f"sh {script}")
    with sshd, Gate(Site(tmp_path, configure, sshd), path) as gate:
        yield gate


def in_step_2(gate: Gate) -> tuple[Config, Path]:
    """A run that has begun to download, started by nobody who still listens."""
    config = gate.site.configure()
    request = begin(config)
    request.close()
    until(lambda: began(request.journals[0], Step.DOWNLOAD), "step 2 began")
    return config, request.journals[0]


def test_a_run_is_detached_quiet_and_gentle(gate: Gate) -> None:
    config, path = in_step_2(gate)
    (alive,) = active(config)
    assert (alive.server, alive.operator, alive.journal) == ("siakad", "andi", path)
    (pid,) = pids(path)
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    parent, session, terminal, nice = int(stat[1]), int(stat[3]), int(stat[4]), int(stat[16])
    assert parent != os.getpid()
    assert session == pid, "it has its own session"
    assert terminal == 0
    assert nice == min(os.nice(0) + 10, 19), "ten below whoever starts it"
    for number in (0, 1):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"
    assert b"siakad" not in Path(f"/proc/{pid}/cmdline").read_bytes(), "the plan stands on no command line"
    gate.open()
    assert finished(path).outcome is Outcome.DONE
    until(lambda: active(config) == [], "no run is under way")
    until(lambda: not path.with_suffix(".err").exists(), "it had nothing to complain about")
    (snapshot,) = open_vault(config).snapshots()
    assert verify(snapshot).ok


def test_a_run_outlives_whoever_started_it(gate: Gate) -> None:
    config = gate.site.configure()
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from tuibackup.config import load; from tuibackup.run.process.start import start\n"
        "from tuibackup.run.plan import make_plans, wants; from tuibackup.run.operator import identify\n"
        "config = load(Path(sys.argv[1]))\n"
        "start(make_plans(config, wants(config, ['siakad']), full=False, operator=identify()), config.source)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    starter = subprocess.run([sys.executable, "-c", code, str(config.source)], check=False)
    assert starter.returncode == -signal.SIGKILL
    (path,) = jr.journals(config.state)
    until(lambda: began(path, Step.DOWNLOAD), "step 2 began")
    size = path.stat().st_size
    gate.open()
    assert finished(path).outcome is Outcome.DONE
    (ended,) = jr.finished_journals(config.state)
    assert ended.stat().st_size > size


def test_a_hangup_does_not_reach_a_run(gate: Gate) -> None:
    _, path = in_step_2(gate)
    for pid in pids(path):
        os.kill(pid, signal.SIGHUP)
    gate.open()
    assert finished(path).outcome is Outcome.DONE


def test_a_second_run_on_the_same_server_ends_with_11(gate: Gate) -> None:
    config, path = in_step_2(gate)
    second = begin(config)
    second.close()
    last = finished(second.journals[0])
    assert last.exit_code == 11
    assert path.stem in last.error
    gate.open()
    assert finished(path).outcome is Outcome.DONE


def test_stop_ends_a_run_and_the_record_says_who_asked(gate: Gate) -> None:
    config, path = in_step_2(gate)
    ask_stop(config, path.stem, ANDI)
    last = finished(path)
    assert last.outcome is Outcome.INTERRUPTED
    assert last.exit_code == 130
    assert last.error.startswith("stopped by andi")
    with open_ledger(config) as ledger:
        assert ledger.of_run(path.stem)[-1].body["error"] == last.error
    assert not path.with_suffix(".stop").exists()
    assert not list(config.vault.path.glob("siakad/.incoming-*"))


def test_a_termination_signal_is_a_stop(gate: Gate) -> None:
    _, path = in_step_2(gate)
    (pid,) = pids(path)
    os.kill(pid, signal.SIGTERM)
    assert finished(path).error.startswith("stopped by signal SIGTERM")


def test_a_killed_run_is_recorded_and_the_next_one_works(gate: Gate) -> None:
    config, path = in_step_2(gate)
    (pid,) = pids(path)
    os.kill(pid, signal.SIGKILL)
    until(lambda: active(config) == [], "nobody holds its journal")
    assert jr.last(path) is None
    assert list(config.vault.path.glob("siakad/.incoming-*"))
    assert recover(config) == [path.stem]
    last = jr.last(path)
    assert last is not None
    assert last.outcome is Outcome.INTERRUPTED
    assert not list(config.vault.path.glob("siakad/.incoming-*"))
    gate.open()
    again = begin(config)
    again.close()
    assert finished(again.journals[0]).outcome is Outcome.DONE


@pytest.mark.long
def test_two_slots_bind_three_runs(gate: Gate) -> None:
    names = ("one", "two", "three")
    config = gate.site.configure(*[gate.site.table(name) for name in names], parallel=2)
    request = begin(config, *names)
    request.close()

    def in_download() -> int:
        return sum(began(path, Step.DOWNLOAD) for path in request.journals)

    def waiting() -> int:
        return sum(b'"reason":"slot"' in path.read_bytes() for path in request.journals)

    until(lambda: in_download() == 2 and waiting() == 1, "two download and one waits")
    time.sleep(0.7)
    assert in_download() == 2
    gate.open()
    spans = []
    for path in request.journals:
        assert finished(path).outcome is Outcome.DONE
        with jr.JournalReader(path) as reader:
            times = {
                type(event): datetime.fromisoformat(event.time)
                for event in reader.poll()
                if isinstance(event, ev.StepFinished)
                or (isinstance(event, ev.StepStarted) and event.step is Step.DOWNLOAD)
            }
        spans.append((times[ev.StepStarted], times[ev.StepFinished]))
    last_start = max(begin for begin, _ in spans)
    assert sum(begin <= last_start < end for begin, end in spans) <= 2


async def answer(request: Request, answers: dict[str, str]) -> list[tuple[str, str]]:
    """Answer what is asked by its kind; returns what was asked of whom."""
    asked = []
    async for one in request.asked():
        asked.append((one.question.server, one.question.kind))
        one.answer(answers.get(one.question.kind))
    return asked


@pytest.fixture
def locked_site(own_site: Site) -> Site:
    """A server whose key has a passphrase."""
    key = str(own_site.sshd.client_key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "s3cret-passphrase", "-f", key], check=True)
    return own_site


async def test_questions_of_all_runs_come_first_and_secrets_stay_in_memory(locked_site: Site) -> None:
    site = locked_site
    config = site.configure(site.table("one"), site.table("two"), trusted=False, parallel=1)
    request = begin(config, "one", "two")
    answers = {"host-key": "yes", "passphrase": "s3cret-passphrase"}
    asked = await asyncio.wait_for(answer(request, answers), SECONDS)
    assert {(server, "passphrase") for server in ("one", "two")} <= set(asked)
    assert ("one", "host-key") in asked or ("two", "host-key") in asked
    for path in request.journals:
        last = await asyncio.to_thread(finished, path)
        assert last.outcome is Outcome.DONE, last.error
    for path in [*config.state.rglob("*"), *config.vault.path.rglob("*")]:
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path


async def test_a_run_whose_face_leaves_gets_no_for_an_answer(own_site: Site) -> None:
    config = own_site.configure(trusted=False)
    request = begin(config)
    async for asked in request.asked():
        assert asked.question.kind == "host-key"
        break
    request.close()
    last = await asyncio.to_thread(finished, request.journals[0])
    assert last.outcome is Outcome.FAILED
    assert "host key is not known" in last.error


async def test_a_run_that_fails_before_it_is_ready_ends_the_questions(site: Site) -> None:
    down = site.table("down").replace(f"port = {site.sshd.port}", "port = 1")
    config = site.configure(down, site.table("up"))
    request = begin(config, "down", "up")
    assert await asyncio.wait_for(answer(request, {}), SECONDS) == []
    outcomes = [(await asyncio.to_thread(finished, path)).outcome for path in request.journals]
    assert outcomes == [Outcome.FAILED, Outcome.DONE]


def test_a_configuration_that_broke_is_told_before_anything_starts(site: Site) -> None:
    config = site.configure()
    plans = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    config.source.write_text("nonsense = [")
    with pytest.raises(TuibackupError, match=r"config.toml:1"):
        start(plans, config.source)
    assert jr.journals(config.state) == []


def test_a_state_folder_that_cannot_be_written_starts_nothing(site: Site) -> None:
    config = site.configure()
    plans = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    (config.state / "runs").write_text("in the way")
    with pytest.raises(TuibackupError, match=r"cannot be written"):
        start(plans, config.source)


def test_only_its_own_clock_is_run(site: Site) -> None:
    config = site.configure()
    plans = make_plans(config, wants(config, ["siakad"], Clock.FILES), full=True, operator=ANDI)
    request = start(plans, config.source)
    request.close()
    last = finished(request.journals[0])
    assert last.databases is None
    assert last.files is not None


def test_a_process_that_does_not_even_start_is_a_dead_run(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = site.configure()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    plans = make_plans(config, wants(config, ["siakad"]), full=False, operator=ANDI)
    with contextlib.suppress(BrokenPipeError, TuibackupError):
        start(plans, config.source).close()
    until(lambda: not active(config), "nobody holds its journal")
    for run in recover(config):
        assert run == plans[0].run
        last = jr.last(jr.journal_path(config.state, run))
        assert last is not None
        assert last.outcome is Outcome.INTERRUPTED
