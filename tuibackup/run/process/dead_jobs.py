"""Records the end of a job, other than a run, whose process died without a word."""

from datetime import datetime, timedelta
from typing import Any

from tuibackup.ledger.entries import Kind
from tuibackup.ledger.store import Ledger
from tuibackup.run.journal import events as ev
from tuibackup.run.journal import journal as jr
from tuibackup.sop import Outcome
from tuibackup.words import sentence

_DIED = sentence("the job's process ended without saying how (it was killed, or the machine went down)")
_CLOCK = timedelta(minutes=5)  # by which this machine's clock may have been put back meanwhile


def bury_job(journal: jr.Journal, planned: ev.JobPlanned, ledger: Ledger) -> None:
    """Record it as *interrupted*, unless the last thing that it did is in the ledger; then end its journal."""
    last, subject, results = _last_seen(journal)
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(planned.time)).total_seconds()
    if results == 0 or subject:
        body: dict[str, Any] = {
            "snapshot": subject or planned.what,
            "detail": planned.what,
            "outcome": Outcome.INTERRUPTED.value,
            "error": _DIED,
            "job": planned.run,
        }
        if not _recorded(planned, subject, ledger):
            server = planned.server or subject.partition("/")[0] or None
            ledger.append(Kind(planned.job), body, operator=planned.operator, server=server)
    journal.finish(
        ev.JobFinished(
            time=ev.now(),
            run=planned.run,
            server=planned.server,
            outcome=Outcome.INTERRUPTED,
            seconds=max(0.0, round(seconds, 3)),
            exit_code=ev.EXIT_CODES[Outcome.INTERRUPTED],
            error=sentence(
                "{died}; order it again: tuibackup {command}", died=_DIED, command=" ".join(planned.command)
            ),
        )
    )


def _last_seen(journal: jr.Journal) -> tuple[str, str, int]:
    """When its last line was written, what it was busy with, a snapshot or a server ("" between two), its results."""
    time, subject, results = "", "", 0
    with jr.JournalReader(journal.path) as reader:
        for event in reader.poll():
            time = event.time
            if isinstance(event, ev.JobProgress):
                subject = event.subject
            elif isinstance(event, ev.JobResult):
                subject, results = "", results + 1
    return time, subject, results


def _recorded(planned: ev.JobPlanned, subject: str, ledger: Ledger) -> bool:
    """Whether the job itself wrote the entry of `subject`, and died before it told its journal."""
    since = datetime.fromisoformat(planned.time) - _CLOCK
    return any(
        entry.body.get("job") == planned.run
        and "outcome" in entry.body  # what retention says before it begins has none
        and subject in ("", entry.body.get("snapshot"), entry.server)
        for entry in ledger.entries(since=since, kinds=[planned.job])
    )
