"""`tuibackup log`: what was done, from the ledger, the newest last (as a terminal is read)."""

import argparse
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, Cell, print_json, print_table
from tuibackup.errors import UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry

NEWEST = 200  # entries shown without --since and --all
_EVERYTHING = 2**62


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `log`."""
    parser.description = _("Shows what was done, from the ledger, the newest last.")
    parser.add_argument("--server", metavar="S", help=_("only of this server"))
    parser.add_argument(
        "--since", metavar="DATE", type=_date, help=_('from then on: 2026-11-01 or "2026-11-01 08:00"')
    )
    parser.add_argument("--all", action="store_true", help=_("steps and needs too, and no limit"))
    parser.add_argument("--json", action="store_true", help=_("every entry whole, as one JSON document"))


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Print the entries; a server that is no longer configured may be named too."""
    from tuibackup.ledger.entries import Kind

    everything = args.all or args.json
    # Steps and needs belong to their run, which tells the outcome.
    kinds = (
        [] if everything else [kind for kind in context.ledger.kinds() if kind not in (Kind.STEP, Kind.NEEDS)]
    )
    limit = _EVERYTHING if everything or args.since else NEWEST
    entries = context.ledger.log(limit, server=args.server, since=args.since, kinds=kinds)[::-1]
    if not entries and args.server and args.server not in context.config.servers:
        context.server(args.server)  # says that there is none, and the nearest
    if args.json:
        print_json([_document(entry) for entry in entries])
        return 0
    heads = [_("time"), _("server"), _("what"), _("outcome"), _("took"), _("who"), _("detail")]
    print_table(heads, [_row(entry) for entry in entries], "<<<<><<")
    return 0


def _row(entry: "Entry") -> list[str]:
    from tuibackup.text import duration, when
    from tuibackup.tui.record import log_row

    row = log_row(entry)
    mark = MARKS.get(row.outcome, "")
    return [
        when(row.time, datetime.now().astimezone()),
        row.server,
        row.kind,
        Cell(f"{mark} {_(row.outcome)}" if row.outcome else "", row.outcome),
        duration(row.seconds) if row.seconds is not None else "",
        row.who,
        row.detail,
    ]


def _document(entry: "Entry") -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "time": entry.time,
        "kind": str(entry.kind),
        "operator": entry.operator,
        "host": entry.host,
        "server": entry.server,
        "run": entry.run,
        "body": dict(entry.body),
        "prev": entry.prev,
        "hash": entry.hash,
    }


def _date(text: str) -> datetime:
    """A local day or moment. Only what cannot be misread is taken."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", text):
        raise _bad(text)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise _bad(text) from None


def _bad(text: str) -> UsageError:
    from tuibackup.text import printable

    return UsageError(
        _('--since "{text}" is no date').format(text=printable(text)),
        _('write it as 2026-11-01 or "2026-11-01 08:00"'),
    )
