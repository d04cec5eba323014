"""stdout and stderr of a command; their terminal or reader may go away at any moment (`tuibackup log | head`).

That is no fault of ours, and none of the disk or the connection that is worked on: so it is told apart where it
happens.
"""

import errno
import io
import os
import sys
from typing import Any

from tuibackup.errors import TuibackupError
from tuibackup.words import _

BROKEN_PIPE = 141  # what a shell shows for a program that SIGPIPE ended
HUNG_UP = 129  # and SIGHUP


class GoneError(Exception):
    """Nobody reads stdout any more. `exit_code` is what a shell shows for a program that ends because of that."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("nobody reads what is printed")
        self.exit_code = exit_code


def replace() -> None:
    """Take over the process's standard files. A file that was closed at the start becomes /dev/null.

    Else the ledger, say, would become number 1, and what is printed would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 # for good
    sys.stdout = _text(_Out(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Err(2, "w", closefd=False), sys.stderr)


def _text(raw: io.FileIO, before: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else None,
        errors=before.errors if before else None,
        line_buffering=raw.isatty() or raw.fileno() == 2,
    )


class _Out(io.FileIO):
    """The first failed write ends the command; what is still buffered is dropped."""

    _ended = False

    def write(self, data: Any) -> int:
        if self._ended:
            return len(data)
        try:
            return super().write(data) or 0
        except OSError as error:
            self._ended = True
            if error.errno == errno.EPIPE:
                raise GoneError(BROKEN_PIPE) from error
            if error.errno in (errno.EIO, errno.ENXIO):
                raise GoneError(HUNG_UP) from error
            raise TuibackupError(
                _("the output cannot be written: {reason}").format(reason=error.strerror)
            ) from error


class _Err(io.FileIO):
    """A failed write to stderr is ignored."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)
