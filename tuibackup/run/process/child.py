"""The launcher and the run processes it forks; started by `run.process.launcher`.

The launcher imports what every run needs once and forks, so that a hundred runs share that memory and none of
them pays for the imports again. A run process has its own session, no terminal, nice 10; it ignores SIGHUP
and takes SIGTERM as the wish to stop.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError
from tuibackup.run import steps
from tuibackup.run.engine import back_up, refuse
from tuibackup.run.journal.journal import Journal
from tuibackup.run.plan import Plan
from tuibackup.run.process.message import Launch, Launched
from tuibackup.run.questions import LineAnswers
from tuibackup.run.stop import Stop, stop_path

NICE = 10
NAME = "tuibackup-run"  # as ps and top show a run's process: forked, it would be called like the command
LEAVE_SECONDS = 5  # for tidying up, once the outcome is written; then the kernel ends the process
_MESSAGE = 1 << 20  # bytes: one run's plan takes a few thousand


@dataclass(frozen=True, slots=True)
class _Run:
    """One run, and the numbers of the open files that are its own."""

    plan: Plan
    path: Path
    line: int
    journal: int


def main() -> NoReturn:
    """Read the request from standard input, fork one process a run, and end. The collector is off."""
    os.umask(0o077)
    os.nice(NICE)
    with socket.socket(fileno=os.dup(0)) as request:
        first = request.recv(_MESSAGE)
        if not first:
            os._exit(0)  # the face ended without a request
        launch = msgspec.json.decode(first, type=Launch)
        runs = [_run_of(request) for _ in range(launch.runs)]
    config: Config | TuibackupError
    try:
        config = load(Path(launch.config))
    except TuibackupError as error:
        config = error
    if len(runs) > 1:  # a single run imports while it connects
        steps.load(frozenset().union(*(run.plan.clocks for run in runs)))
    gc.freeze()  # keeps the collector from touching, and so copying, the memory the runs share
    for run in runs:
        if os.fork() == 0:
            gc.enable()
            _forked(run, runs, config)
    sys.stderr.flush()
    os._exit(0)  # the interpreter's own tidying up takes 25 ms, which the runs need


def _run_of(request: socket.socket) -> _Run:
    message, (line, journal), _flags, _address = socket.recv_fds(request, _MESSAGE, 2)
    for number in (line, journal):
        os.set_inheritable(number, False)
    run = msgspec.json.decode(message, type=Launched)
    return _Run(run.plan, Path(run.path), line, journal)


def _forked(mine: _Run, runs: list[_Run], config: Config | TuibackupError) -> NoReturn:
    """Be one run's process, to its end."""
    code = 1
    try:
        os.setsid()
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(NAME)
        for other in runs:
            if other is not mine:
                # Another run's journal kept open here would keep it locked, and so alive, after its death.
                os.close(other.line)
                os.close(other.journal)
        errors = mine.path.with_suffix(".err")
        _redirect(errors)
        code = _run(mine, config)
        sys.stderr.flush()
        if errors.stat().st_size == 0:
            errors.unlink()
    except BaseException:  # no error may return into the launcher's loop
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _redirect(errors: Path) -> None:
    """Keep no terminal and no pipe: use /dev/null, and a file of ours for Python's own error output."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(number, target)
    os.close(null)
    os.close(log)


def _run(mine: _Run, config: Config | TuibackupError) -> int:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(
        signal.SIGALRM, signal.SIG_DFL
    )  # it ends us (see LEAVE_SECONDS), even if our parent ignored it
    with Journal(mine.path, mine.journal) as journal:
        if isinstance(config, TuibackupError):
            return refuse(mine.plan, journal, config).exit_code
        # Never closed: closing waits for every thread, even one that hangs in a dead disk or name server.
        runner = asyncio.Runner(debug=False, loop_factory=_loop_factory())
        return runner.run(_back_up(mine, config, journal))


async def _back_up(mine: _Run, config: Config, journal: Journal) -> int:
    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask, "signal SIGTERM")
    answers = LineAnswers()
    await answers.open(socket.socket(fileno=mine.line))
    file = stop_path(config.state, mine.plan.run)
    watcher = asyncio.create_task(stop.watch(file))
    try:
        finished = await back_up(
            mine.plan,
            config,
            journal=journal,
            answers=answers,
            stop=stop,
            told=lambda: signal.alarm(LEAVE_SECONDS),
        )
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        await answers.close()
        file.unlink(missing_ok=True)
    return finished.exit_code


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """uvloop's loop if it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
