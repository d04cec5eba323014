"""Browsing a snapshot of a million files in the cockpit: `python -m benchmarks.browse [--files 1000000] [--rounds 7]`.

One of its folders has a tenth of the names. The index is written with plain SQL: what is browsed has no content. Each
time is that from the key to the answer on the screen of a pseudo-terminal; the machine may be busy with others.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.terminal import Terminal
from tuibackup.config.read import load
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock, Outcome
from tuibackup.vault import summary
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.index.schema import FILE_NAME

TUIBACKUP = str(Path(sys.executable).parent / "tuibackup")
SERVER = "siakad"
_IN_FOLDER = 1000  # names in each of the other folders
_MOMENT = "2026-01-01T00:00:00Z"
_ROW = """INSERT INTO entry SELECT ?, root, ?, ?, ?, 420, owner, 1234, mtime_ns, ctime_ns, filesystem, 0, 1, NULL
    FROM entry WHERE parent < 0"""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--files", type=int, default=1_000_000)
    words.add_argument("--rounds", type=int, default=7)
    told = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        environment = stored(Path(place), told.files)
        print(f"{told.files:,} names\n\n| | median | slowest |\n|---|---|---|")
        for name, seconds in measure(environment, told.files, told.rounds).items():
            print(f"| {name} | {statistics.median(seconds) * 1000:.0f} ms | {max(seconds) * 1000:.0f} ms |")


def stored(home: Path, files: int) -> dict[str, str]:
    """A vault below `home` with one snapshot of `files` names; the environment that finds it."""
    (home / "vault").mkdir(mode=0o700)
    path = home / ".config" / "tuibackup" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[vault]\npath = "{home}/vault"\nmin_free = "1 MB"\n'
        f'[servers.{SERVER}]\nhost = "127.0.0.1"\nport = 9\nuser = "backup"\nfolders = ["/srv"]\n'
    )
    path.chmod(0o600)
    incoming = Incoming.create(open_vault(load(path)), SERVER, "browse", Clock.FILES)
    writer = incoming.index()
    root = writer.add_root(b"/srv", b"/srv")
    writer.add(
        root, [Entry(b"", Kind.FOLDER, 0o755, 0, 0, b"root", b"root", 0, 0, 0, 1, 1, 1, b"ext4", None)]
    )
    writer.finish()
    snapshot = incoming.publish(
        summary.SnapshotSummary(
            server=SERVER, clock=Clock.FILES, run="browse", started=_MOMENT, finished=_MOMENT, operator="andi",
            outcome=Outcome.DONE, whole=True, files=files,
        )
    )  # fmt: skip
    index = snapshot.path / FILE_NAME
    snapshot.path.chmod(0o700)
    index.chmod(0o600)
    db = sqlite3.connect(index)
    with db:
        (top,) = db.execute("SELECT id FROM entry WHERE parent < 0").fetchone()
        db.executemany(_ROW, _rows(top, files))
    db.close()
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color"}


def _rows(top: int, files: int) -> Iterator[tuple[int, int, bytes, str]]:
    """Id, folder, name and kind of everything below the entry `top`."""
    number = top + 1
    many = number
    yield many, top, b"many", "d"
    for at in range(files // 10):
        number += 1
        yield number, many, b"krs-%07d.pdf" % at, "f"
    folder = many
    for at in range(files - files // 10):
        if at % _IN_FOLDER == 0:
            number += 1
            folder = number
            yield folder, top, b"tree-%04d" % (at // _IN_FOLDER), "d"
        number += 1
        yield number, folder, b"upload-%07d.bin" % at, "f"
    yield number + 1, folder, b"Needle.txt", "f"


def measure(environment: Mapping[str, str], files: int, rounds: int) -> dict[str, list[float]]:
    """Seconds from a key to its answer, by what it does."""
    found: dict[str, list[float]] = {}
    with Terminal([TUIBACKUP], environment, columns=100, rows=30) as seat:
        seat.wait_for(SERVER, "q quit", seconds=120)
        seat.settle()

        def press(keys: str, *shown: str, what: str = "") -> None:
            began = time.monotonic()
            seat.send(keys)
            while not all(word in seat.text for word in shown):
                assert time.monotonic() - began < 30, f"{shown}:\n{seat.text}"
                time.sleep(0.001)
            if what:
                found.setdefault(what, []).append(time.monotonic() - began)
            seat.settle(0.3)

        for _round in range(rounds):
            press("r", "newest first", "files", what="the list of snapshots (`r`)")
            press("\r", "all of it", "/srv", what="the snapshot (enter)")
            press("\r", "many/", "tree-0000", what="its folder (enter)")
            press("\r", "krs-0000000", what="the folder with a tenth of the names (enter)")
            press("\x1b[6~", "krs-0000030", what="a page down in it")
            press("\x1b[F", f"krs-{files // 10 - 1:07}", what="its end")
            press("/", "esc")
            press("needle", "needle")
            press("\r", "1 found", "Needle.txt", what="a name that is there once (`/`)")
            press("\r", "tree-", "Needle.txt", "upload-", what="where it lies (enter)")
            press("/", "esc")
            press("upload", "upload")
            press("\r", "and more", what="a name of which there is more than is listed (`/`)")
            press("/", "esc")
            press("n*t?there", "n*t?there")
            press("\r", "nothing has that", what="a pattern that nothing matches (`/`)")
            for _up in range(6):
                if "newest first" not in seat.text:
                    press("\x1b")
            press("\x1b", "q quit")
    return found


if __name__ == "__main__":
    main()
