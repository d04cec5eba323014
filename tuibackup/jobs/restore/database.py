"""Restores a database, or one table of it, from a snapshot into a database server, proves it there, and records it.

The server is one of the configuration, reached over SSH, or one of this machine behind its socket.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.jobs.restore.plan import DatabasePlan
from tuibackup.jobs.trust import accepting
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.remote.questions import Answers
from tuibackup.sop import Outcome
from tuibackup.words import later, sentence

if TYPE_CHECKING:
    from tuibackup.jobs.restore.loading import Loaded


@dataclass(frozen=True, slots=True)
class RestoredDatabase(Result):
    """What is in the target now, compared with what was recorded at the dump's instant."""

    plan: DatabasePlan
    loaded: "Loaded"
    seconds: float

    @property
    def outcome(self) -> Outcome:
        if self.loaded.compared.differences:
            return Outcome.FAILED
        return Outcome.WARNINGS if self.gaps else Outcome.DONE

    @property
    def gaps(self) -> list[str]:
        """What was restored as something else, and what could not be proven."""
        return [*self.loaded.changed, *self.loaded.compared.gaps]

    def facts(self) -> dict[str, Any]:
        compared, plan = self.loaded.compared, self.plan.body()
        return {
            **{name: plan[name] for name in ("snapshot", "database", "table", "into")},
            "where": self.loaded.where,
            "outcome": self.outcome.value,
            "bytes": self.loaded.bytes,
            "seconds": self.seconds,
            "tables": compared.tables,
            "rows": compared.rows,
            "checksums": compared.checksums,
            "differences": list(compared.differences),
            "incomparable": list(compared.incomparable),
            "gaps": self.gaps,
        }

    def body(self) -> dict[str, Any]:
        differences = self.loaded.compared.differences
        return {**bounded(self.facts()), "error": differences[0] if differences else ""}


async def restore_into_database(
    plan: DatabasePlan,
    config: Config,
    recorder: Recorder,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> RestoredDatabase:
    """Restore, compare, and record the result, or that it was refused, failed or was stopped.

    Raises TuibackupError: nothing was changed, or the message says what is there now. Cancelling it stops it.
    """
    from tuibackup.jobs.restore.loading import load
    from tuibackup.vault.reading import reading

    with recorder.attempt(Kind.RESTORE, plan.body(), server=plan.snapshot.server) as attempt:
        try:
            told = accepting(recorder, plan.into, later("a restore"))
            with reading(plan.snapshot):
                loaded = await load(plan, config, answers, notes, on_progress, told)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise InterruptedRunError(
                sentence(
                    "stopped; {name} on {target} may be incomplete now", name=plan.name, target=plan.into
                ),
                sentence("restore again with --overwrite"),
            ) from None
    return attempt.recorded(RestoredDatabase(plan, loaded, attempt.seconds))
