"""What history costs at a start: `python -m benchmarks.history [--rounds 15] [--folder DIR]`.

100 servers with a run a day for 90 days, a journal each, and all their snapshots, written by the program's own ledger,
journals and vault; beside it the same configuration with nothing behind it. Measured in turns, from outside: `status`;
`run` from its start until it is connected; the cockpit from its start to its first complete picture.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.past import finished_runs, publish
from tests.ledger.million import SERVERS, write
from tests.terminal import Terminal
from tuibackup.config import Config, load
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.process.recovery import recover

ENTRIES = 6  # of a run in the ledger
TUIBACKUP = str(Path(sys.executable).parent / "tuibackup")
_COMPLETE = (b"never", b"OVERDUE", b"in time", b"failed")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=15)
    words.add_argument("--days", type=int, default=90)
    words.add_argument("--folder", type=Path, help="where the states are made (default: a temporary folder)")
    told = words.parse_args()
    with tempfile.TemporaryDirectory(dir=told.folder) as place, PrivateSshd(Path(place) / "sshd") as sshd:
        empty = configured(Path(place) / "empty", sshd)
        full = configured(Path(place) / "full", sshd)
        snapshots, journals = fill(full, told.days)
        print(f"{len(SERVERS)} servers, {told.days} days: {journals:,} journals, {snapshots:,} snapshots\n")
        print("| | nothing behind it | with its history | ratio |\n|---|---|---|---|")
        for title, measured in (("`status`", status), ("`run` until connected", run), ("cockpit", cockpit)):
            for config in (empty, full):
                measured(config)
            pairs = [(measured(empty), measured(full)) for _round in range(told.rounds)]
            before, after = (statistics.median(one) for one in zip(*pairs, strict=True))
            print(f"| {title} | {before:.3f} s | {after:.3f} s | {after / before:.2f} |", flush=True)


def configured(folder: Path, sshd: PrivateSshd) -> Config:
    """A configuration of all the servers, each reached at `sshd`, with a vault that holds nothing."""
    (folder / "vault").mkdir(mode=0o700, parents=True)
    (folder / "www").mkdir()
    (folder / "www" / "index.php").write_text("<?php\n")
    (folder / ".ssh").mkdir(mode=0o700)
    (folder / ".ssh" / "known_hosts").write_text("".join(f"{line}\n" for line in sshd.known_hosts_lines))
    text = f'state = "{folder}/state"\n[vault]\npath = "{folder}/vault"\nmin_free = "1 MB"\n'
    for name in SERVERS:
        text += f'[servers.{name}]\nhost = "127.0.0.1"\nport = {sshd.port}\nuser = "{sshd.user}"\n'
        text += f'key = "{sshd.client_key}"\nfolders = ["{folder}/www"]\n[servers.{name}.database]\n'
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    config = load(path)
    open_vault(config)
    return config


def fill(config: Config, days: int) -> tuple[int, int]:
    """Ledger, journals and snapshots of all the days; how many snapshots and journals that are."""
    write(config.state / "ledger.sqlite", len(SERVERS) * days * ENTRIES)
    with open_ledger(config) as ledger:
        specs = sorted(spec for server in SERVERS for spec in ledger.snapshots(server))
    publish(config, specs)
    journals = finished_runs(config, 10**9)
    time.sleep(2.5)  # what is younger than two seconds is looked at again by every start
    recover(config)
    return len(specs), journals


def environment(config: Config) -> dict[str, str]:
    home = str(config.source.parent)
    return {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color"}


def command(config: Config, *words: str) -> list[str]:
    return [TUIBACKUP, "--config", str(config.source), *words]


def status(config: Config) -> float:
    began = time.perf_counter()
    subprocess.run(command(config, "status"), env=environment(config), stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def run(config: Config) -> float:
    """Seconds until step 1 is done; the run is then watched to its end."""
    began, seconds = time.perf_counter(), 0.0
    words = command(config, "run", SERVERS[0], "--only", "files", "--json")
    with subprocess.Popen(words, env=environment(config), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "step-finished" and event["step"] == "connect":
                assert event["outcome"] == "done", event
                seconds = time.perf_counter() - began
    assert process.returncode == 0, "the run ended well"
    return seconds


def cockpit(config: Config) -> float:
    """Seconds until the bar at the top tells how the clocks stand."""
    began = time.perf_counter()
    with Terminal(command(config), environment(config)) as seat:
        while not any(word in seat.raw for word in _COMPLETE):
            assert time.perf_counter() - began < 60, seat.text
            time.sleep(0.002)
        seconds = time.perf_counter() - began
        with suppress(OSError):
            seat.send("q")
        seat.wait()
    return seconds


if __name__ == "__main__":
    main()
