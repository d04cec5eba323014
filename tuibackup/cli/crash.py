"""An error that is our own fault: one line for the person, the rest in a file without local variables."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tuibackup import __version__
from tuibackup.text import printable
from tuibackup.words import _


def record(error: BaseException, state: Path | None) -> str:
    """Write the traceback to `<state>/crash/` (0600) and return the line to show.

    Local variables are left out on purpose: they may hold a password. So is the error's text on the screen.
    """
    kind = type(error).__name__
    try:
        folder = (state or _default_state()) / "crash"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{os.getpid()}.txt"
        lines = "".join(traceback.format_exception(error))
        text = f"tuibackup {__version__}\n" + "\n".join(printable(line) for line in lines.splitlines()) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", errors="backslashreplace") as file:
            file.write(text)
    except OSError as problem:
        return _("internal error {kind}; its details could not be written ({problem})").format(
            kind=kind, problem=problem.strerror
        )
    return _("internal error {kind}; details in {file}").format(kind=kind, file=path)


def _default_state() -> Path:
    from platformdirs import user_state_path

    return user_state_path("tuibackup")
