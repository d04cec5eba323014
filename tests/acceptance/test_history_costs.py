"""A start costs no more the longer the history is: that is counted in calls that name a file, not in seconds.

Each start once read every journal and every snapshot that there ever was. The seconds are in benchmarks/history.py; on
a busy machine they prove nothing.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from benchmarks.history import command, configured, environment, fill
from tests.ledger.million import SERVERS
from tuibackup.config import Config
from tuibackup.demo.sshd import PrivateSshd

SHORT, LONG = 1, 5  # days of 100 servers: 100 and 500 journals, and up to twice as many snapshots

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to count what is opened"),
]


@pytest.fixture(scope="module")
def histories(memory: Path, sshd: PrivateSshd) -> dict[int, Config]:
    """The same configuration with a short and a long history, each looked at once: what a start finds, it remembers."""
    made = {}
    for days in (SHORT, LONG):
        config = configured(Path(tempfile.mkdtemp(dir=memory)), sshd)
        _snapshots, journals = fill(config, days)
        assert journals == days * len(SERVERS)
        subprocess.run(command(config, "status"), env=environment(config), capture_output=True, check=False)
        made[days] = config
    return made


def counted(config: Config, trace: Path, *words: str) -> int:
    """How many calls that name a file in the vault or the state a command and its processes make."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=%file", *command(config, *words)],
        env=environment(config),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, f"{words} printed nothing: {done.stderr}"
    ours = (str(config.vault.path), str(config.state))
    lines = trace.read_text(errors="replace").splitlines()
    return sum(any(place in line for place in ours) for line in lines)


@pytest.mark.parametrize(
    "words", [("status",), ("run", SERVERS[0], "--only", "files")], ids=["status", "run"]
)
def test_a_start_opens_no_more_after_a_long_history(
    histories: dict[int, Config], tmp_path: Path, words: tuple[str, ...]
) -> None:
    calls = {days: counted(config, tmp_path / "trace", *words) for days, config in histories.items()}
    assert calls[LONG] < 1.1 * calls[SHORT] + 20, f"calls that name a file, by days of history: {calls}"
