"""Restores files into a new folder of a server, compares what lies there, and records the result.

The swap with what is there now is only shown: nobody but the operator may carry it out.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuibackup.config import Config
from tuibackup.errors import InterruptedRunError
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.jobs.restore.alone import alone
from tuibackup.jobs.restore.plan import ServerPlan
from tuibackup.jobs.trust import accepting
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.remote.questions import Answers
from tuibackup.sop import Outcome
from tuibackup.text import count, size
from tuibackup.words import joined, later, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.jobs.restore.sending import Sent


@dataclass(frozen=True, slots=True)
class RestoredOnServer(Result):
    """What is in the new folder now."""

    plan: ServerPlan
    sent: "Sent"
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """*failed* if anything is missing or has another content than it had, or the snapshot is damaged."""
        if self.sent.differences or self.sent.damaged:
            return Outcome.FAILED
        return Outcome.WARNINGS if self.sent.problems or self.sent.gaps else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        sent = self.sent
        return {
            "snapshot": self.plan.snapshot.spec,
            "into": self.plan.where,
            "outcome": self.outcome.value,
            "files": sent.files,
            "folders": sent.folders,
            "links": sent.links,
            "bytes": sent.bytes,
            "seconds": self.seconds,
            "compared": sent.compared,
            "hashed": sent.hashed,
            "resumed": sent.resumed,
            "differences": [{"path": path, "reason": reason} for path, reason in sent.differences],
            "problems": [{"path": path, "reason": reason} for path, reason in sent.problems],
            "gaps": list(sent.gaps),
            "damaged": sent.damaged,
            "swap": list(sent.swap),
        }

    def body(self) -> dict[str, Any]:
        sent, plan = self.sent, self.plan.body()
        came = joined(", ", (sentence_n("{count} file", "{count} files", sent.files), size(sent.bytes)))
        detail = joined(": ", (plan["detail"], came))
        if wrong := len(sent.differences) + sent.damaged:
            detail = joined(", ", (detail, sentence("{count} not as they were", count=count(wrong))))
        error = joined(": ", sent.differences[0]) if sent.differences else ""
        return {**bounded(self.facts()), "detail": detail, "error": error}


async def restore_on_server(
    plan: ServerPlan,
    config: Config,
    recorder: Recorder,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> RestoredOnServer:
    """Restore, compare, and record the result, or that it was refused, failed or was stopped.

    Raises TuibackupError: nothing was made there, or the message says what is there now. Cancelling it stops it.
    """
    from tuibackup.jobs.restore.sending import send
    from tuibackup.vault.reading import reading

    with recorder.attempt(Kind.RESTORE, plan.body(), server=plan.snapshot.server) as attempt:
        try:
            told = accepting(recorder, plan.into.name, later("a restore"))
            with reading(plan.snapshot), alone(config.state, plan):
                sent = await send(plan, config, answers, notes, on_progress, told)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise InterruptedRunError(
                sentence("stopped; {where} is not complete", where=plan.where),
                sentence("the same command goes on with it, or remove that folder"),
            ) from None
    return attempt.recorded(RestoredOnServer(plan, sent, attempt.seconds))
