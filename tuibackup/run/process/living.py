"""Which runs and other jobs of this host live: those whose journal is locked. Reads only the journals' folder."""

import os
import time
from pathlib import Path

import msgspec

from tuibackup.config import Config
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.places import runs_folder

_TICK_NS = 2_000_000_000  # two changes in one tick of the clock look like one: only an older time is trusted


class ActiveRun(msgspec.Struct, frozen=True):
    """A run, or another `job`, whose process lives; the journal of a run tells whether it waits."""

    run: str
    server: str
    operator: str
    journal: Path
    job: ev.JobKind | None = None


class Living:
    """Looks again and again. The folder is listed only when its time shows that a name came or went, and a journal
    that ended is not looked at again."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._listed = 0  # the folder's time when it was listed, in nanoseconds; 0: it is to be listed
        self._paths: list[Path] = []
        self._ended: set[Path] = set()
        self._runs: dict[Path, ActiveRun] = {}

    def look(self) -> list[ActiveRun]:
        """The runs and jobs whose process lives now, newest first. Cheap enough to be asked every second.

        If several runs are of one server, the one that holds it comes first; the others will be refused.
        """
        self._list()
        found = []
        for path in self._paths:
            if path in self._ended:
                continue
            if not jr.is_live(path):
                self._ended.add(path)  # ended, or dead: `recover` tells them apart
            elif run := self._runs.get(path) or _run_of(path):
                self._runs[path] = run
                found.append(run)
        runs = [one for one in found if one.job is None]
        if len({one.server for one in runs}) == len(runs):
            return found
        return sorted(found, key=lambda one: one.job is None and not _got_hold(one.journal))

    def _list(self) -> None:
        try:
            changed = os.stat(runs_folder(self._state)).st_mtime_ns
        except OSError:
            changed = 0
        if not changed or changed != self._listed:
            self._paths = jr.journals(self._state)
            self._ended.intersection_update(self._paths)
            self._runs = {path: run for path, run in self._runs.items() if path in self._paths}
            self._listed = changed if changed < time.time_ns() - _TICK_NS else 0


def active(config: Config) -> list[ActiveRun]:
    """The runs and jobs whose process lives now, as `Living.look` tells them."""
    return Living(config.state).look()


def active_runs(config: Config) -> list[ActiveRun]:
    """Only the runs among them."""
    return [one for one in active(config) if one.job is None]


def _run_of(path: Path) -> ActiveRun | None:
    planned = jr.planned_in(path)
    if planned is None:
        return None
    job = planned.job if isinstance(planned, ev.JobPlanned) else None
    return ActiveRun(planned.run, planned.server, planned.operator, path, job)


def _got_hold(journal: Path) -> bool:
    """Whether the run holds its server's lock by now: it waits for its needs or its slot, or carries out steps."""
    return any(
        isinstance(event, ev.StepStarted) or (isinstance(event, ev.RunWaiting) and event.reason != ev.LEDGER)
        for event in jr.beginning(journal)
    )
