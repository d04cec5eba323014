"""Gathers a report's facts, once, from the ledger and the configuration. The backup disk is not asked: what was stored
is in the record, and a report of last month must not depend on a disk of today.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import takewhile

from msgspec.structs import replace

from tuibackup.config import Config, Server
from tuibackup.errors import UsageError
from tuibackup.jobs.report.compliance import compliance
from tuibackup.jobs.report.facts import (
    Event,
    Integrity,
    Proof,
    Report,
    Restore,
    Run,
    Verified,
)
from tuibackup.jobs.report.holdings import copied_in, gone, places, retained, scopes
from tuibackup.jobs.report.period import Span
from tuibackup.jobs.report.runs import note_of, number, outcome_of, run_of, runs_of, text
from tuibackup.ledger import Ledger
from tuibackup.ledger.entries import Entry, Kind
from tuibackup.sop import Clock, Outcome, Period
from tuibackup.text import printable
from tuibackup.words import sentence

# Entries are in the order in which they were written; a machine's clock that was put back moves their times so far.
_SLACK = timedelta(days=1)
_PROBLEMS = 10  # of a check that are printed
_TOLD = (Kind.NOTE, Kind.CONFIG, Kind.TRUST, Kind.HOLD)


def gather_span(
    config: Config, ledger: Ledger, span: Span, day: date, *, server: str = "", zone: tzinfo | None = None
) -> Report:
    """Everything that happened in the span, of all servers or one. Raises LedgerError."""
    since, until = span.moments(zone)
    found = _entries(ledger, since, until, server)
    servers = [
        one for name, one in config.servers.items() if server in ("", name) and _was_there(ledger, one, until)
    ]
    runs = _with_late_notes(runs_of(_flat(found)), ledger, since)
    return Report(
        kind="period",
        day=day,
        identity=config.report,
        standards=config.sop,
        server=server,
        span=span,
        runs=runs,
        compliance=tuple(
            compliance(
                one.name,
                clock,
                ledger.resets(one.name, clock, since, until),
                _within(config, clock),
                span,
                zone,
            )
            for one in servers
            for clock in one.clocks
        ),
        drilled=tuple(
            compliance(
                one.name, clock, ledger.proofs(one.name, clock, since, until), config.drill.within, span, zone
            )
            for one in servers
            for clock in one.clocks
        ),
        restores=tuple(map(restore_of, found[Kind.RESTORE])),
        drills=tuple(map(_proof, found[Kind.DRILL])),
        verified=tuple(_verified(entry for entry in found[Kind.VERIFY] if entry.server)),
        scope=tuple(scopes(ledger, servers)) + tuple(gone(runs, config)),
        places=tuple(places(config, ledger, server, datetime.now(UTC))),
        copied=tuple(copied_in(config, ledger, servers, found[Kind.COPY])),
        retained=tuple(retained(config, ledger, servers, found[Kind.RETENTION])),
        events=tuple(_event(entry) for entry in _flat(found) if _is_told(entry)),
        notes=tuple(note_of(entry) for entry in found[Kind.NOTE] if not entry.run),
        integrity=integrity(config, ledger, until),
    )


def gather_run(config: Config, ledger: Ledger, word: str, day: date) -> Report:
    """One run by its id or the beginning of it. Raises UsageError: none, several, or it still goes on. LedgerError."""
    recorded = ledger.runs_beginning(word)
    if word not in recorded and len(recorded) != 1:
        told = (
            sentence("{word} is the beginning of several runs", word=printable(word))
            if recorded
            else sentence("there is no run {word} in the ledger", word=printable(word))
        )
        raise UsageError(told, sentence("tuibackup log --json has the ids"))
    run = run_of(ledger.of_run(word if word in recorded else recorded[0]))
    if run is None:
        raise UsageError(sentence("the run {word} has not ended yet", word=printable(word)))
    return Report(
        kind="run",
        day=day,
        identity=config.report,
        standards=config.sop,
        server=run.server,
        runs=(run,),
        integrity=integrity(config, ledger, None),
    )


def gather_restore(config: Config, ledger: Ledger, word: str, day: date) -> Report:
    """One restore by its job's id, the beginning of it, or its number in the ledger. Raises UsageError, LedgerError."""
    entries = ledger.of_kind(Kind.RESTORE)
    named = [
        one for one in entries if word == str(one.seq) or (word and text(one.body, "job").startswith(word))
    ]
    exact = [one for one in named if word in (str(one.seq), text(one.body, "job"))]
    chosen = exact or named
    if len(chosen) != 1:
        told = (
            sentence("{word} is the beginning of several restores", word=printable(word))
            if chosen
            else sentence("there is no restore {word} in the ledger", word=printable(word))
        )
        newest = [text(one.body, "job") or str(one.seq) for one in (chosen or entries)[-3:]]
        way_out = sentence("the newest are {names}", names=", ".join(newest)) if newest else ""
        raise UsageError(told, way_out)
    restore = restore_of(chosen[0])
    return Report(
        kind="restore",
        day=day,
        identity=config.report,
        standards=config.sop,
        server=restore.server,
        restores=(restore,),
        integrity=integrity(config, ledger, None),
    )


def _entries(ledger: Ledger, since: datetime, until: datetime, server: str) -> Mapping[str, list[Entry]]:
    """The entries of the span by kind, in order."""
    found: dict[str, list[Entry]] = defaultdict(list)
    written = ledger.entries(since=since, server=server or None)
    for entry in takewhile(lambda entry: entry.moment < until + _SLACK, written):
        if since <= entry.moment < until:
            found[entry.kind].append(entry)
    return found


def _flat(found: Mapping[str, Sequence[Entry]]) -> list[Entry]:
    return sorted((entry for entries in found.values() for entry in entries), key=lambda entry: entry.seq)


def _with_late_notes(runs: tuple[Run, ...], ledger: Ledger, since: datetime) -> tuple[Run, ...]:
    """The runs with every note about them, also one written after the span: a reason often comes a day later."""
    notes = defaultdict(list)
    for entry in ledger.entries(since=since, kinds=[Kind.NOTE]):
        if entry.run:
            notes[entry.run].append(note_of(entry))
    return tuple(replace(run, notes=tuple(notes[run.run])) for run in runs)


def _was_there(ledger: Ledger, server: Server, until: datetime) -> bool:
    """Whether a server may have been there in a span that ended at `until`; one that nobody has backed up counts."""
    first = ledger.known_since(server.name)
    return first is None or first < until


def _within(config: Config, clock: Clock) -> Period:
    return config.sop.files_within if clock is Clock.FILES else config.sop.databases_within


def restore_of(entry: Entry) -> Restore:
    """A restore from its entry."""
    body = entry.body
    return Restore(
        number=entry.seq,
        job=text(body, "job"),
        time=entry.moment,
        server=entry.server or "",
        who=entry.operator,
        snapshot=text(body, "snapshot"),
        to=text(body, "to") or text(body, "into"),
        outcome=outcome_of(body),
        seconds=number(body.get("seconds")),
        approved_by=text(body, "approved_by"),
        reason=text(body, "reason"),
        error=text(body, "error"),
        detail=text(body, "detail"),
        body=body,
    )


def _proof(entry: Entry) -> Proof:
    body = entry.body
    return Proof(
        entry.moment,
        entry.server or "",
        entry.operator,
        text(body, "snapshot"),
        outcome_of(body),
        number(body.get("seconds")),
        text(body, "detail"),
        text(body, "error"),
    )


def _verified(entries: Iterable[Entry]) -> Iterable[Verified]:
    by_server: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_server[entry.server or ""].append(entry)
    for server, found in sorted(by_server.items()):
        problems = [text(one.body, "error") for one in found if outcome_of(one.body) is not Outcome.DONE]
        yield Verified(server, len(found), len(found) - len(problems), tuple(problems[:_PROBLEMS]))


def _is_told(entry: Entry) -> bool:
    """Whether it stands for itself: what a run or a section tells does not. A verify of no server: the ledger's."""
    return not entry.run and (entry.kind in _TOLD or (entry.kind == Kind.VERIFY and not entry.server))


def _event(entry: Entry) -> Event:
    words = next(
        (said for name in ("text", "detail", "error", "reason") if (said := text(entry.body, name))), ""
    )
    return Event(entry.moment, entry.kind, entry.server or "", entry.operator, words)


def integrity(config: Config, ledger: Ledger, until: datetime | None) -> Integrity:
    """The ledger by then (None: now), and what a check of it all finds. Raises LedgerError."""
    from tuibackup.jobs.ledger.verify import verify_ledger

    until = until or datetime(9999, 1, 1, tzinfo=UTC)
    head = ledger.last_before(until, without=Kind.REPORT)
    sealed = ledger.last_before(until, kind=Kind.SEAL)
    checked = verify_ledger(config, None)
    return Integrity(
        entries=head.seq if head else 0,
        head=head.hash if head else "",
        time=head.moment if head else None,
        problems=tuple(problem.text for problem in checked.problems[:_PROBLEMS]),
        unasked=checked.unasked,
        sealed=sealed.moment if sealed else None,
        sealed_by=sealed.operator if sealed else "",
        key=text(sealed.body, "key") if sealed else "",
    )
