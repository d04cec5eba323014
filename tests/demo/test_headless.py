"""`tuibackup demo --headless` as a visitor runs it: the whole program on real servers, proven by comparison."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuibackup.run.scratch.reaper import processes_in


@pytest.mark.long
@pytest.mark.timeout(300)
def test_it_backs_up_verifies_restores_compares_and_leaves_nothing(fast_tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tuibackup.cli.main", "demo", "--headless"],
        env={
            "HOME": str(fast_tmp_path),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMPDIR": str(fast_tmp_path),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OVERDUE" in done.stdout, "one server is overdue at first"
    assert done.stdout.count("are the same as on the source") == 2
    assert "3 tables: the same checksums as on the source" in done.stdout
    assert "siakad-new has the" in done.stdout
    assert "all agree" in done.stdout
    assert list(fast_tmp_path.glob("tuibackup-demo-*")) == []
    assert processes_in(fast_tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(120)
def test_ending_it_in_the_middle_ends_its_runs_too(fast_tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tuibackup.cli.main", "demo", "--headless"],
        env={
            "HOME": str(fast_tmp_path),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMPDIR": str(fast_tmp_path),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if "2 download" in line:
                break
        demo.terminate()
        assert demo.wait(30) == 128 + 15
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and processes_in(fast_tmp_path):
        time.sleep(0.1)
    assert processes_in(fast_tmp_path) == []
    assert list(fast_tmp_path.glob("tuibackup-demo-*")) == []
