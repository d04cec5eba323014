"""One command, measured from outside: time, processor time and memory, with the processes it leaves behind.

A process of ours stands between and is the subreaper of everything below it: what detaches itself, as our runs
do, comes back to it at its end and is counted like the rest.
"""

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")


class Measured(NamedTuple):
    """`seconds` from start to exit, `cpu` seconds on our side, `peak` bytes of the largest process (never below
    that of the benchmark itself), and the exit code."""

    seconds: float
    cpu: float
    peak: int
    code: int


def measure(command: Sequence[str], log: Path) -> Measured:
    """Run `command` to its end, output to `log`; returns when all that it started has ended as well."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            os.write(writing, json.dumps(_measure(command, log)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(between, 0)
    return Measured(*json.loads(said))


def _measure(command: Sequence[str], log: Path) -> Measured:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    seconds, cpu, peak, code = 0.0, 0.0, 0, 1
    while True:
        try:
            pid, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            return Measured(seconds, cpu, peak, code)
        if pid == process.pid:
            seconds, code = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss * 1024)


def served_cpu(pid: int) -> float:
    """Processor seconds of all sessions that the sshd `pid` has served; waits until none is open."""
    for _attempt in range(100):
        if not Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            break
        time.sleep(0.01)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


def child_named(name: str) -> int:
    """The process id of our own child of that name."""
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text().strip() == name:
            return int(child)
    raise LookupError(name)
