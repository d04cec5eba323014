"""Runs as processes of their own: start them, find the living, ask one to stop, record the dead.

A face starts a request: one launcher process, which forks one detached process a run (`run.process.child`). Each has
a socketpair to the face for its questions, and inherits its journal, locked. When the face is gone, so are
the answers; the runs go on. Other jobs are begun the same way (`jobs.process`).
"""

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.operator import Operator
from tuibackup.run.places import runs_folder
from tuibackup.run.plan import Plan, clocks_of, encode
from tuibackup.run.process.launcher import Launcher
from tuibackup.run.process.living import active
from tuibackup.run.process.message import Launch, Launched
from tuibackup.run.process.recovery import recover
from tuibackup.run.process.request import Asked, Request
from tuibackup.run.stop import write_stop
from tuibackup.text import printable
from tuibackup.words import sentence

__all__ = ["Asked", "Request", "ask_stop", "recover", "start"]


def start(plans: Iterable[Plan], config_path: Path, launcher: Launcher | None = None) -> Request:
    """Start one detached process for each plan; returns at once, their journals exist already.

    A `launcher` that was started before saves the time that its imports take.
    The processes read the configuration themselves. Raises ConfigError if it is broken by now, UsageError if it no
    longer has what is planned, and TuibackupError if a journal cannot be written or no process can be started; then no
    run has begun.
    """
    plans = tuple(plans)
    config = load(config_path)
    for plan in plans:
        server = config.servers.get(plan.server)
        if server is None or not plan.clocks <= clocks_of(server):
            raise UsageError(
                sentence(
                    "{server} was changed in {file} after the plan was made; nothing was started",
                    server=printable(plan.server),
                    file=config.source,
                ),
                sentence("make the plan again"),
            )
    return begin(config, [(plan.planned(), encode(plan)) for plan in plans], launcher, plans[0].request)


def begin(
    config: Config, each: Sequence[tuple[ev.Planned, bytes]], launcher: Launcher | None, name: str
) -> Request:
    """Start one detached process for each journal's first line, with what it is to do in JSON.

    If the launcher's Python writes errors, they are kept in `<state>/runs/NAME.err`. Raises TuibackupError as `start`.
    """
    with ExitStack() as ours:
        lines: list[socket.socket] = []
        messages: list[tuple[bytes, tuple[int, ...]]] = []
        journals: list[jr.Journal] = []
        try:
            for planned, plan in each:
                near, far = socket.socketpair()
                lines.append(near)
                ours.enter_context(far)
                journal = jr.Journal.create(config.state, planned)
                journals.append(journal)
                ours.enter_context(journal)  # the children keep their copies, and with them the lock
                launched = msgspec.json.encode(Launched(msgspec.Raw(plan), str(journal.path)))
                messages.append((launched, (far.fileno(), journal.fileno())))
            launch = msgspec.json.encode(Launch(str(config.source.absolute()), len(messages)))
            launcher = launcher or ours.enter_context(Launcher())
            launcher.launch(runs_folder(config.state) / f"{name}.err", [(launch, ()), *messages])
        except BaseException as error:
            for line in lines:
                line.close()
            for journal in journals:
                journal.path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise TuibackupError(
                    sentence("no process could be started for it: {error}", error=error.strerror)
                ) from error
            raise
    return Request(tuple(journal.run for journal in journals), tuple(one.path for one in journals), lines)


def ask_stop(config: Config, run: str, by: Operator) -> None:
    """Ask a run to stop; it does so within seconds and records who asked. `run` is its id.

    Raises UsageError if no such run lives.
    """
    if not any(alive.run == run for alive in active(config)):
        raise UsageError(
            sentence("no run {run} is under way", run=printable(run)),
            sentence("tuibackup status shows what runs"),
        )
    try:
        write_stop(config.state, run, by)
    except OSError as error:
        raise TuibackupError(
            sentence("run {run} cannot be asked to stop: {error}", run=run, error=error.strerror)
        ) from error
