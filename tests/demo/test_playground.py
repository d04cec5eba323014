"""The playground: real servers that answer, and nothing of it left afterwards, however it ended."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tuibackup.config import load
from tuibackup.demo.playground import Playground
from tuibackup.run.scratch.reaper import processes_in

_HOLD = """
import sys, time
from tuibackup.demo.playground import Playground
playground = Playground().start()
print(playground.folder, flush=True)
time.sleep(60)
"""


@pytest.mark.long
def test_three_servers_with_files_a_database_and_a_valid_configuration(
    fast_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(fast_tmp_path))
    with Playground() as playground:
        config = load(playground.config)
        assert set(config.servers) == {"siakad", "e-journal", "arsip"}
        assert "Host perpus" in (playground.home / ".ssh/config").read_text()  # it waits to be added
        assert sum(1 for path in playground.root("siakad").rglob("*") if path.is_file()) > 2000
        assert playground.database.sql("SELECT COUNT(*) FROM akademik.nilai").strip() == "100000"
        assert len(processes_in(playground.folder)) >= 5
    assert not playground.folder.exists()


def test_it_has_three_servers_and_killing_it_ends_them_and_removes_its_folder(fast_tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD]
    env = {**os.environ, "TMPDIR": str(fast_tmp_path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        folder = Path(holder.stdout.readline().strip())
        assert set(load(folder / "config.toml").servers) == {"siakad", "e-journal", "arsip"}
        assert len(processes_in(folder)) >= 5
        os.kill(holder.pid, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and (folder.exists() or processes_in(folder)):
        time.sleep(0.05)
    assert not folder.exists()
    assert processes_in(folder) == []
