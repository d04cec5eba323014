"""A past for a configuration: snapshots and journals for what its ledger tells, made by the program's own code."""

import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from tuibackup.config import Config
from tuibackup.run.journal import events as ev
from tuibackup.run.journal.journal import Journal
from tuibackup.run.operator import Operator
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import Plan
from tuibackup.sop import Clock, Outcome
from tuibackup.vault import summary
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.names import file_name

ANDI = Operator("andi", "andi", "10.0.0.7")


def finished_runs(config: Config, most: int) -> int:
    """A journal for each of the newest recorded runs; how many there are."""
    with open_ledger(config) as ledger:
        runs = [(entry.run, entry.server, entry.time) for entry in ledger.log(most, kinds=["run"])]
    for run, server, moment in runs:
        planned = plan(run or "", server or "", moment)
        with Journal.create(config.state, planned) as journal:
            journal.finish(
                ev.RunFinished(
                    time=moment,
                    run=planned.run,
                    server=planned.server,
                    outcome=Outcome.DONE,
                    seconds=9.0,
                    exit_code=0,
                )
            )
    return len(runs)


def plan(run: str, server: str, moment: str) -> ev.RunPlanned:
    """The first line of a run's journal."""
    made = Plan(
        run=run, request="r", server=server, clocks=frozenset(Clock), full=False, operator=ANDI
    )  # fmt: skip
    return msgspec.structs.replace(made.planned(), time=moment)


def publish(config: Config, specs: Iterable[str]) -> None:
    """A snapshot for each of `specs`, a server's in order."""
    models = {clock: _model(config, clock) for clock in Clock}
    for spec in specs:
        server, clock, name = spec.split("/")
        _copy(config, models[Clock(clock)], server, Clock(clock), name)
    for found in models.values():
        found.chmod(0o700)
        shutil.rmtree(found)


def _model(config: Config, clock: Clock) -> Path:
    """One real snapshot, which the others are copies of."""
    incoming = Incoming.create(open_vault(config), "model", f"model-{clock}", clock)
    if clock is Clock.FILES:
        incoming.index().finish()
    moment = "2026-01-01T00:00:00Z"
    return incoming.publish(
        summary.SnapshotSummary(
            server="model", clock=clock, run="model", started=moment, finished=moment, operator="andi",
            outcome=Outcome.DONE, whole=True,
        )
    ).path  # fmt: skip


def _copy(config: Config, like: Path, server: str, clock: Clock, name: str) -> None:
    """A copy of the snapshot `like` by another name, sealed as it is."""
    folder = config.vault.path / file_name(server) / clock
    folder.mkdir(parents=True, exist_ok=True)
    older = sorted(one for one in os.listdir(folder))
    place = folder / name
    shutil.copytree(like, place, copy_function=os.link)
    place.chmod(0o700)
    (place / summary.FILE_NAME).unlink()
    started = f"{datetime.strptime(name, '%Y-%m-%dT%H%M%SZ'):%Y-%m-%dT%H:%M:%SZ}"
    described = msgspec.structs.replace(
        summary.read(like), server=server, name=name, started=started, finished=started, sequence=len(older) + 1,
        good_before=older[-1] if older else "", full_before=older[-1] if older else "",
    )  # fmt: skip
    (place / summary.FILE_NAME).write_bytes(summary.encode(described))
    place.chmod(0o500)
