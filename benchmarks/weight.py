"""What a history weighs on the cockpit: `python -m benchmarks.weight --config FILE | --entries 1000000 [--keep DIR]`.

Measured from outside on a state that is there, or one that is written by the program's own code: a ledger, the
journals of its newest runs, and every server's newest snapshots. `status`; the cockpit's first whole screen; `j`, while
another process adds an entry a second and four runs are under way; the processor that an idle cockpit and its helpers
use; `log --json`, its first line and its memory. Times depend on the machine: run it on a quiet one.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.history import cockpit, command, environment, status
from tests.ledger import million
from tests.terminal import Terminal
from tuibackup.config import Config, load

KEYS = 60
IDLE = 20.0  # seconds
_WRITER = """
import sys, time
from pathlib import Path
from tuibackup.ledger import Kind, Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    while True:
        ledger.append(Kind.NOTE, {"text": "an entry a second"}, operator="andi", server="server-001")
        time.sleep(1)
"""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--config", type=Path, help="a configuration whose state is there")
    words.add_argument("--entries", type=int, default=100_000)
    words.add_argument("--servers", type=int, default=500)
    words.add_argument("--rounds", type=int, default=5)
    told = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        config = load(told.config) if told.config else made(Path(place), told.entries, told.servers)
        status(config)
        print("| | |\n|---|---|")
        row("`status`", f"{statistics.median(status(config) for _ in range(told.rounds)):.2f} s")
        row("first screen", f"{statistics.median(cockpit(config) for _ in range(told.rounds)):.2f} s")
        with writing(config):
            keys = sorted(pressed(config))
        row(
            "`j`, an entry a second",
            f"{keys[len(keys) * 95 // 100] * 1000:.0f} ms at p95, {keys[-1] * 1000:.0f} at most",
        )
        row("idle", f"{idle(config):.2f} % of a core")
        first, seconds, memory = logged(config)
        row("`log --json`", f"first line after {first:.2f} s, all after {seconds:.1f} s, {memory} MiB")


def row(what: str, figure: str) -> None:
    print(f"| {what} | {figure} |", flush=True)


def made(folder: Path, entries: int, servers: int) -> Config:
    """A configuration with so many servers, and a ledger of their history."""
    million.SERVERS = tuple(f"server-{number:03}" for number in range(servers))
    (folder / "vault").mkdir()
    (folder / "state").mkdir(mode=0o700)
    text = f'state = "{folder}/state"\n[vault]\npath = "{folder}/vault"\n'
    text += "".join(f'[servers.{name}]\nhost = "127.0.0.1"\nfolders = ["/srv"]\n' for name in million.SERVERS)
    (folder / "config.toml").write_text(text)
    (folder / "config.toml").chmod(0o600)
    million.write(folder / "state/ledger.sqlite", entries)
    return load(folder / "config.toml")


@contextmanager
def writing(config: Config) -> Iterator[None]:
    words = [sys.executable, "-c", _WRITER, str(config.state / "ledger.sqlite")]
    with subprocess.Popen(words) as writer:
        try:
            yield
        finally:
            writer.terminate()


def pressed(config: Config) -> Iterator[float]:
    """Seconds from a key to the first byte of its answer, keys apart."""
    with Terminal(command(config), environment(config), columns=120, rows=40) as seat:
        seat.wait_for("newest first")
        seat.settle()
        for number in range(KEYS):
            before = seat.screen.cursor.y
            began = time.perf_counter()
            seat.send("k" if number % 20 == 19 else "j")
            while seat.screen.cursor.y == before and time.perf_counter() - began < 5:
                time.sleep(0.001)
            yield time.perf_counter() - began
            time.sleep(0.2)


def idle(config: Config) -> float:
    """Percent of a core that the cockpit and its helpers use while nothing happens."""
    with Terminal(command(config), environment(config)) as seat:
        seat.wait_for("server-")
        time.sleep(10)
        ours = [seat.pid, *map(int, children(seat.pid))]
        before = used(ours)
        time.sleep(IDLE)
        return (used(ours) - before) / IDLE * 100


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def used(processes: list[int]) -> float:
    """Seconds of a processor that they have used."""
    ticks = 0
    for process in processes:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def logged(config: Config) -> tuple[float, float, int]:
    """Seconds to the first line and in all, MiB at most."""
    began, first = time.perf_counter(), 0.0
    with subprocess.Popen(
        command(config, "log", "--json"), env=environment(config), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        while process.stdout.read(1 << 16):
            first = first or time.perf_counter() - began
        _pid, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
    return first, time.perf_counter() - began, usage.ru_maxrss >> 10


if __name__ == "__main__":
    main()
