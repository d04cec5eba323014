"""Gathers what is backed up and what is not, where it lies, and what is kept by which rule."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from tuibackup.config import Config, Server
from tuibackup.jobs.report.facts import (
    Copied,
    Place,
    Retained,
    Run,
    Scope,
)
from tuibackup.jobs.report.runs import outcome_of, text
from tuibackup.ledger import Ledger
from tuibackup.ledger.entries import Entry
from tuibackup.overview.copies import copies_of, copy_states
from tuibackup.overview.coverage import coverage_of
from tuibackup.overview.past import held_now, results_of_body
from tuibackup.overview.unprotected import accepted_words, name_of, why
from tuibackup.sop import Clock, Outcome
from tuibackup.words import joined


def scopes(ledger: Ledger, servers: Sequence[Server]) -> Iterable[Scope]:
    """Of each server what is backed up, and what is not."""
    looks, changes = ledger.last_looks(), ledger.configured()
    for server in servers:
        found = coverage_of(server, looks.get(server.name), changes.get(server.name, ()))
        newest = ledger.good_runs(server.name, Clock.DATABASES, 1)
        counted = [one.items for body in newest if (one := results_of_body(body).get(Clock.DATABASES))]
        yield Scope(
            server=server.name,
            label=server.label,
            host=server.host,
            folders=server.folders,
            exclude=server.exclude,
            has_database=server.database is not None,
            databases=counted[0] if counted else None,
            database_exclude=server.database.exclude if server.database else (),
            accepted=tuple(
                f"{name_of(one)}: {accepted_words(one.accepted)}" for one in found.accepted if one.accepted
            ),
            unprotected=tuple(f"{name_of(one)}: {why(one)}" for one in found.unprotected),
            looked=found.looked,
        )


def gone(runs: Sequence[Run], config: Config) -> Iterable[Scope]:
    """Servers that were backed up in the span and are in the configuration no more."""
    for name in sorted({run.server for run in runs} - set(config.servers)):
        yield Scope(server=name, configured=False)


def places(config: Config, ledger: Ledger, server: str, now: datetime) -> Iterable[Place]:
    """The second places, with what lies there (of one server, or of all)."""
    for state in copy_states(config, ledger, None, server or None):
        yield Place(
            state.name,
            state.place,
            state.held,
            state.bytes,
            state.last,
            state.off_site,
            state.encrypted,
            tuple(state.remarks(now)),
        )


def copied_in(
    config: Config, ledger: Ledger, servers: Sequence[Server], entries: Iterable[Entry]
) -> Iterable[Copied]:
    """What was sent in the span, and what failed; that a copy was looked at, or let something go by its rule, is
    neither. And what lies there of each server, and does not, where there is anything to copy.
    """
    by_place: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        done = outcome_of(entry.body) is Outcome.DONE
        if (
            entry.server
            and "outcome" in entry.body
            and (not done or ("to" in entry.body and entry.body.get("held") is True))
        ):
            by_place[text(entry.body, "copy"), entry.server].append(entry)
    lying = {
        (state.name, server.name): state
        for server in servers
        for state in copies_of(config, ledger, server.name)
        if state.held or state.missing
    }
    for copy, server in sorted({*by_place, *lying}):
        found, state = by_place[copy, server], lying.get((copy, server))
        bad = [one for one in found if outcome_of(one.body) is not Outcome.DONE]
        yield Copied(
            copy,
            server,
            len(found) - len(bad),
            len(bad),
            found[-1].moment if found else None,
            text(bad[-1].body, "error") if bad else "",
            state.held if state else 0,
            len(state.missing) if state else 0,
        )


def retained(
    config: Config, ledger: Ledger, servers: Sequence[Server], entries: Iterable[Entry]
) -> Iterable[Retained]:
    removed: dict[str, int] = defaultdict(int)
    for entry in entries:
        gone = entry.body.get("removed")
        removed[entry.server or ""] += len(gone) if isinstance(gone, list) else 0
    for server in servers:
        held = held_now(ledger, server.name)
        yield Retained(
            server.name,
            str(config.rule(server.name, Clock.FILES)) if Clock.FILES in server.clocks else "",
            str(config.rule(server.name, Clock.DATABASES)) if Clock.DATABASES in server.clocks else "",
            removed[server.name],
            tuple(joined(": ", (spec, why)) for spec, why in held.items()),
        )
