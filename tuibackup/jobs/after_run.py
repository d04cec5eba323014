"""What follows a run by itself, as jobs of their own: some of what is stored is read again, and copies are made.

The process of a run starts this program when its outcome is written (`run.process.followup`), for a run knows no jobs;
what to do comes over its standard input. Nobody waits for it, and what goes wrong in a job is in its journal and in the
ledger.
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError
from tuibackup.jobs.due import verifies_due
from tuibackup.jobs.process.order import Copy, Verify, order
from tuibackup.jobs.process.start import start_job
from tuibackup.run.process.message import FollowUp
from tuibackup.words import sentence


def main() -> None:
    """Start the jobs that follow the run."""
    after = msgspec.json.decode(sys.stdin.buffer.read(), type=FollowUp)
    with suppress(TuibackupError, OSError):  # a vault or a ledger that cannot be read now is told elsewhere
        config = load(Path(after.config))
        _copy(config, after)
    with suppress(TuibackupError, OSError):
        _read_again(load(Path(after.config)), after)


def _read_again(config: Config, after: FollowUp) -> None:
    if not config.verify.after_run:
        return
    if verifies_due(config, datetime.now(UTC), server=after.server).plans:
        words = Verify(what=after.server, due=True)
        what = sentence("what is due of {server}, after its run", server=after.server)
        start_job(order(words, after.operator, server=after.server, what=what), config)


def _copy(config: Config, after: FollowUp) -> None:
    """A job for each copy that follows runs. It takes all that is missing there: a place may have been away."""
    for copy in config.copies.values():
        if copy.follows(after.server):
            words = Copy(to=copy.name, wait=True)
            what = sentence("to {copies}, after a run of {server}", copies=copy.name, server=after.server)
            start_job(order(words, after.operator, server="", what=what), config)
