"""What a command tells the attendant that waits for it (`cli.attendant`): on which disks it depends, and its end.

Nothing is told where there is none, as in a test that calls `main`.
"""

import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tuibackup.words import _

_line: socket.socket | None = None  # to the attendant; None if there is none


class Disk(NamedTuple):
    """A disk on which the command depends, and what is said of it."""

    path: Path
    silent: str  # with {seconds}
    again: str
    left: str  # with {process}


class Free(NamedTuple):
    """The command does not depend on the disk below `path` any more."""

    path: Path


class Closing(NamedTuple):
    """What is missing at the end of what was printed: it is printed if the command is left behind."""

    text: str


class End(NamedTuple):
    """The command is over, and only its threads are not."""

    code: int


def depends_on(path: Path, silent: str) -> None:
    """From now on the command depends on the disk below `path`; `silent` says that it does not answer, {seconds} s."""
    _tell(
        Disk(
            path,
            silent,
            _("it answers again"),
            _("process {process} hangs there and stays until the disk answers"),
        )
    )


def free_of(path: Path) -> None:
    """No more: the command looks after itself, or is done there."""
    _tell(Free(path))


@contextmanager
def depending_on(path: Path, silent: str) -> Iterator[None]:
    """`depends_on` for a block."""
    depends_on(path, silent)
    try:
        yield
    finally:
        free_of(path)


def closing(text: str) -> None:
    """`text` makes whole what has been printed so far: "" if that is whole."""
    _tell(Closing(text))


def over(code: int) -> None:
    """The command is over, with this exit code."""
    _tell(End(code))


def _tell(message: object) -> None:
    if _line is not None:
        with suppress(OSError):
            _line.send(pickle.dumps(message))


def by(line: socket.socket) -> None:
    """From now on an attendant listens at the other end of `line`."""
    global _line
    _line = line
