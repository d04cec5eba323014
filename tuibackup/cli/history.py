"""`tuibackup history`: a year of each server, a cell a week or a month; of one server all that the record tells."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json_list
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.overview.past import Cell, Past

_LABEL = 11  # cells in front of a line of signs
_SHOWN = 10  # anomalies, missing reasons and notes
_ALL = 10**9


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `history`."""
    parser.description = _(
        "Shows a year of backups: a cell a week for the files, a cell a month for the databases. Of one server also how"
        " large they were, how long they took, what was unusual, and notes."
    )
    parser.add_argument("server", nargs="?", metavar="SERVER")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print it; a server that is no longer configured may have a past, too."""
    from tuibackup.overview.past import past

    now, ledger = datetime.now(UTC), context.ledger
    names = [args.server] if args.server else list(context.config.servers)
    if args.server and args.server not in context.config.servers and not ledger.run_count(args.server):
        context.server(args.server)  # raises the error that names the nearest one
    page = (_ALL if args.json else 200) if args.server else 0
    found = (past(ledger, name, now, page=page) for name in names)
    if args.json:
        from tuibackup.ledger.entries import iso

        print_json_list(
            (_document(one, whole=bool(args.server)) for one in found), {"time": iso(now)}, "servers"
        )
        return 0
    for one in found:
        server = context.config.servers.get(one.server)
        print_hanging("", f"{one.server} – {server.label}" if server and server.label else one.server)
        _print(one, now, whole=bool(args.server))
    if names:
        print_hanging(
            "", _("a cell a week (files), or a month (databases): █ done  ▓ warnings  × failed  · nothing")
        )
    else:
        print_hanging("", _("no server in {file} yet").format(file=context.config.source))
    return 0


def _print(one: "Past", now: datetime, *, whole: bool) -> None:
    from tuibackup.overview.past import MONTHS, WEEKS
    from tuibackup.overview.picture import clock_word
    from tuibackup.sop import Clock
    from tuibackup.text import duration, size

    for clock in Clock:
        cells = one.cells[clock]
        if not any(cell.tries for cell in cells):
            continue
        number = WEEKS if clock is Clock.FILES else MONTHS
        print(f"  {_padded(clock_word(clock))}{_ended(cells)}")
        if whole:
            sizes = [cell.bytes for cell in cells]
            took = [cell.seconds for cell in cells]
            _bar(_("size"), sizes, size, number)
            _bar(_("took"), took, duration, number)
    if whole:
        _print_rest(one, now)


def _ended(cells: "tuple[Cell, ...]") -> str:
    from tuibackup.overview.bars import ENDED

    return "".join(
        paint(ENDED[cell.outcome], cell.outcome.value if cell.outcome else "dim", coloured())
        for cell in cells
    )


def _bar(label: str, values: Any, words: Any, number: int) -> None:
    from tuibackup.overview.bars import bars

    most = max((value for value in values if value is not None), default=None)
    if most is not None:
        up_to = _("up to {most}").format(most=words(most))
        print(f"    {_padded(label, 2)}{bars(values):<{number}}  {up_to}")


def _padded(label: str, less: int = 0) -> str:
    from tuibackup.text import cells

    return label + " " * max(1, _LABEL - less - cells(label))


def _print_rest(one: "Past", now: datetime) -> None:
    from tuibackup.run.unusual import sentence, slow_sentence
    from tuibackup.text import count, size, when

    total = one.kept
    text = ngettext("{count} snapshot, {size} on disk", "{count} snapshots, {size} on disk", total)
    line = text.format(count=count(total), size=size(one.stored))
    if one.a_month is not None:
        line += ", " + _("{size} more a month").format(size=size(one.a_month))
    runs = ngettext("{count} run", "{count} runs", one.runs.total).format(count=count(one.runs.total))
    print_hanging("  ", f"{line}; {runs}")
    odd = [(snapshot, each) for snapshot in one.snapshots.lines for each in snapshot.unusual]
    for snapshot, each in odd[:_SHOWN]:
        said = _("{time} unusual, {what}").format(
            time=when(snapshot.started, now.astimezone()), what=sentence(snapshot.clock, each)
        )
        print_hanging(f"  {MARKS['warnings']} ", said)
    missing = [line for line in one.runs.lines if line.reason_missing]
    for run in missing[:_SHOWN]:
        said = _("{time} reason missing, {what}: tuibackup note --run {run} TEXT").format(
            time=when(run.started, now.astimezone()),
            what=" · ".join(map(slow_sentence, run.slow)),
            run=run.run,
        )
        print_hanging(f"  {MARKS['warnings']} ", said)
    for note in one.notes.lines[:_SHOWN]:
        about = f" ({note.run})" if note.run else ""
        print_hanging("  ", f"{when(note.time, now.astimezone())}  {note.who}: {note.text}{about}")
    if one.notes.total > _SHOWN:
        print(
            "  "
            + _("… and {number} more: tuibackup log --server {server}").format(
                number=count(one.notes.total - _SHOWN), server=one.server
            )
        )


def _document(one: "Past", *, whole: bool) -> dict[str, Any]:
    import msgspec

    from tuibackup.ledger.entries import iso
    from tuibackup.sop import Clock

    document: dict[str, Any] = {
        "server": one.server,
        **{clock.value: [_cell(cell) for cell in one.cells[clock]] for clock in Clock},
        "snapshots-total": one.snapshots.total,
        "runs-total": one.runs.total,
        "kept": one.kept,
        "stored": one.stored,
        "a-month": None if one.a_month is None else round(one.a_month),
    }
    if not whole:
        return document
    document["snapshots"] = [
        {
            "snapshot": line.spec,
            "clock": line.clock.value,
            "started": iso(line.started),
            "outcome": line.outcome.value,
            "good": line.good,
            "items": line.items,
            "bytes": line.bytes,
            "new": line.new,
            "stored": line.stored,
            "run": line.run,
            "verified": iso(line.verified) if line.verified else None,
            "sound": line.sound if line.verified else None,
            "held": line.held or None,
            "removed": line.removed,
            "unusual": msgspec.to_builtins(line.unusual),
        }
        for line in one.snapshots.lines
    ]
    document["runs"] = [
        {
            "run": line.run,
            "started": iso(line.started),
            "outcome": line.outcome.value,
            "seconds": line.seconds,
            "operator": line.who,
            "error": line.error,
            "clocks": {clock.value: result.outcome.value for clock, result in line.clocks.items()},
            "slow": msgspec.to_builtins(line.slow),
            "reason-missing": line.reason_missing,
        }
        for line in one.runs.lines
    ]
    document["notes"] = [
        {"time": iso(line.time), "operator": line.who, "run": line.run or None, "text": line.text}
        for line in one.notes.lines
    ]
    return document


def _cell(cell: "Cell") -> dict[str, Any]:
    return {
        "begins": cell.begins.isoformat(),
        "outcome": cell.outcome.value if cell.outcome else None,
        "tries": cell.tries,
        "seconds": cell.seconds,
        "bytes": cell.bytes,
        "stored": cell.stored,
    }
