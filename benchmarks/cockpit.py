"""Bytes on the wire of the cockpit: `python -m benchmarks.cockpit [--size 80x24] [--rate 4000] [--seconds 15]`.

Four runs are under way, held back by a bandwidth limit. What is sent is replayed: how many cells look different after a
key than before, and how many bytes their characters have, which is what any program must send at least. Beside it
`htop`, `mc` and `tig` at the same size; what is not installed is said (Debian: apt install htop mc tig). Then the same
over a line of `--rate` bytes a second: how long each key takes until its answer begins to show, and is whole.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

TUIBACKUP = str(Path(sys.executable).parent / "tuibackup")
SERVERS = ("elearning", "lms", "repository", "siakad")
KEYS = (
    ("`/`", "/", "filter:"), ("esc", "\x1b", "q quit"), ("`?`", "?", "esc close"), ("esc", "\x1b", "q quit"),
    ("enter", "\r", "esc back"), ("esc", "\x1b", "q quit"), ("j", "j", "RUN lms"), ("tab", "\t", "q quit"),
)  # fmt: skip
SEEN = (
    ("main screen", "\x1b", "q quit"),
    ("server's page", "\r", "esc back"),
    ("help", "\x1b?", "esc close"),
)


class Cost(NamedTuple):
    """Bytes sent, cells that look different, and the bytes of these cells' characters."""

    sent: int
    cells: int
    least: int

    def __str__(self) -> str:
        return f"{self.sent:,} | {self.cells:,} | {self.least:,} | {self.sent / max(self.least, 1):.1f}"


class Meter:
    """What the terminal `seat` was sent, beside what changed on it."""

    def __init__(self, seat: Terminal) -> None:
        self.seat = seat
        self._sent = 0
        self._before: dict[tuple[int, int], tuple[object, ...]] = {}

    def cost(self) -> Cost:
        """Of everything since the last time."""
        screen, sent = self.seat.screen, self.seat.bytes_written
        now = {
            (y, x): (one.data, one.bg, one.reverse, one.underscore)
            + ((one.fg, one.bold) if one.data.strip() else ())
            for y in range(screen.lines)
            for x in range(screen.columns)
            for one in (screen.buffer[y][x],)
        }
        plain = (" ", "default", False, False)
        changed = [str(cell[0]) for place, cell in now.items() if self._before.get(place, plain) != cell]
        found = Cost(sent - self._sent, len(changed), sum(len(text.encode()) for text in changed))
        self._before, self._sent = now, sent
        return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--size", default="80x24")
    words.add_argument("--rate", type=int, default=4000, help="bytes a second of the slow line")
    words.add_argument("--seconds", type=float, default=15)
    told = words.parse_args()
    columns, rows = map(int, told.size.split("x"))
    with tempfile.TemporaryDirectory() as place, PrivateSshd(Path(place) / "sshd") as sshd:
        home = Path(place)
        environment = configured(home, sshd)
        runs = subprocess.Popen(
            [TUIBACKUP, "run", *SERVERS, "--json"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            print(
                f"{told.size}, four runs\n\n| | sent | cells changed | their bytes | ratio |\n|---|---|---|---|---|"
            )
            with Terminal([TUIBACKUP], environment, columns=columns, rows=rows) as seat:
                cockpit(seat, told.seconds)
            others(columns, rows, environment)
            print(
                f"\nat {told.rate:,} bytes a second: seconds until a key's answer begins to show, and is whole\n\n"
                "| | begins | whole |\n|---|---|---|"
            )
            with Terminal([TUIBACKUP], environment, columns=columns, rows=rows) as seat:
                slow(seat, told.rate)
        finally:
            for server in SERVERS:
                subprocess.run([TUIBACKUP, "stop", server], env=environment, capture_output=True, check=False)
            runs.wait()


def configured(home: Path, sshd: PrivateSshd) -> dict[str, str]:
    """A configuration with servers that a run needs minutes for; the environment that finds it."""
    (home / "vault").mkdir(mode=0o700)
    (home / "www").mkdir()
    for number in range(100):
        (home / "www" / f"upload-{number:03}.bin").write_bytes(os.urandom(400_000))
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text("".join(f"{line}\n" for line in sshd.known_hosts_lines))
    config = home / ".config" / "tuibackup" / "config.toml"
    config.parent.mkdir(parents=True)
    text = (
        f'[vault]\npath = "{home}/vault"\nmin_free = "1 MB"\n[run]\nparallel = 4\nbandwidth = ["400 kB/s"]\n'
    )
    for name in SERVERS:
        text += f'[servers.{name}]\nhost = "127.0.0.1"\nport = {sshd.port}\nuser = "{sshd.user}"\n'
        text += f'key = "{sshd.client_key}"\nfolders = ["{home}/www"]\n'
    config.write_text(text)
    config.chmod(0o600)
    return {
        "HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
        "TERM": "xterm-256color",  # and no COLORTERM: ssh does not pass it on
    }  # fmt: skip


def cockpit(seat: Terminal, seconds: float) -> None:
    meter = Meter(seat)
    seat.wait_for("step 2 of 4", "q quit", seconds=120)
    row("opening", meter.cost())
    for name, key, shown in KEYS:
        meter.cost()
        seat.send(key)
        seat.wait_for(shown)
        seat.settle(0.25, 2)
        row(f"cockpit: {name}", meter.cost())
    for name, key, shown in SEEN:
        seat.send(key)
        seat.wait_for(shown)
        time.sleep(1)
        row(f"cockpit: {name}, a second", a_second(meter, seconds))


def a_second(meter: Meter, seconds: float) -> Cost:
    """The cost of a second in which nothing is pressed."""
    meter.cost()
    began, costs = time.monotonic(), []
    while time.monotonic() - began < seconds:
        time.sleep(0.2)
        costs.append(meter.cost())
    passed = time.monotonic() - began
    return Cost(*(round(sum(part) / passed) for part in zip(*costs, strict=True)))


def others(columns: int, rows: int, environment: dict[str, str]) -> None:
    """The same of programs that people know."""
    source = str(Path(__file__).parents[1])
    keys = (("a row down", "\x1b[B"), ("help", "h"))
    programs: Sequence[tuple[str, list[str], Sequence[tuple[str, str]]]] = (
        ("htop", ["htop"], keys),
        ("mc", ["mc", "-d", "/usr", "/etc"], ()),
        ("tig", ["tig"], keys),
    )
    for name, command, pressed in programs:
        if not shutil.which(command[0]):
            print(f"| {name}: not installed | | | | |")
            continue
        with Terminal(command, environment, columns=columns, rows=rows, cwd=source) as seat:
            meter = Meter(seat)
            seat.settle(1.0)
            row(f"{name}: opening", meter.cost())
            for what, key in pressed:
                seat.send(key)
                time.sleep(0.5)
                row(f"{name}: {what}", meter.cost())
            if name == "htop":
                seat.send("q")
                row("htop: a second", a_second(meter, 6))


def slow(seat: Terminal, rate: int) -> None:
    seat.rate = rate
    began = time.monotonic()
    seat.wait_for("step 2 of 4", "q quit", seconds=120)
    print(f"| opening | | {time.monotonic() - began:.1f} |")
    for name, key, shown in KEYS:
        before, began = seat.text, time.monotonic()
        seat.send(key)
        first = 0.0
        while shown not in seat.text or seat.text == before:
            assert time.monotonic() - began < 60, seat.text
            first = first or (time.monotonic() - began if seat.text != before else 0.0)
            time.sleep(0.005)
        whole = time.monotonic() - began
        print(f"| {name} | {first or whole:.2f} | {whole:.2f} |", flush=True)


def row(name: str, cost: Cost) -> None:
    print(f"| {name} | {cost} |", flush=True)


if __name__ == "__main__":
    main()
