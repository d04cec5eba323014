"""The launcher is started before there is anything to launch; where nothing comes of it, nothing stays of it."""

import os
import time
from pathlib import Path

import pytest

from tuibackup.run.process import launcher as module
from tuibackup.run.process.launcher import Launcher


@pytest.mark.parametrize("fork", [True, False])
def test_a_launcher_that_gets_no_request_leaves_nothing(fork: bool) -> None:
    before = os.listdir("/proc/self/fd")
    with Launcher(fork=fork) as launcher:
        number = launcher._process.pid
        assert Path(f"/proc/{number}").exists()
    assert launcher._process.returncode is not None
    assert os.listdir("/proc/self/fd") == before


def test_what_a_launcher_that_cannot_work_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROGRAM", "import nothing_of_that_name")
    errors = tmp_path / "request.err"
    with Launcher() as launcher:
        launcher.launch(errors, [(b"{}", ())])
    while not errors.exists() or not errors.stat().st_size:
        time.sleep(0.01)
    assert "No module named 'nothing_of_that_name'" in errors.read_text()
    assert errors.stat().st_mode & 0o777 == 0o600
