"""The processes of the installed command: the one that was started, and the one that carries the command out."""

import os
import time
from pathlib import Path


def children(pid: int) -> dict[str, int]:
    """The children of a process, by the names that ps shows."""
    found: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            try:
                found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
            except OSError:  # it has just ended
                continue
    return found


def carrying_out(pid: int) -> int:
    """The process that carries out the command that was started as `pid`."""
    return children(pid)["tuibackup"]


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def there(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(*pids: int, within: float = 30) -> None:
    """Wait until all of them have ended."""
    deadline = time.monotonic() + within
    while left := [pid for pid in pids if there(pid)]:
        assert time.monotonic() < deadline, f"the cockpit stays: {left}"
        time.sleep(0.05)
