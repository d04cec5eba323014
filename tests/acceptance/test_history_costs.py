"""A start costs no more the longer the history is: that is counted in calls that name a file, not in seconds.

Each start once read every journal and every snapshot that there ever was. The seconds are in benchmarks/history.py; on
a busy machine they prove nothing.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.history import command, configured, environment, fill
from tests.ledger.million import SERVERS
from tests.terminal import Terminal
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
    follows = f"{config.state}/runs/20"  # its own journal, as often as it is not ended yet
    return sum(any(place in line for place in ours) and follows not in line for line in lines)


@pytest.mark.parametrize(
    "words", [("status",), ("run", SERVERS[0], "--only", "files")], ids=["status", "run"]
)
def test_a_start_opens_no_more_after_a_long_history(
    histories: dict[int, Config], tmp_path: Path, words: tuple[str, ...]
) -> None:
    calls = {days: counted(config, tmp_path / "trace", *words) for days, config in histories.items()}
    assert calls[LONG] < 1.1 * calls[SHORT] + 20, f"calls that name a file, by days of history: {calls}"


def counted_while_open(config: Config, trace: Path) -> list[str]:
    """The same of the cockpit and its helpers, while ten keys are pressed and two seconds pass."""
    words = [
        "strace",
        "-f",
        "-qq",
        "-ttt",
        "-y",
        "-o",
        str(trace),
        "-e",
        "trace=%file,getdents64",
        *command(config),
    ]
    with Terminal(words, environment(config), columns=120, rows=40) as seat:
        seat.wait_for("newest first", seconds=120)
        seat.settle(2.0)
        began = time.time()
        for _pressed in range(10):
            before = title(seat)
            seat.send("j")
            until(lambda before=before: title(seat) != before)
        time.sleep(2)
        ended = time.time()
        seat.send("q")
        seat.wait()
    lines = [line.split(maxsplit=2) for line in trace.read_text(errors="replace").splitlines()]
    return [call for _process, moment, call in lines if began < float(moment) < ended]


def title(seat: Terminal) -> str:
    """The heading of pane 2, which names the server under the cursor."""
    return next((line for line in seat.lines if " 2 RUN " in line), "")


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_keys_and_ticks_read_no_more_after_a_long_history(
    histories: dict[int, Config], tmp_path: Path
) -> None:
    """Each entry made all facts be read anew, each tick listed all journals, and each picture opened the vault for
    every server: at a million entries a key was answered after half a second."""
    found: dict[int, float] = {}
    for days, config in histories.items():
        calls = counted_while_open(config, tmp_path / "trace")
        journals = f"{config.state}/runs"
        assert not [call for call in calls if call.startswith("getdents64") and journals in call], (
            "the journals are not listed"
        )
        lists = [call for call in calls if call.startswith("openat") and "/snapshot.json" in call]
        assert len(lists) <= 10, "of the newest dump of a server that the cursor comes to"
        ours = (str(config.vault.path), str(config.state))
        looks = sum(
            f'"{config.source}"' in call for call in calls
        )  # each asks whether the configuration changed
        found[days] = sum(any(place in call for place in ours) for call in calls) / looks
    assert max(found.values()) < 60, f"calls that name a file, for each look, by days of history: {found}"
