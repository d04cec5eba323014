"""The launcher is started before there is anything to launch; where nothing comes of it, nothing stays of it."""

import os
from pathlib import Path

import pytest

from tuibackup.run.launcher import Launcher
from tuibackup.run.places import runs_folder


def test_a_launcher_that_gets_no_request_leaves_nothing(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        number = launcher._process.pid
        assert Path(f"/proc/{number}").exists()
    assert launcher._process.returncode is not None
    assert list(runs_folder(tmp_path).iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="denied"):
        Launcher(tmp_path)
