"""The cockpit over a real SSH connection that stands still and then ends: the cockpit goes, the four runs go on."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.processes import carrying_out, end, processor_seconds
from tests.acceptance.site import TUIBACKUP, Site
from tests.acceptance.slow import go_on, slow_sshd
from tests.line import Line
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

SERVERS = ("elearning", "lms", "repository", "siakad")


@dataclass
class Login:
    """An operator's login at this machine, with the cockpit open in it; `line` is between the two."""

    seat: Terminal
    line: Line
    command: int  # the process that was started
    cockpit: int  # the one that carries it out


@pytest.fixture
def running(site: Site, application: Path) -> Iterator[Site]:
    """Four runs under way, that wait in their step 2 until they are told to go on."""
    site.settings = f"[run]\nparallel = {len(SERVERS)}\n"
    with slow_sshd(site) as server:
        for name in SERVERS:
            site.add(name, server, [application])
        runs = site.start("run", *SERVERS)
        deadline = time.monotonic() + 120
        while len([path for path in site.journals if '"step":"download"' in path.read_text()]) < len(SERVERS):
            assert time.monotonic() < deadline, "the runs did not begin"
            time.sleep(0.05)
        yield site
        go_on(site)
        runs.wait(120)


@pytest.fixture
def login(running: Site) -> Iterator[Login]:
    environment = running.environment()
    number = running.folder / "cockpit.pid"
    words = [f"{name}='{environment[name]}'" for name in ("HOME", "PATH", "LANG")]
    command = f"cd; echo $$ > {number}; exec env {' '.join(words)} {TUIBACKUP}"
    with (
        PrivateSshd(running.folder / "login") as sshd,
        Line(sshd.port) as line,
        Terminal(
            ["ssh", "-tt", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "LogLevel=ERROR", "-i", str(sshd.client_key), "-p", str(line.port), f"{sshd.user}@127.0.0.1",
             command],
            environment,
        ) as seat,
    ):  # fmt: skip
        seat.wait_for("► 4 running", "step 2 of 4", "q quit", seconds=120)
        command = int(number.read_text())
        yield Login(seat, line, command, carrying_out(command))


def stands(login: Login, how: str) -> None:
    """Nothing comes through any more: the line is dead, or the client is stopped."""
    if how == "client":
        os.kill(login.seat.pid, signal.SIGSTOP)
    else:
        login.line.stands = login.line.bytes


def is_ended(login: Login, how: str) -> None:
    if how == "client":
        os.kill(login.seat.pid, signal.SIGKILL)
    elif how == "line":
        login.line.cut()
    else:
        os.kill(login.command, signal.Signals[how])


@pytest.mark.long
@pytest.mark.parametrize(
    ("stalls", "seconds", "how_it_ends", "keys"),
    [
        ("client", 2, "client", "?"),
        ("client", 40, "client", ""),
        ("client", 250, "client", "?"),
        ("line", 40, "line", "\r"),
        ("line", 40, "SIGTERM", ""),
        ("client", 40, "SIGHUP", "?"),
    ],
)
def test_a_login_that_stood_still_and_ended(
    running: Site, login: Login, stalls: str, seconds: float, how_it_ends: str, keys: str
) -> None:
    login.seat.send(keys)
    if keys:
        login.seat.wait_for("esc close")
    stands(login, stalls)
    used, began = processor_seconds(login.cockpit), time.monotonic()
    time.sleep(seconds)
    share = (processor_seconds(login.cockpit) - used) / (time.monotonic() - began)
    assert share < 0.3, f"it used {share:.0%} of a processor meanwhile"
    is_ended(login, how_it_ends)
    end(login.command, login.cockpit)
    status = running.tuibackup("status")
    assert status.out.count("step 2") == len(SERVERS), f"the runs go on:\n{status.out}"
    go_on(running)
    for run in running.journals:
        assert running.tuibackup("follow", run.stem, "--json").finished["outcome"] == "done"
