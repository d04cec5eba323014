"""A thread that sees signals and hang-ups even while everything else hangs, and ends the process in time.

Python runs handlers of signals in the main thread and asyncio's in its loop: neither comes as long as the main thread
waits for something. The number of a signal is written into a pipe by the C handler itself, and this thread reads it.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

_ENDS = (signal.SIGHUP, signal.SIGTERM)


class Watch:
    """`told` is called, in the thread, with each of the signals `also`; `gone` once, when an end is asked for.

    That is SIGHUP, SIGTERM, or a `terminal` that hung up: only the leader of a terminal's session gets a SIGHUP. From
    then on the process has `patience` seconds to end by itself.
    """

    def __init__(
        self,
        terminal: int,
        gone: Callable[[], None],
        told: Callable[[int], None],
        *,
        also: Iterable[signal.Signals] = (),
        patience: float = 3.0,
    ) -> None:
        """Must be called in the main thread."""
        self._gone, self._told, self._patience = gone, told, patience
        self._terminal = terminal
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (*_ENDS, *also):
            signal.signal(number, _nothing)
        threading.Thread(target=self._run, name="terminal-watch", daemon=True).start()

    def end_within(self, seconds: float, code: int) -> None:
        """End the process with `code` after `seconds`, if it still runs."""
        end = threading.Timer(seconds, os._exit, (code,))
        end.daemon = True
        end.start()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        poll.register(self._terminal, 0)  # a hang-up is always told
        ended = False
        while True:
            before = ended
            for file, _event in poll.poll():
                if file == self._terminal:
                    poll.unregister(file)
                    ended = True
                    continue
                for number in os.read(self._reading, 64):
                    if number in _ENDS:
                        ended = True
                    else:
                        self._told(number)
            if ended and not before:
                self.end_within(self._patience, 128 + signal.SIGHUP)
                with suppress(RuntimeError):  # the loop is closed: the process ends already
                    self._gone()


def _nothing(_number: int, _frame: object) -> None:
    """Does nothing: with a Python handler set, the one in C writes into the pipe."""
