"""`tuibackup status`: the clocks of every server, worst first; exit code 4 if a backup is overdue."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, Cell, Head, print_hanging, print_json, print_table
from tuibackup.errors import TuibackupError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.overview.copies import CopyState
    from tuibackup.overview.picture import Picture, ServerRow
    from tuibackup.sop import Clock, Standing

LATE = 4
_NAMED = 5  # servers of which nobody knows what is unprotected


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `status`."""
    parser.description = _(
        "Shows how the clocks of every server stand, worst first: files, databases, and the drill that proves them."
        " Exit code 4: something is overdue or was never backed up; 1: something stored is damaged, or not everything"
        " could be read. A drill that is overdue changes no exit code."
    )
    parser.add_argument("--long", action="store_true", help=_("also room and its forecast, and what is held"))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help=_("one JSON document"))
    how.add_argument(
        "--nagios",
        action="store_true",
        help=_("as a Nagios plug-in; it exits with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN)"),
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the same picture that the cockpit shows."""
    from tuibackup.sop import State

    if args.nagios:
        return _nagios(context)
    picture = look(context)
    found = None
    copies: tuple[CopyState, ...] = ()
    if args.long:
        from tuibackup.cli.longcopies import document, look_at_copies, print_copies
        from tuibackup.cli.longstatus import look_longer, print_long

        found = look_longer(context, picture)
        copies = look_at_copies(context, picture)
    if args.json:
        room = {"room": found.document(), "3-2-1-1-0": found.rules_document()} if found else {"room": None}
        more = {**room, "copies": document(copies)} if args.long else {}
        print_json({**_document(picture), **more})
    else:
        _print(picture)
        if found:
            print_long(found)
        if copies:
            print_copies(copies, picture.now)
    if any(row.has(State.OVERDUE) or row.has(State.NEVER) for row in picture.rows):
        return LATE
    return 1 if any(row.has(State.UNKNOWN) or row.damaged for row in picture.rows) else 0


def look(context: Context) -> "Picture":
    """The picture, once everything that answers has answered."""
    from tuibackup.overview.gather import look_once

    context.looks_after_disks()
    return look_once(context.config, context.operator.name, read_only=context.read_only)


def _nagios(context: Context) -> int:
    """One line with figures, then the servers concerned. Whatever is wrong, it ends with a code that Nagios knows."""
    from tuibackup.overview.nagios import unknown, verdict

    try:
        found = verdict(look(context), context.config.vault)
    except TuibackupError as error:
        found = unknown(str(error))
    print(found.text, flush=True)
    return found.level


def _print(picture: "Picture") -> None:
    from tuibackup.cli.waysout import print_ways_out
    from tuibackup.overview.findings import findings
    from tuibackup.overview.picture import clock_word, period_word, state_word
    from tuibackup.overview.unprotected import in_a_line
    from tuibackup.text import size

    files = _("files ≤ {limit}").format(limit=period_word(picture.sop.files_within))
    limit = period_word(picture.sop.databases_within)
    databases = Head(_("databases ≤ {limit}").format(limit=limit), f"{_('dbs')} ≤ {limit}")
    drill = _("drill ≤ {limit}").format(limit=period_word(picture.drill_within))
    clocks = _clock_width(picture)
    rows = [_row(row, picture, clocks) for row in picture.rows.worst_first]
    if rows:
        print_table(
            ["", _("server"), files, databases, _("last run"), "", _("took"), drill],
            rows,
            "<<<<<<><",
            Shape(name=1, spare=(6, 5, 4, 7)),
        )
    else:
        print_hanging(
            "", _("no server in {file} yet; its comments show how to add one").format(file=picture.source)
        )
    for one in picture.rows.worst_first:
        for clock, standing, text in one.reasons:
            sentence = _("{clock} {state}: {reason}").format(
                clock=clock_word(clock), state=state_word(standing.state), reason=text
            )
            print_hanging(f"{MARKS[standing.state.value]} ", f"{one.name}: {sentence}")
        for remark in one.remarks:
            print_hanging(f"{MARKS['warnings']} ", f"{one.name}: {remark}")
        if one.unusual:
            command = f"tuibackup accept {one.name} unusual --reason TEXT"
            print_hanging("    → ", _("if that is usual from now on: {command}").format(command=command))
        if one.unfinished:
            print_hanging(f"{MARKS['interrupted']} ", f"{one.name}: {one.unfinished.sentence}")
        for finding in findings(one, picture.now):
            print_hanging(f"{MARKS['damaged']} ", f"{one.name}: {finding.sentence}")
            print_ways_out(finding.ways_out)
        for clock, tried in one.tried_drills.items():
            print_hanging(f"{MARKS['warnings']} ", f"{one.name}: {tried.sentence(clock, picture.now)}")
        for gone in one.lost.values():
            said = _("{mark} {server}: {what}").format(mark=MARKS["failed"], server=one.name, what=gone)
            print_hanging("", said)
        if one.coverage.unprotected:
            told = _("unprotected: {what}").format(what=in_a_line(one.coverage, picture.now))
            print_hanging(f"{MARKS['warnings']} ", f"{one.name}: {told}")
    _print_never_looked(picture)
    for problem in picture.problems:
        print_hanging("", _("× {problem}").format(problem=problem))
    for way in picture.telling:
        if said := way.sentence(picture.now):
            print_hanging(f"{MARKS['warnings']} ", said)
    if picture.room:
        room = picture.room
        print_hanging(
            "",
            _("{path}: {free} of {total} free").format(
                path=room.path, free=size(room.free), total=size(room.total)
            ),
        )


def _print_never_looked(picture: "Picture") -> None:
    """Say of which servers nobody knows what is unprotected."""
    names = [row.name for row in picture.rows if row.coverage.looked is None]
    if names and picture.complete:
        some = ", ".join(names[:_NAMED]) + (f", … {len(names) - _NAMED}" if len(names) > _NAMED else "")
        text = _("nobody has looked for what no backup holds on: {servers}; {command} does")
        print_hanging(f"{MARKS['unknown']} ", text.format(servers=some, command="tuibackup discover SERVER"))


def _row(row: "ServerRow", picture: "Picture", clocks: int) -> list[str]:
    from tuibackup.overview.picture import outcome_word
    from tuibackup.text import duration, when

    condition = row.condition
    cells = [
        Cell(MARKS.get(condition, " "), condition),
        row.name,
        _clock(row.files, clocks),
        _clock(row.databases, clocks),
    ]
    if row.run:
        step = row.run.view.current
        word = _("waiting") if row.run.waiting else _("running")
        doing = f"{MARKS[condition]} {word}" + (
            _(" step {number} of 4").format(number=step.step.number) if step else ""
        )
        return [*cells, Cell(doing, condition), "", "–", _clock(row.drill, clocks)]
    if row.last:
        outcome = row.last.outcome.value
        text = f"{MARKS[outcome]} {outcome_word(row.last.outcome)}"
        moment = when(row.last.started, picture.now)
        return [*cells, Cell(text, outcome), moment, duration(row.last.seconds), _clock(row.drill, clocks)]
    return [*cells, "–", "", "–", _clock(row.drill, clocks)]


def _clock_width(picture: "Picture") -> int:
    """Cells of the longest state with its age beside it."""
    from tuibackup.text import cells

    clocks = [clock for row in picture.rows for clock in (*row.clocks, row.drill) if clock]
    return max((sum(map(cells, _clock_words(clock))) + 2 for clock in clocks), default=0)


def _clock(standing: "Standing | None", width: int) -> str:
    """The state, and its age at the right end of `width` cells: in one column, because the heading is wide."""
    from tuibackup.text import cells

    if standing is None:
        return "–"
    word, age = _clock_words(standing)
    return Cell(f"{word}{' ' * (width - cells(word) - cells(age))}{age}".rstrip(), standing.state.value)


def _clock_words(standing: "Standing") -> tuple[str, str]:
    from tuibackup.overview.picture import days, state_word

    return state_word(standing.state), "" if standing.age_days is None else days(standing.age_days)


def _document(picture: "Picture") -> dict[str, Any]:
    from tuibackup.ledger.entries import iso

    return {
        "time": iso(picture.now),
        "vault": {"path": picture.room.path, "free": picture.room.free, "total": picture.room.total}
        if picture.room
        else None,
        "problems": list(picture.problems),
        "messages": [
            {
                "way": way.name,
                "waiting": way.waiting,
                "sent": iso(way.sent) if way.sent else None,
                "failing-since": iso(way.since) if way.since else None,
                "error": way.error,
            }
            for way in picture.telling
        ],
        "servers": [_server(row, picture.now) for row in picture.rows.worst_first],
    }


def _server(row: "ServerRow", now: datetime) -> dict[str, Any]:
    import msgspec

    from tuibackup.ledger.entries import iso
    from tuibackup.overview.coverage_document import coverage_document
    from tuibackup.overview.unprotected import age_days
    from tuibackup.sop import Clock

    return {
        "server": row.name,
        "label": row.label,
        "condition": row.condition,
        "files": _clock_document(row, row.files, Clock.FILES),
        "databases": _clock_document(row, row.databases, Clock.DATABASES),
        "drill": _standing_document(row.drill) if row.drill else None,
        "damaged": [
            {
                "snapshot": one.snapshot,
                "verified": iso(one.time),
                "problem": one.problem,
                "problems": one.total,
            }
            for one in row.damages
        ],
        "missing": {clock.value: row.lost.get(clock) for clock in Clock},
        "drills": {clock.value: _drill_document(row, clock) for clock in Clock},
        "drills-not-carried-out": {clock.value: _tried_document(row, clock) for clock in Clock},
        "unusual": {clock.value: msgspec.to_builtins(found) for clock, found in row.unusual.items()},
        "reason-missing": msgspec.to_builtins(row.slow),
        "run": {"run": row.run.view.run, "state": row.run.view.state} if row.run else None,
        "last-run": {
            "run": row.last.run,
            "outcome": row.last.outcome.value,
            "started": iso(row.last.started),
            "seconds": row.last.seconds,
            "error": row.last.error,
        }
        if row.last
        else None,
        "coverage": {"age-days": age_days(row.coverage, now), **coverage_document(row.coverage)},
        "resumable": {"files": row.unfinished.files, "bytes": row.unfinished.bytes}
        if row.unfinished
        else None,
    }


def _drill_document(row: "ServerRow", clock: "Clock") -> dict[str, Any] | None:
    from tuibackup.ledger.entries import iso

    drill = row.drills.get(clock)
    if drill is None:
        return None
    return {
        "snapshot": drill.snapshot,
        "outcome": drill.outcome.value,
        "time": iso(drill.time),
        "seconds": drill.seconds,
        "age-days": drill.age_days,
        "error": drill.error,
    }


def _tried_document(row: "ServerRow", clock: "Clock") -> dict[str, Any] | None:
    from tuibackup.ledger.entries import iso

    tried = row.tried_drills.get(clock)
    if tried is None:
        return None
    return {
        "snapshot": tried.snapshot,
        "outcome": tried.outcome.value,
        "time": iso(tried.time),
        "reason": tried.reason,
    }


def _clock_document(row: "ServerRow", standing: "Standing | None", clock: "Clock") -> dict[str, Any] | None:
    if standing is None:
        return None
    return {**_standing_document(standing), "why": row.reason(clock, standing)}


def _standing_document(standing: "Standing") -> dict[str, Any]:
    return {
        "state": standing.state.value,
        "last": standing.last.astimezone(UTC).isoformat().replace("+00:00", "Z") if standing.last else None,
        "age-days": standing.age_days,
        "due-by": standing.due_by.isoformat() if standing.due_by else None,
    }
