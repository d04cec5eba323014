"""What the ledger costs as it grows: `python -m benchmarks.ledger [--sizes 10000,100000,1000000] [--folder DIR]`.

Ledgers of a hundred servers with a run a day, of those lengths. Of each question the median of 20 answers, in
milliseconds of this process's processor time and of the clock; then how long 16 processes take to append together, and
how long it takes to add up, check and export it all.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.ledger import million
from tuibackup.ledger import Kind, Ledger
from tuibackup.overview.room import room_of
from tuibackup.sop import Clock, Step

ROUNDS = 20
WRITERS, EACH = 16, 25
SERVER = "server-050"
RARE = ["restore", "drill", "hold"]
QUESTIONS: dict[str, Callable[[Ledger], object]] = {
    "clocks of all servers": lambda ledger: ledger.clock_facts(),
    "clocks of one server": lambda ledger: ledger.clock_facts(SERVER),
    "last runs of all servers": lambda ledger: ledger.last_runs(),
    "last try of a clock": lambda ledger: ledger.last_try(SERVER, Clock.FILES),
    "times of a step": lambda ledger: ledger.history(SERVER, Step.DUMP),
    "the newest 200 entries": lambda ledger: ledger.log(200),
    "the newest 200 runs of a server": lambda ledger: ledger.log(200, server=SERVER, kinds=["run"]),
    "the newest 200 of a server, any kind": lambda ledger: ledger.log(200, server=SERVER),
    "what happened on the last day": lambda ledger: ledger.log(200, since=million.LAST - timedelta(days=1)),
    "restores, drills and holds, of which there are none": lambda ledger: ledger.log(200, kinds=RARE),
    "one run's entries": lambda ledger: ledger.of_run(f"{million.LAST:%Y-%m-%dT%H%M%SZ}-server-099"),
    "the last check, the last seals": lambda ledger: (ledger.last_check(), ledger.last_seals()),
    "room and growth of a server": lambda ledger: room_of(ledger, [SERVER], million.LAST),
    "an entry appended": lambda ledger: ledger.append(Kind.NOTE, {"text": "a note"}, operator="andi"),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sizes", default="10000,100000,1000000")
    words.add_argument("--folder", type=Path, help="where the ledgers are made (default: a temporary folder)")
    told = words.parse_args()
    sizes = [int(size) for size in told.sizes.split(",")]
    columns: dict[str, list[str]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=told.folder) as place:
            for name, figure in _measured(Path(place) / "ledger.sqlite", size):
                columns.setdefault(name, []).append(figure)
    print("| | " + " | ".join(f"{size:,} entries" for size in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    for name, figures in columns.items():
        print(f"| {name} | {' | '.join(figures)} |")


def _measured(path: Path, size: int) -> list[tuple[str, str]]:
    million.write(path, size)
    found = [("the file", f"{path.stat().st_size / 2**20:,.0f} MiB")]
    with Ledger.open(path) as ledger:
        for name, question in QUESTIONS.items():
            question(ledger)
            took = [_took(question, ledger) for _round in range(ROUNDS)]
            figures = [statistics.median(one) * 1000 for one in zip(*took, strict=True)]
            found.append((name, "{:.1f} / {:.1f} ms".format(*figures)))
        found.append((f"{WRITERS} processes append {WRITERS * EACH:,} together", f"{_together(path):.1f} s"))
        for name, question in WHOLE.items():
            found.append((name, "{:.1f} / {:.1f} s".format(*_took(question, ledger))))
    return found


def _took(question: Callable[[Ledger], object], ledger: Ledger) -> tuple[float, float]:
    """Seconds of the processor, and of the clock."""
    begun = time.process_time()
    seconds = _seconds(question, ledger)
    return time.process_time() - begun, seconds


def _seconds(question: Callable[[Ledger], object], ledger: Ledger) -> float:
    begun = time.perf_counter()
    question(ledger)
    return time.perf_counter() - begun


def _sound(ledger: Ledger) -> None:
    assert ledger.verify_chain().problems == ()


def _exported(ledger: Ledger) -> None:
    with Path(os.devnull).open("w") as file:
        file.writelines(f"{line}\n" for _seq, line in ledger.lines())


def append(path: Path) -> None:
    """What one of the processes does."""
    with Ledger.open(path) as ledger:
        for _number in range(EACH):
            ledger.append(Kind.NOTE, {"text": "a note"}, operator="andi")


def _together(path: Path) -> float:
    writers = [multiprocessing.Process(target=append, args=(path,)) for _ in range(WRITERS)]
    begun = time.perf_counter()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    return time.perf_counter() - begun


WHOLE: dict[str, Callable[[Ledger], object]] = {
    "room and growth of all servers": lambda ledger: room_of(ledger, million.SERVERS, million.LAST),
    "all of it checked": _sound,
    "all of it exported": _exported,
}

if __name__ == "__main__":
    main()
