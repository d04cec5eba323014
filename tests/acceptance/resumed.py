"""What runs over a line that is cut fetch and leave, for the tests of going on."""

import filecmp
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.site import Said, Site
from tests.ticking import ticking_ahead
from tuibackup.run.process.child import NAME

MB = 1_000_000
HELLO = 60_000  # bytes at most for a login, the probe and the ends of channels


def random_files(folder: Path, number: int, size: int, name: str = "small") -> int:
    """`number` files of `size` random bytes; the bytes of all."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in range(number):
        (folder / f"{name}-{one:04}").write_bytes(os.urandom(size))
    return number * size


def settle(site: Site) -> None:
    """What is younger than two seconds when it is listed might change unseen, and is fetched again by the next run."""
    ticking_ahead(site.folder, 10)


def members(snapshot: Path) -> Counter[str]:
    """How often each file lies in the snapshot's own archives."""
    found: Counter[str] = Counter()
    for archive in snapshot.glob("*.tar.zst"):
        listed = subprocess.run(
            ["tar", "--zstd", "-tf", archive], capture_output=True, text=True, check=True
        ).stdout
        found.update(listed.splitlines())
    return found


def nothing_twice(snapshot: Path, root: Path) -> None:
    """Every file below `root` lies in the snapshot's own archives, once."""
    files = {str(path)[1:] for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    found = members(snapshot)
    assert set(found) == files
    assert set(found.values()) == {1}, [name for name, times in found.items() if times > 1]


def progress(said: Said) -> list[dict[str, Any]]:
    """What was told while files came (not of the look at what was stored)."""
    return [
        event
        for event in said.events
        if event["event"] == "step-progress"
        and "items-total" in event
        and not event.get("current", "").startswith("checking ")
    ]


def restores(site: Site, root: Path, name: str = "restored") -> None:
    """The newest snapshot equals the source."""
    target = site.folder / name
    said = site.tuibackup("restore", "siakad/files/latest", "--to", str(target), timeout=600)
    assert said.code == 0, said.err
    same(root, target / str(root)[1:])


def verifies(site: Site) -> None:
    """Every byte of every snapshot is proven."""
    said = site.tuibackup("verify", "siakad", timeout=600)
    assert said.code == 0, said.out + said.err


def same(one: Path, other: Path) -> None:
    compared = filecmp.dircmp(one, other)
    assert not compared.left_only + compared.right_only + compared.funny_files
    _, mismatch, errors = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
    assert not mismatch + errors
    for name in compared.common_dirs:
        same(one / name, other / name)


def done_after_cuts(said: Said, cuts: int) -> dict[str, Any]:
    """The run is done, says how often the line was cut, and left nothing."""
    finished = said.finished
    assert finished["outcome"] == "done", said.out + said.err
    notes = [event["text"] for event in said.events if event["event"] == "run-note"]
    lost = [note for note in notes if note.startswith("connection lost")]
    assert len(lost) == cuts, notes
    words = "reconnected once" if cuts == 1 else f"reconnected {cuts} times"
    assert words in finished["files"]["detail"]
    return finished


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that in time")


def kill(journal: Path) -> None:
    """End the run's own process as the kernel would when memory is short."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            held = [os.readlink(one) for one in folder.iterdir()]
            if str(journal) in held and (folder.parent / "comm").read_text() == f"{NAME}\n":
                os.kill(int(folder.parent.name), signal.SIGKILL)
        except OSError:
            continue
