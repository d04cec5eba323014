"""The program on another day: its clock, and that of what it starts, is moved by a library (see moved.c)."""

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("moved.c")


def moved_library(folder: Path) -> Path:
    """The library, made in `folder`; the test is skipped where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("the clock is moved by a library made with gcc")
    library = folder / "moved.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(_SOURCE), "-ldl"], check=True
    )
    return library


def moved(library: Path, days: float) -> dict[str, str]:
    """An environment in which it is so many days later, or earlier, than it is."""
    return {"LD_PRELOAD": str(library), "MOVED_BY": str(round(days * 86400))}
