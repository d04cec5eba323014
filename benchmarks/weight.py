"""What a history weighs on the cockpit: `python -m benchmarks.weight --config FILE | --folder DIR [--entries 1000000]`.

Measured from outside on a state that is there, or one that the program's own code writes into a folder: a ledger, the
journals of its newest runs, every server's newest snapshots. `status`; the cockpit's first whole screen; `j`, while
another process adds an entry a second and four runs are under way; the processor that an idle cockpit and its helpers
use; their memory; `log --json`, its first line and its memory. Beside it `htop`, `mc` and `tig` at the same size.
Times depend on the machine: run it on a quiet one.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.history import cockpit, command, environment, status
from benchmarks.past import finished_runs, publish
from tests.ledger import million
from tests.terminal import Terminal
from tuibackup.config import Config, load
from tuibackup.run.places import open_ledger, open_vault

SIZE = (120, 40)
KEYS = 60
IDLE = 20.0  # seconds
JOURNALS = 9000
RUNS = ("server-001", "server-002", "server-003", "server-004")
_WRITER = """
import sys, time
from pathlib import Path
from tuibackup.ledger import Kind, Ledger
with Ledger.open(Path(sys.argv[1])) as ledger:
    while True:
        ledger.append(Kind.NOTE, {"text": "an entry a second"}, operator="andi", server="server-001")
        time.sleep(1)
"""
_RUNS = """
import sys, time
from pathlib import Path
from benchmarks.past import plan
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.sop import Step
state, servers = Path(sys.argv[1]), sys.argv[2:]
began = [plan(f"{time.strftime('%Y-%m-%dT%H%M%SZ', time.gmtime())}-{server}", server, ev.now()) for server in servers]
journals = [Journal.create(state, planned) for planned in began]
try:
    for files in range(10**6):
        for planned, journal in zip(began, journals):
            of = {"run": planned.run, "server": planned.server}
            if not files:
                journal.append(ev.StepStarted(time=ev.now(), step=Step.DOWNLOAD, **of))
            journal.append(ev.StepProgress(time=ev.now(), step=Step.DOWNLOAD, items=files, items_total=10**6,
                                           bytes=files << 20, bytes_total=10**12, unit="files",
                                           current=f"/srv/www/upload-{files}.pdf", rate=2e6, left=1e5, **of))
        time.sleep(0.5)
except KeyboardInterrupt:
    for journal in journals:
        journal.path.unlink()
"""


class Used(NamedTuple):
    """What a program's processes use: percent of a core while nothing is pressed, MiB that are their own."""

    core: float
    memory: float

    def __str__(self) -> str:
        return f"{self.core:.2f} % | {self.memory:.0f} MiB"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--config", type=Path, help="a configuration whose state is there")
    words.add_argument("--folder", type=Path, help="where a state is made, and stays")
    words.add_argument("--entries", type=int, default=1_000_000)
    words.add_argument("--servers", type=int, default=500)
    words.add_argument("--rounds", type=int, default=7)
    told = words.parse_args()
    if not told.config and not told.folder:
        words.error("say --config or --folder")
    config = load(told.config) if told.config else made(told.folder, told.entries, told.servers)
    status(config)
    print("| | median | fastest |\n|---|---|---|")
    for title, measured in (("`status`", status), ("first screen, all servers", cockpit)):
        seconds = sorted(measured(config) for _round in range(told.rounds))
        row(title, f"{statistics.median(seconds):.2f} s", f"{seconds[0]:.2f} s")
    print(f"\n{SIZE[0]}x{SIZE[1]}\n")
    print("| | opens | key to screen, p95 | at most | idle | memory |\n|---|---|---|---|---|---|")
    with busy(config):
        beside("cockpit, four runs, an entry a second", config, "newest first", "j", "k")
    beside("cockpit, nothing under way", config, "newest first", "j", "k")
    for name, words_of, shown, down, up in (
        ("htop", ["htop"], "Load average", "\x1b[B", "\x1b[A"),
        ("mc", ["mc", "-u", "-d", "/usr/bin", "/etc"], "Quit", "\x1bOB", "\x1bOA"),
        ("tig", ["tig"], "[main]", "j", "k"),
    ):
        if shutil.which(name):
            beside(name, words_of, shown, down, up)
        else:
            row(name, "not installed", "", "", "", "")
    first, seconds_in_all, memory = logged(config)
    print(f"\n`log --json`: first line after {first:.2f} s, all after {seconds_in_all:.1f} s, {memory} MiB")


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def made(folder: Path, entries: int, servers: int) -> Config:
    """A configuration with so many servers, a ledger of their history, its newest journals and snapshots."""
    million.SERVERS = tuple(f"server-{number:03}" for number in range(servers))
    (folder / "vault").mkdir(parents=True)
    (folder / "state").mkdir(mode=0o700)
    text = f'state = "{folder}/state"\n[vault]\npath = "{folder}/vault"\n'
    text += "".join(f'[servers.{name}]\nhost = "127.0.0.1"\nfolders = ["/srv"]\n' for name in million.SERVERS)
    (folder / "config.toml").write_text(text)
    (folder / "config.toml").chmod(0o600)
    million.write(folder / "state/ledger.sqlite", entries)
    config = load(folder / "config.toml")
    open_vault(config)
    with open_ledger(config) as ledger:
        publish(config, sorted(fact.snapshot for fact in ledger.clock_facts().values() if fact.snapshot))
    finished_runs(config, JOURNALS)
    return config


@contextmanager
def busy(config: Config) -> Iterator[None]:
    """Runs under way that tell their progress twice a second, and an entry a second."""
    ledger = str(config.state / "ledger.sqlite")
    with (
        subprocess.Popen([sys.executable, "-c", _WRITER, ledger]) as writer,
        subprocess.Popen([sys.executable, "-c", _RUNS, str(config.state), *RUNS]) as runs,
    ):
        try:
            yield
        finally:
            writer.terminate()
            runs.send_signal(signal.SIGINT)


def beside(name: str, program: Config | list[str], shown: str, down: str, up: str) -> None:
    """A row of the table: the same for every program."""
    if isinstance(program, Config):
        words, around = command(program), environment(program)
    else:
        words, around = program, {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    source = str(Path(__file__).parents[1])
    began = time.perf_counter()
    with Terminal(words, around, columns=SIZE[0], rows=SIZE[1], cwd=source) as seat:
        seat.wait_for(shown)
        opened = time.perf_counter() - began
        time.sleep(8)
        keys = sorted(pressed(seat, down, up, " 2 RUN " if isinstance(program, Config) else ""))
        found = used(seat)
        seat.send("q" if name != "mc" else "\x1b[21~\r")
        seat.wait()
    p95, most = keys[len(keys) * 95 // 100] * 1000, keys[-1] * 1000
    row(name, f"{opened:.2f} s", f"{p95:.0f} ms", f"{most:.0f} ms", found)


def pressed(seat: Terminal, down: str, up: str, title: str) -> Iterator[float]:
    """Seconds from a key until its answer is there, a key at a time: another `title`, or without one any bytes."""
    row = next((y for y, line in enumerate(seat.lines) if title in line), 0)

    def seen() -> object:
        return [cell.data for cell in seat.screen.buffer[row].values()] if title else seat.bytes_written

    for number in range(KEYS):
        seat.settle(0.02)
        before = seen()
        began = time.perf_counter()
        seat.send(up if number % 20 == 19 else down)
        while seen() == before and time.perf_counter() - began < 5:
            time.sleep(0.0005)
        yield time.perf_counter() - began
        time.sleep(0.2)


def used(seat: Terminal) -> Used:
    """Of the program in the terminal and the processes that it started."""
    ours = with_children(seat.pid)
    before = processor(ours)
    time.sleep(IDLE)
    return Used((processor(ours) - before) / IDLE * 100, sum(map(memory_of, ours)))


def with_children(process: int) -> list[int]:
    """This process, and all that it and they have started."""
    started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in started for one in with_children(int(child)))]


def processor(processes: list[int]) -> float:
    """Seconds of a processor that they have used."""
    ticks = 0
    for process in processes:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(process: int) -> float:
    """MiB of a process; of what several share each has its part. One that has ended has none."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except ProcessLookupError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


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
