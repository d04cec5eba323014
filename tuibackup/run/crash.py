"""An internal error in a run: one line for the record, the traceback in a file, without local variables."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tuibackup import __version__
from tuibackup.text import printable


def record(error: BaseException, state: Path) -> str:
    """Write the traceback to `<state>/crash/` (0600) and return the line to record.

    Locals, and the error's text in the line, are left out on purpose: they may hold a secret.
    """
    line = line_of(error)
    lines = [printable(line) for part in traceback.format_exception(error) for line in part.splitlines()]
    try:
        folder = state / "crash"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{os.getpid()}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", errors="backslashreplace") as file:
            file.write("\n".join((f"tuibackup {__version__}", *lines, "")))
    except OSError as problem:
        return f"{line}; its details could not be written: {problem.strerror}"
    return f"{line}; please report it with {path}"


def line_of(error: BaseException) -> str:
    """What kind of error it is, and where in our code."""
    return f"internal error {type(error).__name__} in {_place(error)}"


def _place(error: BaseException) -> str:
    """The innermost place in our own code, as FILE:LINE."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tuibackup" in frame.filename]
    if not frames:
        return "an unknown place"
    return f"{'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}"
