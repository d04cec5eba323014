"""All databases of a snapshot into an empty database server, in the snapshot's order, compared and recorded."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tuibackup.config import Config
from tuibackup.database.inventory import quoted
from tuibackup.database.restore.target import remote_target
from tuibackup.errors import ConnectionLostError, InterruptedRunError
from tuibackup.jobs.drill.databases import restore_and_compare
from tuibackup.jobs.drill.findings import Findings
from tuibackup.jobs.recorder import Recorder, Result, bounded
from tuibackup.jobs.recover.plan import RecoveryPlan
from tuibackup.ledger.entries import Kind
from tuibackup.progress import Progress
from tuibackup.remote.connect.hostkeys import Told
from tuibackup.run.access import log_in, open_session
from tuibackup.run.questions import RememberedAnswers
from tuibackup.sop import Outcome
from tuibackup.vault.restore.dumps import dumps_of
from tuibackup.words import joined, sentence, sentence_n


@dataclass(frozen=True, slots=True)
class RestoredAll(Result):
    """What is in the server now, compared with what was recorded at the dumps' instant."""

    plan: dict[str, Any]
    found: Findings
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return self.found.outcome

    def facts(self) -> dict[str, Any]:
        found = self.found
        return {
            "where": found.where,
            "outcome": found.outcome.value,
            "bytes": found.bytes,
            "seconds": self.seconds,
            "tables": found.tables,
            "rows": found.rows,
            "checksums": found.checksums,
            "differences": found.differences,
            "incomparable": found.incomparable,
            "gaps": found.gaps,
        }

    def body(self) -> dict[str, Any]:
        found = self.found
        came = sentence_n("{count} database", "{count} databases", found.items)
        return {
            **bounded(self.facts()),
            "detail": joined(": ", (self.plan["detail"], came)),
            "error": found.differences[0] if found.differences else "",
        }


async def restore_all(
    plan: RecoveryPlan,
    drop: Sequence[str],
    config: Config,
    recorder: Recorder,
    answers: RememberedAnswers,
    notes: Callable[[str], None],
    on_progress: Callable[[Progress], None],
    told: Told,
) -> RestoredAll:
    """Drop `drop`, which an earlier recovery left, restore and compare.

    That it is begun is recorded before anything is made there: what a recovery that died leaves is known by that.
    """
    assert plan.databases
    snapshot = plan.databases.snapshot
    body = {
        "snapshot": snapshot.spec,
        "recovery": plan.server,
        "onto": plan.onto.name,
        "databases": True,
        "detail": f"{snapshot.spec} → {plan.onto.name}",
        **plan.approval.body(),
    }
    begun = {**body, "begun": True, "detail": sentence("{what}: begun", what=body["detail"])}
    with recorder.attempt(Kind.RESTORE, body, server=plan.server) as attempt:
        try:
            dumps = await asyncio.to_thread(dumps_of, snapshot)
            async with await open_session(config, plan.onto, answers, notes, told) as session:
                async with await log_in(plan.onto, session, answers) as database:
                    options = database.options
                recorder.record(Kind.RESTORE, begun, server=plan.server)
                if drop:
                    async with remote_target(session, options) as target:
                        for name in drop:
                            await target.rows(f"DROP DATABASE IF EXISTS {quoted(name)}")
                found = await restore_and_compare(
                    remote_target(session, options), snapshot, dumps, on_progress
                )
                if session.lost:
                    raise ConnectionLostError(
                        sentence("connection to {server} lost", server=plan.onto.name),
                        sentence("the same command goes on with it"),
                    )
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise InterruptedRunError(
                sentence("stopped; the databases on {server} are not complete", server=plan.onto.name),
                sentence("the same command goes on with it"),
            ) from None
    return attempt.recorded(RestoredAll(body, found, attempt.seconds))
