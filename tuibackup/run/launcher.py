"""The launcher from the outside: started as early as a face can, so that it imports what runs need beside us.

A run's imports take longer than all that a face does before it starts one. So the launcher (`run.child`) is started
first, gets its request when that is known, and is ended where there is none.
"""

import os
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tuibackup.run.places import runs_folder


class Launcher:
    """One launcher process, which takes one request; leaving the block without one ends it. Raises OSError."""

    def __init__(self, state: Path) -> None:
        folder = runs_folder(state)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._errors = folder / f".launcher-{secrets.token_hex(4)}.err"
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._used = False
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            errors = os.open(self._errors, flags, 0o600)
            try:
                self._process = subprocess.Popen(
                    # -P: a file named like one of our modules in the folder we were started in is not imported
                    [sys.executable, "-P", "-m", "tuibackup.run.child"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,
                    cwd="/",
                )
            finally:
                os.close(errors)
        except BaseException:
            self._line.close()
            self._errors.unlink(missing_ok=True)
            raise
        finally:
            theirs.close()

    def launch(self, errors: Path, messages: list[tuple[bytes, tuple[int, ...]]]) -> None:
        """Hand over the request, each message with the open files that go with it; they stand on no command line.

        What the launcher's Python has to say is kept in `errors`, which the launcher removes when that is nothing.
        """
        self._errors.rename(errors)
        self._used = True
        # It ends by itself once it has forked; somebody must take its exit status.
        threading.Thread(target=self._process.wait, daemon=True, name="launcher").start()
        with self._line, suppress(BrokenPipeError, ConnectionResetError):  # it died: its runs' journals tell
            for message, files in messages:
                socket.send_fds(self._line, [message], files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._used:
            self._line.close()
            self._process.kill()
            self._process.wait()
            self._errors.unlink(missing_ok=True)
