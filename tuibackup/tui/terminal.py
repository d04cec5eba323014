"""The terminal is left as it was, however the cockpit ends: by `q`, a crash, a signal, or `kill -9`.

Textual tidies up after itself where it is let. For all other ends a process of ours waits until the cockpit's is gone.
"""

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

# Undoes each mode that a full-screen program sets, as Textual 8.2.8 does. It does no harm if a mode was not set.
_MODES_OFF = (
    b"\x1b[?2026l"  # synchronized output
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse; Textual leaves 1016 on
    b"\x1b[?2048l\x1b[?2004l\x1b[?1004l"  # reports of size, paste and focus
    b"\x1b[?7h\x1b[0m\x1b[?25h"  # wrapping, plain letters, the cursor
)
_LEAVE_SCREEN = b"\x1b[?1049l"  # once only: a second one would move the cursor
_PATIENCE = 5  # seconds in which a terminal must take these bytes
NAME = "tuibackup-guard"


@contextmanager
def left_as_it_was() -> Iterator[None]:
    """Restore the terminal at the end of the block, or of this process. Call it while there is one thread."""
    terminal = sys.__stdout__.fileno() if sys.__stdout__ else 1
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return
    ended, alive = os.pipe()
    guard = os.fork()
    if guard == 0:
        _guard(terminal, before, ended, alive)
    os.close(ended)
    try:
        yield
    finally:
        with suppress(OSError):  # the terminal is gone
            os.write(terminal, _MODES_OFF)
        with suppress(OSError):  # so is the guard
            os.write(alive, b"in order")
        os.close(alive)
        os.waitpid(guard, 0)


def _guard(terminal: int, before: list[Any], ended: int, alive: int) -> NoReturn:
    """Wait for the end of the other process; unless it said that the terminal is in order, restore it."""
    try:
        os.setsid()  # a signal to the cockpit's group does not end this; and it may set the terminal from outside
        os.close(alive)
        with suppress(OSError):
            Path("/proc/self/comm").write_text(NAME)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if not os.read(ended, 1):
            signal.alarm(_PATIENCE)
            termios.tcsetattr(terminal, termios.TCSANOW, before)  # first: the shell is at work already
            os.write(terminal, _MODES_OFF + _LEAVE_SCREEN)
    except (OSError, termios.error):  # the terminal is gone
        pass
    finally:
        os._exit(0)
