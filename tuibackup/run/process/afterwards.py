"""Begins what is told to people, once a run or job is recorded: in a process of its own, which nobody waits for.

A mail server that hangs delays no backup, and one that refuses fails none.
"""

import subprocess
import sys
from contextlib import suppress

from tuibackup.config import Config
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.process.living import active_runs

_PROGRAM = "from tuibackup.jobs.notify.process import main; main()"
HEARTBEAT = "heartbeat"


def tell_afterwards(config: Config, *, request: str = "", heartbeat: bool = False) -> None:
    """Begin it, if the configuration wants it. Of a `request` of several runs the last that ends does so."""
    heartbeat = heartbeat and config.notify.heartbeat_file is not None
    if not (config.notify.wanted or heartbeat) or (request and _goes_on(config, request)):
        return
    with suppress(OSError):  # the next run, and a timer, make up for it
        subprocess.Popen(
            # -P: a file named like one of our modules in the folder we were started in is not imported
            [sys.executable, "-P", "-c", _PROGRAM, str(config.source), *([HEARTBEAT] if heartbeat else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )


def _goes_on(config: Config, request: str) -> bool:
    planned = (jr.planned_in(one.journal) for one in active_runs(config))
    return any(isinstance(one, ev.RunPlanned) and one.request == request for one in planned)
