"""The processes of runs, which their launcher forks (`run.process.launcher`, `run.process.forks`)."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.run import steps
from tuibackup.run.engine import back_up, refuse
from tuibackup.run.journal.journal import Journal
from tuibackup.run.plan import Plan, decode
from tuibackup.run.process import forks
from tuibackup.run.process.afterwards import tell_afterwards
from tuibackup.run.process.followup import follow_up
from tuibackup.run.process.forks import Begun
from tuibackup.run.questions import LineAnswers
from tuibackup.run.silence import Silence
from tuibackup.run.stop import Stop, stop_path

NAME = "tuibackup-run"  # as ps and top show a run's process: forked, it would be called like the command
NICE = 10
LEAVE_SECONDS = 5  # for tidying up, once the outcome is written; then the kernel ends the process


def main() -> NoReturn:
    """Fork one process for each run of the request on standard input."""
    os.nice(NICE)
    forks.main(NAME, _run, prepare=_import_once)


def _import_once(begun: Sequence[Begun]) -> None:
    """Import what all runs need before they are forked; a single run imports while it connects."""
    if len(begun) > 1:
        steps.load(frozenset().union(*(_plan(one).clocks for one in begun)))


def _plan(begun: Begun) -> Plan:
    return decode(begun.plan)


def _run(mine: Begun, config: Config | TuibackupError) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGALRM, signal.SIG_DFL
    )  # it ends us (see LEAVE_SECONDS), even if our parent ignored it
    plan = _plan(mine)
    with Journal(mine.path, mine.journal) as journal:
        if isinstance(config, TuibackupError):
            return refuse(plan, journal, config).exit_code  # and nobody knows whom to tell
        silence = Silence(config.vault.path, plan.run, plan.server, mine.path)
        # Never closed: closing waits for every thread, even one that hangs in a dead disk or name server.
        runner = asyncio.Runner(debug=False, loop_factory=_loop_factory())
        return runner.run(_back_up(plan, mine.line, config, journal, silence))


async def _back_up(plan: Plan, line: int, config: Config, journal: Journal, silence: Silence) -> int:
    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask, "signal SIGTERM")
    answers = LineAnswers()
    await answers.open(socket.socket(fileno=line))
    file = stop_path(config.state, plan.run)
    watcher = asyncio.create_task(stop.watch(file))
    try:
        finished = await back_up(
            plan,
            config,
            journal=journal,
            answers=answers,
            stop=stop,
            silence=silence,
            told=partial(_leave, config, plan),
        )
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        await answers.close()
        file.unlink(missing_ok=True)
    if any(result and result.snapshot for result in (finished.files, finished.databases)):
        follow_up(plan, config)
    return finished.exit_code


def _leave(config: Config, plan: Plan) -> None:
    """The outcome is written."""
    signal.alarm(LEAVE_SECONDS)
    tell_afterwards(config, request=plan.request)


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """uvloop's loop if it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
