"""Starts a job as a process of its own; faces follow its journal as they follow a run's."""

import msgspec

from tuibackup.config import Config
from tuibackup.jobs.process.order import Order
from tuibackup.parts import as_text
from tuibackup.run.process.launcher import Launcher
from tuibackup.run.process.request import Request
from tuibackup.run.process.start import begin

MODULE = "tuibackup.jobs.process.child"  # whose `main` the launcher of a job is


def start_job(order: Order, config: Config, launcher: Launcher | None = None) -> Request:
    """Start it; returns at once, its journal exists already. A `launcher` of MODULE started before saves time.

    Raises TuibackupError: the journal cannot be written, or no process can be started; then nothing has begun.
    """
    if launcher is not None:
        return begin(
            config, [(order.planned(), msgspec.json.encode(order, enc_hook=as_text))], launcher, order.run
        )
    with Launcher(MODULE) as new:
        return begin(
            config, [(order.planned(), msgspec.json.encode(order, enc_hook=as_text))], new, order.run
        )
