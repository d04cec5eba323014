"""The launcher from the outside: started as early as a face can, so that it imports what runs need beside us.

A run's imports take longer than all that a face does before it starts one, reading the configuration included. So the
launcher (`run.process.child`) is started first, gets its request when that is known, and is ended where there is none.

The command line forks it: that spares it the interpreter's start and what is imported by then, 35 ms of every run. The
cockpit has threads, which no fork outlives whole: there it is a Python of its own.
"""

import fcntl
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from tuibackup.words import use_language

# Nothing that is imported becomes garbage, so nobody looks for garbage meanwhile: a tenth of the time.
_PROGRAM = "import gc; gc.disable(); from tuibackup.run.process.child import main; main()"


class Launcher:
    """One launcher process, which takes one request; leaving the block without one ends it. Raises OSError.

    `fork`: this process has one thread, and has not begun anything that a run must not inherit.
    """

    def __init__(self, *, fork: bool = False) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = os.memfd_create("launcher")  # in memory: where the state lies is not known yet
        self._used = False
        try:
            self._process = (_forked if fork else _spawned)(theirs.fileno(), self._errors)
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


def _spawned(line: int, errors: int) -> "subprocess.Popen[bytes] | _Forked":
    return subprocess.Popen(
        # -P: a file named like one of our modules in the folder we were started in is not imported
        [sys.executable, "-P", "-c", _PROGRAM],
        stdin=line,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
        cwd="/",
    )


def _forked(line: int, errors: int) -> "subprocess.Popen[bytes] | _Forked":
    pid = os.fork()
    if pid == 0:
        _child(line, errors)
    return _Forked(pid)


class _Forked:
    """A process that was forked, with as much of `Popen` as the launcher uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        _pid, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)


def _child(line: int, errors: int) -> NoReturn:
    """Become what `_spawned` starts: a session of its own, none of our open files, nothing imported from beside us."""
    try:
        gc.disable()
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_WRONLY)
        # Each above 2 first: a command that was started with these closed has other files there.
        above = [fcntl.fcntl(number, fcntl.F_DUPFD, 3) for number in (line, null, errors)]
        for target, number in enumerate(above):
            os.dup2(number, target)
        for number in _open_files():
            if number > 2:
                with suppress(OSError):  # the one that listed them is closed already
                    os.close(number)
        if not sys.flags.safe_path:
            del sys.path[0]
        use_language("en")  # a run's journal is for everybody who follows it
        from tuibackup.run.process.child import main

        main()
    except BaseException:  # nothing may climb back into the command
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(1)


def _open_files() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc here: those that a shell hands on
        return list(range(10))
