"""The launcher's own work: it takes a request, and forks one detached process for each run or job of it.

The launcher imports what they all need once and forks, so that a hundred runs share that memory and none of them
pays for the imports again. Each process has its own session and no terminal, and ignores SIGHUP.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError
from tuibackup.run.process.message import Launch, Launched

_MESSAGE = 1 << 20  # bytes: one run's plan takes a few thousand
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h
_KEPT = 32 << 20  # bytes


class Begun(msgspec.Struct, frozen=True):
    """One run or job: what it does, its journal's path, and the numbers of the open files that are its own."""

    plan: bytes
    path: Path
    line: int
    journal: int


CarryOut = Callable[[Begun, Config | TuibackupError], int]  # the body of a process; returns its exit code


def main(
    name: str, carry_out: CarryOut, prepare: Callable[[Sequence[Begun]], None] = lambda _begun: None
) -> NoReturn:
    """Read the request from standard input, fork one process for each part of it, and end. The collector is off.

    `name` is what ps and top show of these; `prepare` is called once, before the first is forked.
    """
    os.umask(0o077)
    with socket.socket(fileno=os.dup(0)) as request:
        first = request.recv(_MESSAGE)
        if not first:
            os._exit(0)  # the face ended without a request
        launch = msgspec.json.decode(first, type=Launch)
        begun = [_received(request) for _ in range(launch.processes)]
    config: Config | TuibackupError
    try:
        config = load(Path(launch.config))
    except TuibackupError as error:
        config = error
    prepare(begun)
    gc.freeze()  # keeps the collector from touching, and so copying, the memory that the processes share
    for one in begun:
        if os.fork() == 0:
            gc.enable()
            _keep_memory()
            _forked(name, carry_out, one, begun, config)
    sys.stderr.flush()
    os._exit(0)  # the interpreter's own tidying up takes 25 ms, which the runs need


def _received(request: socket.socket) -> Begun:
    message, (line, journal), _flags, _address = socket.recv_fds(request, _MESSAGE, 2)
    for number in (line, journal):
        os.set_inheritable(number, False)
    launched = msgspec.json.decode(message, type=Launched)
    return Begun(bytes(launched.plan), Path(launched.path), line, journal)


def _forked(
    name: str, carry_out: CarryOut, mine: Begun, all_begun: Sequence[Begun], config: Config | TuibackupError
) -> NoReturn:
    """Be the process of one run or job, to its end."""
    code = 1
    try:
        os.setsid()
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(name)
        for other in all_begun:
            if other is not mine:
                # Another's journal kept open here would keep it locked, and so alive, after its death.
                os.close(other.line)
                os.close(other.journal)
        errors = mine.path.with_suffix(".err")
        _redirect(errors)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        code = carry_out(mine, config)
        sys.stderr.flush()
        if errors.stat().st_size == 0:
            errors.unlink()
    except BaseException:  # no error may return into the launcher's loop
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _keep_memory() -> None:
    """Let glibc's malloc keep what was freed, for the next buffer of some megabytes: of these, hundreds come and go.

    Given back and asked for anew each time, every page of them is cleared again, a fifth of the time of who reads a
    stream of files. And let all threads share one heap: each would grow its own by a few pages at a time, more than a
    thousand times in a run that finds nothing new, and of Python's threads hardly two want memory at once. Another C
    library goes its own way.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _KEPT // 2)
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_ARENA_MAX, 1)


def _redirect(errors: Path) -> None:
    """Keep no terminal and no pipe: use /dev/null, and a file of ours for Python's own error output."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(number, target)
    os.close(null)
    os.close(log)
