"""Considerate to the server and to the line: low priority, bandwidth, excludes, mounts, a dry run, progress.

Everything goes through the installed command and real servers.
"""

import os
import re
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.terminal import Terminal
from tests.ticking import ticking_ahead
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd


def step(said: Said, name: str) -> dict[str, Any]:
    """The step-finished event of one step."""
    (event,) = [e for e in said.events if e["event"] == "step-finished" and e["step"] == name]
    return event


def incompressible(folder: Path, size: int, files: int = 4) -> None:
    for number in range(files):
        (folder / f"random-{number}.bin").write_bytes(os.urandom(size // files))


def descendants(pid: int) -> list[tuple[int, int, str]]:
    """(pid, nice, name) of every process below `pid`."""
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid=,ni=,comm="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 3) for line in listed.splitlines()]
    below, found = {pid}, []
    for number, parent, nice, name in rows:  # ps lists parents first, as long as the numbers do not wrap
        if int(parent) in below and nice.lstrip("-").isdigit():
            below.add(int(number))
            found.append((int(number), int(nice), name.strip()))
    return found


def journal(site: Site) -> Said:
    """The events of the newest run, as its journal holds them."""
    return Said(0, site.journals[0].read_text(), "")


@pytest.mark.long
def test_the_bandwidth_limit_holds_for_the_download_and_is_told(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    """… and the live line at a terminal tells all that progress is: share, rate, limit, time left, amounts, file."""
    size = 4_000_000
    incompressible(application, size)
    site.settings = '[run]\nbandwidth = ["2 MB/s"]\n'
    site.add("siakad", sshd, [application])
    command = [str(TUIBACKUP), "run", "siakad"]
    with Terminal(command, site.environment(), columns=300, rows=30, cwd=site.home) as terminal:
        seen = terminal.wait_for("2 download", " MiB/s, limit 1.9 MiB/s", " left", "/var/www/siakad/random-")
        assert re.search(r"█+░+ \d+%  \S+ MiB/s, limit 1.9 MiB/s  \d:\d\d left  \d+ of 4\d files · ", seen), (
            seen
        )
        assert terminal.wait(60) == 0
    told = journal(site)
    assert step(told, "download")["seconds"] >= size / 2e6 - 0.6, "the first quarter second comes at once"
    binding = [event for event in told.events if event["event"] == "step-progress" and "limit" in event]
    assert {event["limit"] for event in binding} == {2e6}
    assert "2 MB/s holds now" in site.tuibackup("check", "siakad").out


@pytest.mark.long
def test_what_is_new_or_changed_is_counted(site: Site, ticking: PrivateSshd, application: Path) -> None:
    """A second name of a file made "41 unchanged" of 42: nothing says unchanged any more."""
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    assert "new or changed" not in site.tuibackup("run", "siakad").out, "everything was"
    for name in ("one", "two", "three"):
        (application / name).write_text(name)
    said = site.tuibackup("run", "siakad")
    assert "47 files" in said.out
    assert "3 new or changed" in said.out
    assert "unchanged" not in said.out


@pytest.mark.long
def test_the_bandwidth_limit_holds_for_the_dump(
    site: Site, sshd: PrivateSshd, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql(
        "CREATE DATABASE besar; CREATE TABLE besar.t (id INT PRIMARY KEY, b BLOB);"
        "USE besar; INSERT INTO t SELECT seq, RANDOM_BYTES(1000) FROM seq_1_to_2500"
    )
    site.settings = '[run]\nbandwidth = ["1 MB/s"]\n'
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n')
    said = site.tuibackup("run", "siakad", "--json")
    assert said.code == 0, said.err + said.out
    stored = said.finished["databases"]["stored"]
    assert stored > 2_000_000, "it must be worth limiting"
    assert step(said, "dump")["seconds"] >= 2_000_000 / 1e6 - 0.6


@pytest.mark.long
def test_two_runs_share_the_line(site: Site, sshd: PrivateSshd, application: Path) -> None:
    size = 3_000_000
    incompressible(application, size)
    site.settings = '[run]\nbandwidth = ["2 MB/s"]\nparallel = 2\n'
    site.add("siakad", sshd, [application])
    site.add("simpeg", sshd, [application], trusted=False)
    said = site.tuibackup("run", "--all", "--json")
    assert said.code == 0, said.err
    moments = [
        datetime.fromisoformat(event["time"])
        for event in said.events
        if event["event"] in ("step-started", "step-finished") and event["step"] == "download"
    ]
    assert len(moments) == 4
    # 3 s; each on its own at the full limit would take 1.5 s. The first looks at the others may come late.
    assert (max(moments) - min(moments)).total_seconds() >= 2.0


def words(pid: int) -> bytes:
    """A process's command line; b"" of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.long
def test_the_server_works_at_low_priority(
    site: Site, application: Path, tmp_path: Path, sshd: PrivateSshd
) -> None:
    incompressible(application, 10_000_000)
    site.settings = '[run]\nbandwidth = ["4 MB/s"]\n'  # slow enough to be looked at
    with PrivateSshd(tmp_path / "own", client_key=sshd.client_key) as own:
        site.add("siakad", own, [application])
        assert own._process is not None
        run = site.start("run", "siakad")
        seen: dict[str, tuple[int, str]] = {}
        while run.poll() is None and not {"tar", "zstd"} <= set(seen):
            # Only beside the tar of the stream: the packer of the listing may be ending, and has no priority then.
            at_work = list(descendants(own._process.pid))
            streaming = any(name == "tar" and b"--no-recursion" in words(pid) for pid, _, name in at_work)
            for pid, nice, name in at_work:
                if streaming and name in ("tar", "zstd", "gzip") and name not in seen:
                    disk = subprocess.run(
                        ["ionice", "-p", str(pid)], capture_output=True, text=True, check=False
                    )
                    if disk.returncode == 0:
                        seen[name] = (nice, disk.stdout.strip())
            time.sleep(0.05)
        run.wait(60)
        usual = os.nice(0)
    assert "tar" in seen, "the tool at work was not found among the server's processes"
    for name, (nice, disk) in seen.items():
        assert nice == min(19, usual + 10), name
        assert disk == "best-effort: prio 7", name
    assert run.returncode == 0


def test_a_bad_exclude_is_refused_before_anything_is_reached(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application], extra='exclude = ["*.log", "a//b"]\n')
    line = site.config.read_text().splitlines().index('exclude = ["*.log", "a//b"]') + 1
    for words in (("check",), ("run", "siakad"), ("run", "siakad", "--dry-run"), ("status",)):
        said = site.tuibackup(*words)
        assert said.code == 2
        assert f'{site.config}:{line}: servers.siakad.exclude: "a//b" has an empty' in said.err


@pytest.mark.long
@pytest.mark.timeout(600)
def test_progress_is_cheap_at_a_hundred_thousand_files(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    """The journal grows with time, twice a second, and not with the number of files."""
    for folder in range(100):
        (application / f"many/{folder}").mkdir(parents=True)
        for number in range(1000):
            (application / f"many/{folder}/{number}").write_bytes(b"x")
    site.add("siakad", sshd, [application])
    said = site.tuibackup("run", "siakad", "--json", timeout=600)
    assert said.code == 0, said.err
    seconds = step(said, "download")["seconds"]
    told = [event for event in said.events if event["event"] == "step-progress"]
    assert len(told) <= 2 * seconds + 10
    assert len(said.out) <= 1000 * len(told) + 20_000
