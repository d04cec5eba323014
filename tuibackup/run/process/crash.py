"""Records an unexpected error: one line for the record, the traceback in a file, without local variables.

If a disk or its rights refuse something, the program is not at fault: that gives a sentence and no traceback.
"""

import errno
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tuibackup import __version__
from tuibackup.answering import GONE
from tuibackup.text import printable
from tuibackup.words import joined, sentence


def record(error: BaseException, state: Path) -> str:
    """Write the traceback to `<state>/crash/` (0600) and return the line to record.

    Locals, and the error's text in the line, are left out on purpose: they may hold a secret.
    """
    line = line_of(error)
    if _of_the_system(error):
        return line
    lines = [printable(line) for part in traceback.format_exception(error) for line in part.splitlines()]
    try:
        folder = state / "crash"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{os.getpid()}.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", errors="backslashreplace") as file:
            file.write("\n".join((f"tuibackup {__version__}", *lines, "")))
    except OSError as problem:
        return sentence(
            "{line}; its details could not be written: {error}", line=line, error=problem.strerror
        )
    return sentence("{line}; please report it with {path}", line=line, path=path)


def line_of(error: BaseException) -> str:
    """The kind of error and its place in our code; for a disk's error the file and the way out."""
    if _of_the_system(error):
        assert isinstance(error, OSError)
        where = (
            printable(os.fsdecode(error.filename))
            if isinstance(error.filename, str | bytes)
            else sentence("a disk")
        )
        return joined("", (where, f": {error.strerror}; ", _WAYS_OUT[error.errno or 0]))
    return sentence("internal error {name} in {place}", name=type(error).__name__, place=_place(error))


_WAYS_OUT = {
    **GONE,
    errno.ENOSPC: sentence("make room there"),
    errno.EDQUOT: sentence("make room there, or raise the quota"),
    errno.EFBIG: sentence("the file system, or ulimit -f, allows no larger file"),
    errno.EROFS: sentence("it is mounted read-only: see dmesg, then mount it again"),
    errno.EACCES: sentence("check its owner and mode"),
    errno.EPERM: sentence("check its owner and mode (and lsattr)"),
    errno.ENOTDIR: sentence("a file lies where a folder is needed: move it away"),
    errno.EISDIR: sentence("a folder lies where a file is needed: move it away"),
    errno.ELOOP: sentence("a symbolic link lies there: move it away"),
    errno.EMFILE: sentence("too many open files: raise ulimit -n"),
    errno.ENFILE: sentence("too many open files on this machine"),
    errno.ENOLCK: sentence("this file system has no locks: use a local disk"),
}


def _of_the_system(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _WAYS_OUT


def _place(error: BaseException) -> str:
    """The innermost place in our own code, as FILE:LINE."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tuibackup" in frame.filename]
    if not frames:
        return sentence("an unknown place")
    return f"{'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}"
