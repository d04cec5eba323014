"""Records a run that died without recording its end, and snapshots that the ledger does not know.

A run that is killed leaves an unfinished journal whose lock is free, perhaps a published snapshot that is not in
the ledger, and half-made files in its incoming folder. Nobody else may touch these while the run lives.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import BusyError, VaultError
from tuibackup.ledger.entries import Entry, Kind
from tuibackup.ledger.store import Ledger
from tuibackup.run import record
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.run.locks import server_lock
from tuibackup.run.process.dead_jobs import bury_job
from tuibackup.run.stop import stop_path
from tuibackup.run.unfinished import GOES_ON, STARTS_AGAIN
from tuibackup.sop import Clock, Outcome, worst
from tuibackup.vault.incoming import has_left, sweep
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.removal import delete, left_to_remove, removing, spec_of
from tuibackup.words import joined, sentence, sentence_n

_NAME = "recovery"  # written as the holder of a server's lock meanwhile


def bury(path: Path, config: Config, ledger: Ledger, vault: Vault | None) -> str | None:
    """Record a dead run or job, in the ledger first, then its journal; None if another process does so, or it lives."""
    with jr.reopened(path) as journal:
        planned = jr.planned_in(path)
        if journal is None or planned is None or jr.last(path) is not None:
            return None
        if isinstance(planned, ev.JobPlanned):
            bury_job(journal, planned, ledger)
            stop_path(config.state, planned.run).unlink(missing_ok=True)
            return planned.run
        entries = ledger.of_run(planned.run)
        told = next((one for one in entries if one.kind == Kind.RUN), None)
        if told is not None:
            finished = _as_told(planned, told)  # it died between the ledger and the journal
        else:
            left = vault is not None and has_left(vault, planned.server, planned.run)
            finished = _interrupted(path, planned, _published(vault, planned), left=left)
            ledger.append(
                Kind.RUN,
                {
                    **record.finished_body(finished),
                    "request": planned.request,
                    "full": planned.full,
                    "operator": next(
                        (one.body["operator"] for one in entries if "operator" in one.body),
                        {"name": planned.operator},
                    ),
                },
                operator=planned.operator,
                server=planned.server,
                run=planned.run,
            )
        journal.finish(finished)
    stop_path(config.state, planned.run).unlink(missing_ok=True)
    if vault is not None:
        with suppress(BusyError, VaultError), server_lock(vault, planned.server, run=_NAME, operator=_NAME):
            sweep(vault, planned.server)
    return planned.run


def _published(vault: Vault | None, planned: ev.RunPlanned) -> dict[Clock, Snapshot]:
    """The snapshots that the run had published before it died."""
    if vault is None:
        return {}
    return {
        clock: snapshot
        for clock in planned.clocks
        for snapshot in _since(vault, planned, clock)
        if snapshot.summary.run == planned.run
    }


def _since(vault: Vault, planned: ev.RunPlanned, clock: Clock) -> Iterator[Snapshot]:
    """Snapshots whose names are later than the run's beginning; only these can be its own."""
    began = datetime.fromisoformat(planned.time).replace(microsecond=0)
    for snapshot in takewhile(lambda one: one.started >= began, vault.newest(planned.server, clock)):
        with suppress(VaultError):
            if snapshot.summary:
                yield snapshot


def _interrupted(
    path: Path, planned: ev.RunPlanned, published: dict[Clock, Snapshot], *, left: bool
) -> ev.RunFinished:
    """How a dead run ended: its published snapshots count, the rest was interrupted. `left`: it left files to reuse."""
    error = sentence("the run's process ended without saying how (it was killed, or the machine went down)")
    error = joined("; ", (error, GOES_ON if left else STARTS_AGAIN))
    clocks = {
        clock: record.clock_of(published[clock])
        if clock in published
        else ev.ClockResult(outcome=Outcome.INTERRUPTED, detail=error)
        for clock in planned.clocks
    }
    seconds, findings = _last_seen(path, planned)
    outcome = worst([Outcome.INTERRUPTED, *(result.outcome for result in clocks.values())])
    return ev.RunFinished(
        time=ev.now(),
        run=planned.run,
        server=planned.server,
        outcome=outcome,
        seconds=seconds,
        exit_code=ev.EXIT_CODES[outcome],
        files=clocks.get(Clock.FILES),
        databases=clocks.get(Clock.DATABASES),
        error=error,
        findings=findings,
    )


def _last_seen(path: Path, planned: ev.RunPlanned) -> tuple[float, int]:
    """Seconds until the journal's last line, and how many findings it holds."""
    last, findings = planned.time, 0
    with jr.JournalReader(path) as reader:
        for event in reader.poll():
            last = event.time
            findings += isinstance(event, ev.StepFinding)
    took = datetime.fromisoformat(last) - datetime.fromisoformat(planned.time)
    return max(0.0, round(took.total_seconds(), 3)), findings


def _as_told(planned: ev.RunPlanned, entry: Entry) -> ev.RunFinished:
    """The end of a run, from its ledger entry."""
    return record.finished_of(entry.body, planned)


def record_unknown(server: str, ledger: Ledger, vault: Vault) -> bool:
    """Add snapshots that the ledger lacks: its disk was full, it was lost, or the run died before it wrote them.

    Whether it has all of them now.
    """
    if not _unknown(server, ledger, vault):
        return True
    with suppress(BusyError), server_lock(vault, server, run=_NAME, operator=_NAME):
        # Under the lock, because a living run holds it until its snapshots are in the ledger.
        for snapshot in _unknown(server, ledger, vault):
            with suppress(VaultError):  # one that cannot be read: `verify` says why
                summary, result = snapshot.summary, record.clock_of(snapshot)
                body = {
                    "outcome": result.outcome.value,
                    "clocks": record.clocks_body({snapshot.clock: result}),
                    "detail": sentence("{spec} was in the vault but not in the ledger", spec=snapshot.spec),
                    "error": "",
                    "late": True,
                }
                ledger.append(Kind.RUN, body, operator=summary.operator, server=server, run=summary.run)
    return not _unknown(server, ledger, vault)


def finish_removals(server: str, ledger: Ledger, vault: Vault) -> bool:
    """Delete what a retention that died had taken out of sight; whether nothing is left of it."""
    with suppress(BusyError, VaultError), removing(vault, server):
        gone: list[str] = []
        try:
            for left in left_to_remove(vault, server):
                delete(left)
                gone.append(spec_of(server, left))
        finally:
            if gone:
                detail = sentence_n(
                    "{count} snapshot deleted that an interrupted retention had taken away",
                    "{count} snapshots deleted that an interrupted retention had taken away",
                    len(gone),
                )
                body = {"outcome": Outcome.DONE.value, "detail": detail, "error": "", "removed": gone}
                ledger.append(Kind.RETENTION, body, operator=_NAME, server=server)
    return not left_to_remove(vault, server)


def _unknown(server: str, ledger: Ledger, vault: Vault) -> list[Snapshot]:
    there = [snapshot for clock in Clock for snapshot in vault.newest(server, clock)]
    if not there:
        return []
    known = ledger.snapshots(server)
    lacking = [snapshot for snapshot in there if snapshot.spec not in known]
    return sorted(lacking, key=lambda snapshot: (snapshot.sequence, snapshot.name))
