"""Gives the playground a past: real backups of one server, carried out with the clock set back.

A process of its own (`python -m tuibackup.demo.history CONFIG SERVER`), because it sets back the clock of the
whole program: that of events, plans and the ledger.
"""

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from tuibackup.config import Config, load
from tuibackup.demo.playground import Playground
from tuibackup.demo.sshd import DemoError
from tuibackup.ledger import entries, store
from tuibackup.run import plan
from tuibackup.run.engine import back_up
from tuibackup.run.journal import events
from tuibackup.run.journal.journal import Journal
from tuibackup.run.operator import identify
from tuibackup.sop import Clock, Outcome

PAST = ((Clock.DATABASES, 40), (Clock.FILES, 9))  # days ago; the oldest first, as the ledger is written
_TIMEOUT = 600.0  # a machine may be busy


class _Past:
    """Stands for `datetime` where only `datetime.now` is used."""

    ago = timedelta()

    @classmethod
    def now(cls, zone: tzinfo | None = None) -> datetime:
        return datetime.now(zone) - cls.ago


def make_overdue(playground: Playground) -> None:
    """Back up e-journal in the past, so that both its clocks are overdue. Raises DemoError."""
    _carry_out("the playground's past", "tuibackup.demo.history", str(playground.config), "e-journal")


def look_around(playground: Playground) -> None:
    """Look at what else siakad has, and say of the other's database why it is left out. Raises DemoError."""
    command = ["tuibackup.cli.main", "--config", str(playground.config)]
    reason = "the database of e-journal, which is backed up there"
    accepted = ["accept", "siakad", "ejournal", "--reason", reason, "--owner", "Siti"]
    for words in (["discover", "siakad"], accepted):
        _carry_out(f"tuibackup {words[0]}", *command, *words)


def _carry_out(what: str, module: str, *words: str) -> None:
    """Run a module of ours in a process of its own. Raises DemoError."""
    command = [sys.executable, "-m", module, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise DemoError(
            f"{what}: not done in {_TIMEOUT} s", "try again when this machine is less busy"
        ) from error
    if done.returncode != 0:
        raise DemoError(f"{what}: {(done.stdout + done.stderr).strip()[-500:]}")


def main() -> None:
    """Carry out the runs of PAST on one server; exits with 1 when one of them is not *done*."""
    config, server = load(Path(sys.argv[1])), sys.argv[2]
    for module in (store, plan):
        setattr(module, "datetime", _Past)  # noqa: B010 - mypy would rightly refuse the assignment
    setattr(events, "now", lambda: entries.iso(_Past.now().astimezone()))  # noqa: B010 - as above
    for clock, days in PAST:
        _Past.ago = timedelta(days=days)
        finished = asyncio.run(_back_up(config, server, clock))
        if finished.outcome is not Outcome.DONE:
            sys.exit(f"{clock}: {finished.outcome}: {finished.error}")


async def _back_up(config: Config, server: str, clock: Clock) -> events.RunFinished:
    wants = plan.wants(config, [server], clock)
    (planned,) = plan.make_plans(config, wants, full=False, operator=identify())
    with Journal.create(config.state, planned.planned()) as journal:
        return await back_up(planned, config, journal=journal)


if __name__ == "__main__":
    main()
