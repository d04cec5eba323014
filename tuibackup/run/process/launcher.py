"""The launcher, seen from the face: it is started as early as possible, so that it imports meanwhile what runs need.

A run's imports take longer than everything that a face does before it starts one, reading the configuration included.
So the launcher (`run.process.child`; of other jobs `jobs.process.child`) is started first, gets its request later, and
is ended if none comes.

The command line forks it, which saves the interpreter's start and the imports so far: 35 ms of every run. The cockpit
has threads, which a fork does not carry over: there the launcher is a Python of its own.
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
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from tuibackup.words import use_language

RUNS = (
    "tuibackup.run.process.child"  # the module whose `main` the launcher is; of runs, if nothing else is said
)
# Imports make no garbage, so the collector is off meanwhile, which saves a tenth of the time.
_PROGRAM = "import gc; gc.disable(); from {module} import main; main()"


class Launcher:
    """One launcher process, which takes one request; leaving the block without one ends it. Raises OSError.

    `fork`: this process has one thread, and has not begun anything that a run must not inherit.
    """

    def __init__(self, module: str = RUNS, *, fork: bool = False) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = os.memfd_create("launcher")  # in memory, because the state folder is not known yet
        self._used = False
        try:
            self._process = (_forked if fork else _spawned)(module, theirs.fileno(), self._errors)
        except BaseException:
            self._line.close()
            os.close(self._errors)
            raise
        finally:
            theirs.close()

    def launch(self, errors: Path, messages: list[tuple[bytes, tuple[int, ...]]]) -> None:
        """Hand over the request, each message with its open files; nothing of it is on a command line.

        If the launcher's Python writes errors, they are kept in the file `errors`.
        """
        self._used = True
        # It ends by itself once it has forked; this thread takes its exit status.
        threading.Thread(target=self._end, args=(errors,), daemon=True, name="launcher").start()
        with (
            self._line,
            suppress(BrokenPipeError, ConnectionResetError),
        ):  # it died: its runs' journals show that
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


def _spawned(module: str, line: int, errors: int) -> "subprocess.Popen[bytes] | _Forked":
    return subprocess.Popen(
        # -P: a file named like one of our modules in the folder we were started in is not imported
        [sys.executable, "-P", "-c", _PROGRAM.format(module=module)],
        stdin=line,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
        cwd="/",
    )


def _forked(module: str, line: int, errors: int) -> "subprocess.Popen[bytes] | _Forked":
    pid = os.fork()
    if pid == 0:
        _child(module, line, errors)
    return _Forked(pid)


class _Forked:
    """A forked process, with the methods of `Popen` that the launcher uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        _pid, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)


def _child(module: str, line: int, errors: int) -> NoReturn:
    """Become like a process of `_spawned`: a session of its own, none of our open files, no imports from our folder."""
    try:
        gc.disable()
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_WRONLY)
        # First above 2: if the command was started with 0 to 2 closed, other files have these numbers.
        above = [fcntl.fcntl(number, fcntl.F_DUPFD, 3) for number in (line, null, errors)]
        for target, number in enumerate(above):
            os.dup2(number, target)
        for number in _open_files():
            if number > 2:
                with suppress(OSError):  # the descriptor that listed them is closed already
                    os.close(number)
        if not sys.flags.safe_path:
            del sys.path[0]
        use_language("en")  # a run's journal is for everybody who follows it
        import_module(module).main()
    except BaseException:  # no error may return into the command
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(1)


def _open_files() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc here: those that a shell hands on
        return list(range(10))
