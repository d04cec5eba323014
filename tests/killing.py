"""A process of the program that is killed, or stopped, at one of its file operations (see killing.c)."""

import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("killing.c")
JOB = "tuibackup-job"


@dataclass(frozen=True)
class Killing:
    """`environment` for the program; `log` has a line for each operation that was counted."""

    library: Path
    log: Path

    def environment(
        self, under: Path, at: int, *, name: str = JOB, number: signal.Signals = signal.SIGKILL
    ) -> dict[str, str]:
        """The process called `name` gets the signal before its operation `at` below that folder (0: never)."""
        self.log.unlink(missing_ok=True)
        return {
            "LD_PRELOAD": str(self.library),
            "KILL_NAME": name,
            "KILL_UNDER": str(under),
            "KILL_AT": str(at),
            "KILL_SIGNAL": str(int(number)),
            "KILL_LOG": str(self.log),
        }

    @property
    def operations(self) -> list[str]:
        """What was counted: "3 rename /…"."""
        return self.log.read_text().splitlines() if self.log.exists() else []


def killing_library(folder: Path) -> Killing:
    """The library, made in `folder`; the test is skipped where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("a process is killed at one operation by a library made with gcc")
    library = folder / "killing.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return Killing(library, folder / "operations")
