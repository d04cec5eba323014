"""A run is a process of its own: neither the face that started it nor its terminal keeps or kills it."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.acceptance.slow import GO_ON, go_on
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


def journal(site: Site) -> Path:
    """The journal of the only run, once its download has begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in site.journals:
            if '"step":"download"' in path.read_text():
                return path
        time.sleep(0.05)
    raise AssertionError("no run began its download")


def ends_done(site: Site, path: Path, size: int) -> None:
    """The run goes on: its journal grows, and it ends well."""
    go_on(site)
    finished = site.tuibackup("follow", path.stem, "--json").finished
    assert finished["outcome"] == "done"
    (ended,) = (one for one in site.journals if one.name == path.name)
    assert ended.stat().st_size > size
    assert site.tuibackup("verify", "siakad").code == 0


def cockpit(site: Site, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal([str(TUIBACKUP)], site.environment(), columns=columns, rows=rows, cwd=site.home)


def start_plan(terminal: Terminal) -> None:
    """Plan a run of the server under the cursor, and start it."""
    terminal.wait_for("siakad")
    terminal.send("b")
    terminal.wait_for("start")
    terminal.send("\r")


def back_up(site: Site, terminal: Terminal) -> Path:
    """Start a run from the cockpit; its journal, once its download has begun."""
    start_plan(terminal)
    return journal(site)


@pytest.mark.long
def test_a_run_outlives_the_reader_of_its_lines(slow: Site) -> None:
    command = f"{TUIBACKUP} run siakad 2> errors | {{ read line; touch 'go on'; }}; echo ${{PIPESTATUS[0]}}"
    command = command.replace("'go on'", f"'{slow.folder}/go on'")
    ended = subprocess.run(
        ["bash", "-c", command],
        env=slow.environment(),
        cwd=slow.home,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.strip() == "141"
    assert "error" not in (slow.home / "errors").read_text()
    (run,) = slow.journals
    assert slow.tuibackup("follow", run.stem, "--json").finished["outcome"] == "done"


@pytest.mark.long
def test_a_run_started_with_its_standard_files_closed(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    """As some supervisors start programs: the ledger must not become the number that is printed to."""
    site.add("siakad", sshd, [application])
    command = f"{TUIBACKUP} run siakad <&- >&- 2>&-"
    ended = subprocess.run(
        ["sh", "-c", command], env=site.environment(), cwd=site.home, timeout=120, check=False
    )
    assert ended.returncode == 0
    assert [entry["kind"] for entry in site.tuibackup("log", "--json").json].count("run") == 1
    assert site.tuibackup("verify", "siakad").code == 0


@pytest.mark.long
def test_a_run_outlives_the_command_that_is_killed(slow: Site) -> None:
    started = subprocess.Popen(
        [TUIBACKUP, "run", "siakad"],
        env=slow.environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = journal(slow)
    size = path.stat().st_size
    started.kill()
    started.wait()
    ends_done(slow, path, size)


def test_a_run_outlives_a_terminal_that_hangs_up(slow: Site) -> None:
    with cockpit(slow) as terminal:
        path = back_up(slow, terminal)
        size = path.stat().st_size
        terminal.hang_up()
        terminal.wait()
    ends_done(slow, path, size)


@pytest.mark.long
def test_a_new_cockpit_shows_a_run_that_a_killed_one_started(slow: Site) -> None:
    with cockpit(slow) as terminal:
        path = back_up(slow, terminal)
        size = path.stat().st_size
    with cockpit(slow) as second:
        second.wait_for("step 2", "√ 1 connect")  # the steps that were done before are there too
        go_on(slow)
        second.wait_for("√ 2 download")
        second.send("q")
        assert second.wait() == 0
    ends_done(slow, path, size)


@pytest.mark.long
def test_leaving_the_cockpit_says_that_the_run_goes_on(slow: Site) -> None:
    with cockpit(slow) as terminal:
        path = back_up(slow, terminal)
        terminal.wait_for("step 2")
        terminal.send("q")
        assert terminal.wait() == 0
        assert b"siakad goes on: tuibackup follow" in terminal.raw
        size = path.stat().st_size
    ends_done(slow, path, size)


@pytest.mark.long
def test_the_cockpit_stops_a_run_only_when_told_so(slow: Site) -> None:
    with cockpit(slow) as terminal:
        path = back_up(slow, terminal)
        terminal.send("x")
        terminal.wait_for("Stop")
        terminal.send("\r")  # the answer that is offered is no
        terminal.settle()
        terminal.send("\x03")  # ctrl+c kills nothing
        terminal.send("x")
        terminal.wait_for("Stop")
        terminal.send("y")
        terminal.wait_for("■ interrupted")
    assert slow.tuibackup("follow", path.stem, "--json").finished["outcome"] == "interrupted"
    (run,) = [entry for entry in slow.tuibackup("log", "--json").json if entry["kind"] == "run"]
    assert run["body"]["outcome"] == "interrupted"
    assert slow.snapshots("siakad", "files") == []
    assert slow.incoming() == []


@pytest.mark.long
def test_runs_wait_for_a_slot_and_none_is_lost(site: Site, slow: Site, tmp_path: Path) -> None:
    # the first goes on once both others wait
    tar = tmp_path / "tools/tar"
    waiting = f"$(grep -rl '\"run-waiting\"' {site.state}/runs | wc -l)"
    tar.write_text(tar.read_text().replace(GO_ON.format(site.folder), f"[ {waiting} -ge 2 ]"))
    site.settings = "[run]\nparallel = 1\n"
    first = site.servers["siakad"]
    for name in ("simpeg", "lms"):
        site.servers[name] = first.replace("[servers.siakad]", f"[servers.{name}]")
    site.write_config()
    said = site.tuibackup("run", "--all", "--json", timeout=90)
    assert said.code == 0, said.err
    assert any(event["event"] == "run-waiting" and event["reason"] == "slot" for event in said.events)
    assert {event["server"] for event in said.events if event["event"] == "run-finished"} == set(site.servers)
    downloading = 0
    for event in sorted(said.events, key=lambda event: event["time"]):
        if event.get("step") == "download":
            downloading += {"step-started": 1, "step-finished": -1}.get(event["event"], 0)
            assert downloading <= 1


@pytest.mark.long
def test_a_servers_name_means_its_run_under_way_also_after_a_second_one_was_refused(slow: Site) -> None:
    """The refused one's journal is the newer: `stop siakad` said that no run was under way."""
    first = slow.start("run", "siakad")
    path = journal(slow)
    refused = slow.tuibackup("run", "siakad")
    assert refused.code == 11
    assert path.stem in refused.err
    followed = slow.reading("follow", "siakad", "--json")
    assert followed.stdout is not None
    assert f'"run":"{path.stem}"' in followed.stdout.readline()
    with cockpit(slow) as terminal:
        terminal.wait_for("step 2")
        terminal.send("\r")
        terminal.wait_for(path.stem)
        terminal.send("\x1b")
        terminal.send("x")
        terminal.wait_for(path.stem[-4:])
        terminal.send("n")
    stopped = slow.tuibackup("stop", "siakad", env={"SUDO_USER": "siti", "SSH_CLIENT": "10.1.2.3 4 22"})
    assert stopped.code == 0, stopped.err
    assert path.stem in stopped.out
    assert followed.communicate(timeout=60)[0].count("run-finished") == 1
    assert first.wait(60) == 130
    run = [one for one in slow.tuibackup("log", "--json").json if one["kind"] == "run"][-1]
    assert (run["body"]["stopped_by"]["name"], run["body"]["stopped_by"]["client"]) == ("siti", "10.1.2.3")
    again = slow.tuibackup("stop", "siakad")
    assert again.code == 2
    assert "no run of siakad is under way" in again.err
    assert slow.tuibackup("follow", "siakad", "--json").finished["run"] == path.stem
    assert "no run is under way" in slow.tuibackup("follow").err


@pytest.mark.long
def test_an_encrypted_key_is_asked_for_in_the_cockpit_and_told_nowhere(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    key = tmp_path / "locked_key"
    key.write_bytes(sshd.client_key.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "planted-phrase", "-f", key], check=True)
    site.add("siakad", sshd, [application])
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    with cockpit(site) as terminal:
        start_plan(terminal)
        terminal.wait_for("Passphrase for siakad")
        terminal.send("planted-phrase\r")
        terminal.wait_for("√ 2 download", seconds=30)
        assert b"planted-phrase" not in terminal.raw
    refused = site.tuibackup("run", "siakad")
    assert refused.code == 1
    assert "needs an operator" in refused.err
    for path in (*site.state.rglob("*"), *site.vault.rglob("*")):
        if path.is_file():
            assert b"planted-phrase" not in path.read_bytes(), f"{path} holds the passphrase"


@pytest.mark.long
def test_trust_shows_the_fingerprint_and_asks(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", sshd.host_keys[0]], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    words = [str(TUIBACKUP), "trust", "siakad"]
    with Terminal(words, site.environment(), columns=120, cwd=site.home) as terminal:
        terminal.wait_for(fingerprint)
        terminal.send("no\r")
        assert terminal.wait() != 0
    assert site.tuibackup("run", "siakad").code == 1
    with Terminal(words, site.environment(), columns=120, cwd=site.home) as terminal:
        terminal.wait_for(fingerprint)
        terminal.send("yes\r")
        assert terminal.wait() == 0
    assert site.tuibackup("run", "siakad").code == 0
    kinds = [entry["kind"] for entry in site.tuibackup("log", "--json").json]
    assert "trust" in kinds
    assert os.stat(site.state / "known_hosts").st_mode & 0o077 == 0
