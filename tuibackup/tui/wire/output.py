"""Writes to the terminal in a thread, so that nobody waits for a terminal that does not read or is gone."""

import os
import threading
from collections.abc import Callable


class Output:
    """Writes to `file`; `written` is called, in the thread, whenever nothing is left to write.

    A terminal that is gone swallows everything: what is sent then is dropped.
    """

    def __init__(self, file: int, written: Callable[[], None]) -> None:
        self._file = file
        self._written = written
        self._waiting = b""
        self._busy = False
        self._ended = False
        self._gone = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether everything that was sent has been written."""
        with self._changed:
            return self._idle()

    def _idle(self) -> bool:
        return not self._busy and not self._waiting

    def send(self, text: str) -> None:
        """Have `text` written after everything that waits. Never blocks."""
        data = text.encode("utf-8", "replace")
        with self._changed:
            if not self._gone:
                self._waiting += data
                self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until all is written, at most `seconds`; whether it is."""
        with self._changed:
            return self._changed.wait_for(self._idle, seconds)

    def close(self) -> None:
        """End the thread once all is written; does not wait for it."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                data, self._waiting = self._waiting, b""
                self._busy = bool(data)
            if not data:
                return
            try:
                while data:
                    data = data[os.write(self._file, data) :]
            except OSError:  # EIO: the terminal is gone
                self._gone = True
            with self._changed:
                self._waiting = b"" if self._gone else self._waiting
                self._busy = False
                idle = self._idle()
                self._changed.notify_all()
            if idle:
                self._written()
