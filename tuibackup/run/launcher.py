"""The launcher from the outside: started as early as a face can, so that it imports what runs need beside us.

A run's imports take longer than all that a face does before it starts one, reading the configuration included. So the
launcher (`run.child`) is started first, gets its request when that is known, and is ended where there is none.
"""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

# Nothing that is imported becomes garbage, so nobody looks for garbage meanwhile: a tenth of the time.
_PROGRAM = "import gc; gc.disable(); from tuibackup.run.child import main; main()"


class Launcher:
    """One launcher process, which takes one request; leaving the block without one ends it. Raises OSError."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = os.memfd_create("launcher")  # in memory: where the state lies is not known yet
        self._used = False
        try:
            self._process = subprocess.Popen(
                # -P: a file named like one of our modules in the folder we were started in is not imported
                [sys.executable, "-P", "-c", _PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            self._line.close()
            os.close(self._errors)
            raise
        finally:
            theirs.close()

    def launch(self, errors: Path, messages: list[tuple[bytes, tuple[int, ...]]]) -> None:
        """Hand over the request, each message with the open files that go with it; they stand on no command line.

        What the launcher's Python has to say is kept in `errors`, where that is anything.
        """
        self._used = True
        # It ends by itself once it has forked; somebody must take its exit status.
        threading.Thread(target=self._end, args=(errors,), daemon=True, name="launcher").start()
        with self._line, suppress(BrokenPipeError, ConnectionResetError):  # it died: its runs' journals tell
            for message, files in messages:
                socket.send_fds(self._line, [message], files)

    def _end(self, errors: Path) -> None:
        self._process.wait()
        with open(self._errors, "rb") as said:
            said.seek(0)
            text = said.read()
        if text:
            with suppress(OSError):
                errors.touch(0o600)
                errors.write_bytes(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._used:
            self._line.close()
            self._process.kill()
            self._process.wait()
            os.close(self._errors)
