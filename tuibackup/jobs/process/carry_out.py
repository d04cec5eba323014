"""Carries out an order, in whatever process: makes its plan, does the jobs one by one, and tells the results."""

import asyncio
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError, TuibackupError
from tuibackup.jobs.process.order import (
    Copy,
    CopyBack,
    Drill,
    FromCopy,
    Hold,
    Recover,
    Release,
    Restore,
    RestoreDatabase,
    RestoreFolder,
    RestoreOnServer,
    Retention,
    Verify,
    Words,
)
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.jobs.restore import approval
from tuibackup.progress import Progress
from tuibackup.remote.questions import Answers
from tuibackup.run.journal.events import EXIT_CODES, worst_code
from tuibackup.sop import Outcome, worst

if TYPE_CHECKING:
    from tuibackup.jobs.copy.way import Way

_FAILED = 1


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom a job tells: progress of a snapshot, each result with its outcome, and notes; and who answers it."""

    progress: Callable[[str, Progress], None]
    result: Callable[[Outcome, dict[str, Any]], None]
    note: Callable[[str], None]
    answers: Answers


def carry_out(words: Words, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    """Do it; the outcome of all, and the exit code. To be called from the main thread.

    Raises TuibackupError: it could not be done at all, or not to its end.
    """
    if isinstance(words, Restore | Recover) and not words.dry_run:
        approval.require(config, words.approval)
    if isinstance(words, FromCopy) and words.source and not isinstance(words, Verify | CopyBack):
        from tuibackup.jobs.copy.staged import staged

        with staged(words, config, _way(recorder, telling), telling.progress) as (here, of_copy):
            return _carried_out(here, of_copy, recorder, telling)
    return _carried_out(words, config, recorder, telling)


def _way(recorder: Recorder, telling: Telling) -> "Way":
    from tuibackup.jobs.copy.way import Way

    return Way(telling.answers, recorder, telling.note)


def _carried_out(words: Words, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    match words:
        case RestoreFolder():
            return _restore_folder(words, config, recorder, telling)
        case RestoreOnServer():
            return _restore_on_server(words, config, recorder, telling)
        case RestoreDatabase():
            return _restore_database(words, config, recorder, telling)
        case Verify() if words.source:
            from tuibackup.jobs.copy.verify import verify_copy

            found = verify_copy(words, config, recorder, _way(recorder, telling), telling.progress)
            return _each(found, telling)
        case Copy():
            from tuibackup.jobs.copy.copy import copy_all

            way = _way(recorder, telling)
            copied = copy_all(
                config, words.what, words.to or None, recorder, way, telling.progress, wait=words.wait
            )
            return _each(copied, telling)
        case CopyBack():
            from tuibackup.jobs.copy.back import copy_back

            return _each(
                copy_back(words, config, recorder, _way(recorder, telling), telling.progress), telling
            )
        case Verify():
            return _verify(words, config, recorder, telling)
        case Drill():
            return _drill(words, config, recorder, telling)
        case Recover():
            return _recover(words, config, recorder, telling)
        case Retention():
            return _retention(words, config, recorder, telling)
        case Hold():
            from tuibackup.jobs.hold import hold

            return _told(hold(config, words.snapshot, words.reason, None, recorder), telling)
        case Release():
            from tuibackup.jobs.hold import release

            return _told(release(config, words.snapshot, words.reason, recorder), telling)


def _restore_folder(
    words: RestoreFolder, config: Config, recorder: Recorder, telling: Telling
) -> tuple[Outcome, int]:
    from tuibackup.jobs.restore.folder import restore_to_folder
    from tuibackup.jobs.restore.forecast import forecast_folder
    from tuibackup.jobs.restore.plan import plan_folder

    plan = plan_folder(
        config,
        words.snapshot,
        Path(os.fsdecode(words.to)),
        paths=tuple(map(os.fsdecode, words.paths)),
        databases=words.databases,
        table=words.table,
        existing=words.existing,
        numeric_owner=words.numeric_owner,
        approval=words.approval,
    )
    if words.dry_run:
        return _told(forecast_folder(plan), telling)
    return _told(restore_to_folder(plan, recorder, _about(telling, plan.snapshot.spec)), telling)


def _restore_database(
    words: RestoreDatabase, config: Config, recorder: Recorder, telling: Telling
) -> tuple[Outcome, int]:
    from tuibackup.jobs.restore.database import restore_into_database
    from tuibackup.jobs.restore.forecast import forecast_database
    from tuibackup.jobs.restore.plan import plan_database

    plan = plan_database(
        config,
        words.snapshot,
        os.fsdecode(words.into),
        databases=(words.database,),
        table=words.table,
        overwrite=words.overwrite,
        approval=words.approval,
    )
    runner = asyncio.Runner()  # never closed: closing waits for threads, even one that hangs in a name server
    if words.dry_run:
        looked = runner.run(forecast_database(plan, config, recorder, telling.answers, telling.note))
        return _told(looked, telling)
    done = runner.run(
        restore_into_database(
            plan, config, recorder, telling.answers, telling.note, _about(telling, plan.snapshot.spec)
        )
    )
    return _told(done, telling)


def _restore_on_server(
    words: RestoreOnServer, config: Config, recorder: Recorder, telling: Telling
) -> tuple[Outcome, int]:
    from tuibackup.jobs.restore.forecast import forecast_on_server
    from tuibackup.jobs.restore.on_server import restore_on_server
    from tuibackup.jobs.restore.plan import plan_server

    plan = plan_server(
        config,
        words.snapshot,
        os.fsdecode(words.into),
        paths=tuple(map(os.fsdecode, words.paths)),
        numeric_owner=words.numeric_owner,
        approval=words.approval,
    )
    runner = asyncio.Runner()  # never closed, as above
    if words.dry_run:
        looked = runner.run(forecast_on_server(plan, config, recorder, telling.answers, telling.note))
        return _told(looked, telling)
    done = runner.run(
        restore_on_server(
            plan, config, recorder, telling.answers, telling.note, _about(telling, plan.snapshot.spec)
        )
    )
    return _told(done, telling)


def _recover(words: Recover, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    from tuibackup.jobs.recover.onto import recover_onto
    from tuibackup.jobs.recover.plan import plan_recovery

    plan = plan_recovery(
        config, words.server, words.onto, only=words.only, approval=words.approval, copy=recorder.copy
    )
    runner = asyncio.Runner()  # never closed, as above
    done = runner.run(
        recover_onto(
            plan,
            config,
            recorder,
            telling.answers,
            telling.note,
            telling.progress,
            dry_run=words.dry_run,
        )
    )
    return _told(done, telling)


def _verify(words: Verify, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    from tuibackup.jobs.due import verifies_due
    from tuibackup.jobs.verify import plan_verify, verify
    from tuibackup.vault.reading import GoneError

    outcomes = []
    due = verifies_due(config, datetime.now(UTC), recorder.job, server=words.what) if words.due else None
    for plan in due.plans if due else plan_verify(config, words.what):
        try:
            verified = verify(plan, recorder, _about(telling, plan.snapshot.spec))
        except GoneError as error:
            if plan.snapshot.spec == words.what:
                raise
            telling.note(error.message)  # retention removed it after it was listed: the others are to be read
            continue
        outcomes.append(_told(verified, telling)[0])
    if not outcomes and not due:  # nothing is proven
        return Outcome.FAILED, _FAILED
    return worst(outcomes), EXIT_CODES[worst(outcomes)]


def _drill(words: Drill, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    from tuibackup.jobs.drill.drill import drill, not_drilled, plan_drill
    from tuibackup.jobs.due import drills_due

    due = drills_due(config, datetime.now(UTC), recorder.job).plans if words.due else None
    plans = plan_drill(config, words.what) if due is None else due
    outcomes = []
    for plan in plans:
        try:
            done = drill(plan, config, recorder, _about(telling, plan.snapshot.spec))
        except TuibackupError as error:
            if len(plans) == 1 or isinstance(error, InterruptedRunError):
                raise
            # The drills of the others do not wait for a database server or for room that this one lacks.
            outcomes.append(Outcome.FAILED)
            telling.result(Outcome.FAILED, not_drilled(plan, error))
        else:
            outcomes.append(_told(done, telling)[0])
    return worst(outcomes), EXIT_CODES[worst(outcomes)]


def _retention(words: Retention, config: Config, recorder: Recorder, telling: Telling) -> tuple[Outcome, int]:
    """One server after the other; what hinders one is told, and the others are carried out."""
    from tuibackup.jobs.retention.apply import retain

    outcomes, codes = [Outcome.DONE], [0]
    for server, goes in words.goes.items():
        try:
            done = retain(server, goes, config, recorder, _about(telling, server))
        except TuibackupError as error:
            if len(words.goes) == 1:
                raise
            telling.note(str(error))
            outcomes.append(Outcome.FAILED)
            codes.append(error.exit_code)
        else:
            outcome, code = _told(done, telling)
            outcomes.append(outcome)
            codes.append(code)
    return worst(outcomes), worst_code(codes)


def _each(results: "Iterable[Result | TuibackupError]", telling: Telling) -> tuple[Outcome, int]:
    """Results and faults as they come; what hinders one is told, and the others are carried out."""
    outcomes, codes = [Outcome.DONE], [0]
    for one in results:
        if isinstance(one, TuibackupError):
            telling.note(str(one))
            outcomes.append(Outcome.FAILED)
            codes.append(one.exit_code)
        else:
            outcome, code = _told(one, telling)
            outcomes.append(outcome)
            codes.append(code)
    return worst(outcomes), worst_code(codes)


def _about(telling: Telling, spec: str) -> Callable[[Progress], None]:
    return lambda progress: telling.progress(spec, progress)


def _told(result: Result, telling: Telling) -> tuple[Outcome, int]:
    telling.result(result.outcome, result.document())
    return result.outcome, EXIT_CODES[result.outcome]
