"""Starts what follows a run by itself (`jobs.after_run`): another program, because a run knows no jobs."""

import subprocess
import sys
from contextlib import suppress

import msgspec

from tuibackup.config import Config
from tuibackup.run.plan import Plan
from tuibackup.run.process.message import FollowUp

# -P and the path as in `launcher`.
_PROGRAM = "from tuibackup.jobs.after_run import main; main()"


def follow_up(plan: Plan, config: Config) -> None:
    """Start it and leave it alone; it outlives us. Where no process can be started the next run does it.

    Where the configuration asks for nothing to follow, no process is started: its imports take as long as a small run.
    """
    if not (config.verify.after_run or any(copy.follows(plan.server) for copy in config.copies.values())):
        return
    told = msgspec.json.encode(FollowUp(str(config.source.absolute()), plan.server, plan.operator))
    with suppress(OSError):
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        assert process.stdin is not None
        with process.stdin as line:
            line.write(told)
