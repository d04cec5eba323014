"""Reads, in a helper, what needs neither ledger nor vault: runs under way, and the configuration's file."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from tuibackup.config import Config, load
from tuibackup.errors import TuibackupError
from tuibackup.overview.picture import Mark, RunFace
from tuibackup.overview.telling import TellingLook
from tuibackup.overview.told import NearAnswer, NearQuestion
from tuibackup.run.journal.job_view import JobView
from tuibackup.run.journal.journal import JournalReader, journal_path
from tuibackup.run.journal.view import RunView
from tuibackup.run.process.living import ActiveRun, Living
from tuibackup.words import in_language

ENDED_SHOWN = 60.0  # seconds for which a job that ended is still told of


class NearLook:
    """Answers from the journals and the file of `config`; see `Helper`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._living = Living(config.state)
        self._telling = TellingLook(config.state)
        self._followed: dict[str, _Followed] = {}
        self._jobs: dict[str, _FollowedJob] = {}
        self._told: tuple[JobView, ...] = ()
        self._file = _mark(config.source)
        self._config_problem = ""

    def close(self) -> None:
        for followed in self._followed.values():
            followed.close()
        for job in self._jobs.values():
            job.close()

    def __call__(self, question: NearQuestion) -> NearAnswer:
        config = self._read_again()
        try:
            living = self._living.look()
            faces, died = self._follow([one for one in living if one.job is None])
            jobs, job_died = self._follow_jobs([one for one in living if one.job is not None])
            ended = self._ended(question.run) if question.run else None
            return NearAnswer(
                faces, died or job_died, question.run, ended, config, self._config_problem,
                jobs=jobs, themes=_files(self._config.source.parent / "themes"), telling=self._telling.look(),
            )  # fmt: skip
        except (TuibackupError, OSError) as error:
            return NearAnswer(config=config, config_problem=self._config_problem, problem=str(error))

    def _follow_jobs(self, living: list[ActiveRun]) -> tuple[tuple[JobView, ...] | None, bool]:
        """All jobs if anything is new, else None; and whether one died without a word."""
        for one in living:
            if one.run not in self._jobs:
                self._jobs[one.run] = _FollowedJob(one.journal)
        alive = {one.run for one in living}
        now, died = time.monotonic(), False
        for run, job in list(self._jobs.items()):
            job.poll()
            if run not in alive and not job.view.finished:
                died = died or not job.mourned
                job.mourned = True
            if job.ended is None and run not in alive and (job.view.finished or job.mourned):
                job.ended = now
            if job.ended is not None and now - job.ended > ENDED_SHOWN:
                job.close()
                del self._jobs[run]
        jobs = tuple(job.view for job in self._jobs.values() if job.view.planned)
        if jobs == self._told:
            return None, died
        self._told = jobs
        return jobs, died

    def _follow(self, runs: list[ActiveRun]) -> tuple[Mapping[str, RunFace] | None, bool]:
        changed = False
        for run in runs:
            if run.run not in self._followed:
                self._followed[run.run] = _Followed(run.journal)
        for followed in self._followed.values():
            changed |= followed.poll()
        living = {run.run for run in runs}
        gone = [self._followed.pop(name) for name in list(self._followed) if name not in living]
        for followed in gone:
            followed.close()
        died = not all(followed.view.finished for followed in gone)
        if not changed and not gone:
            return None, False
        faces: dict[str, RunFace] = {}
        for run in runs:
            view = self._followed[run.run].view
            faces.setdefault(view.server, RunFace(view, active=True))
        return faces, died

    def _ended(self, run: str) -> RunFace | None:
        followed = _Followed(journal_path(self._config.state, run))
        try:
            followed.poll()
        finally:
            followed.close()
        return RunFace(followed.view, active=False) if followed.view.finished else None

    def _read_again(self) -> Config | None:
        """The configuration, if its file changed and can be used."""
        mark = _mark(self._config.source)
        if mark == self._file:
            return None
        self._file = mark
        try:
            self._config = load(self._config.source)
        except (TuibackupError, OSError) as error:
            line = in_language(str(error)).partition("\n")[0]
            self._config_problem = line.removeprefix(f"{self._config.source.parent}/")
            return None
        self._config_problem = ""
        self._living = Living(self._config.state)
        return self._config


def _mark(file: Path) -> tuple[int, int, int, int] | None:
    """A value that changes whenever the file does; None if there is no file."""
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def _files(folder: Path) -> Mark:
    """A value that changes whenever a file of the folder does; empty where it cannot be listed."""
    try:
        with os.scandir(folder) as found:
            seen = [(one.name, one.stat()) for one in found]
    except OSError:
        return ()
    return tuple(sorted((name, status.st_mtime_ns, status.st_size) for name, status in seen))


class _Followed:
    """Reads a journal as it grows and folds it into a view."""

    def __init__(self, path: Path) -> None:
        self._reader = JournalReader(path)
        self.view = RunView(path.stem, "")

    def poll(self) -> bool:
        """Read on; whether there was anything new."""
        before = self.view
        for event in self._reader.poll():
            if not self.view.server:
                self.view = replace(self.view, server=event.server)
            self.view = self.view.apply(event)
        return self.view is not before

    def close(self) -> None:
        self._reader.close()


class _FollowedJob:
    """Likewise of a job. `ended`: when it was first seen to have ended; `mourned`: that it died was told."""

    def __init__(self, path: Path) -> None:
        self._reader = JournalReader(path)
        self.view = JobView(path.stem)
        self.ended: float | None = None
        self.mourned = False

    def poll(self) -> None:
        for event in self._reader.poll():
            self.view = self.view.apply(event)

    def close(self) -> None:
        self._reader.close()
