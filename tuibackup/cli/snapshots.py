"""`tuibackup snapshots`: what the vault holds, the newest last."""

import argparse
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli import fromcopy
from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, Cell, print_json_list, print_table
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.run.holds import Hold
    from tuibackup.vault.layout import Snapshot


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `snapshots`."""
    parser.description = _(
        "Lists the snapshots in the vault, the newest last. One marked · does not reset its clock; an incomplete"
        " one lacks files. With --from those of a copy that are there whole."
    )
    parser.add_argument("server", nargs="?", metavar="SERVER")
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print them; a server that is no longer configured may still have some."""
    with fromcopy.looking(args, context, None, summaries=True):
        return _print(args, context, of_copy=args.source is not None)


def _print(args: argparse.Namespace, context: Context, *, of_copy: bool) -> int:
    vault = context.vault
    if args.server and args.server not in vault.servers():
        context.server(args.server)
    found = vault.snapshots(args.server)
    held, today = context.holds(args.server), datetime.now().astimezone().date()
    if args.json:
        print_json_list(_document(one, held.get(one.spec), today, of_copy=of_copy) for one in found)
        return 0
    heads = ["", _("snapshot"), _("outcome"), _("started"), _("items"), _("size"), _("on disk"), _("remark")]
    shape = Shape(
        name=1, remark=7, spare=(3, 4, 6, 2, 5)
    )  # the name tells when it began, the mark shows the outcome
    print_table(
        heads, (_row(one, held.get(one.spec), today, of_copy=of_copy) for one in found), "<<<<>>><", shape
    )
    return 0


def _lacks(snapshot: "Snapshot", *, of_copy: bool) -> str:
    """What it lacks. Of a copy only those are listed that are there whole, and no more of them than their summary."""
    from tuibackup.vault.presence import why_incomplete

    return "" if of_copy else why_incomplete(snapshot.path)


def _row(snapshot: "Snapshot", hold: "Hold | None", today: date, *, of_copy: bool) -> list[str]:
    from tuibackup.errors import VaultError
    from tuibackup.text import count, size, when

    started = when(snapshot.started, datetime.now().astimezone())
    try:
        summary = snapshot.summary
    except VaultError as error:
        bad = "failed"
        return [Cell("×", bad), snapshot.spec, Cell(_("unreadable"), bad), started, "", "", "", str(error)]
    outcome, gone = summary.outcome.value, _lacks(snapshot, of_copy=of_copy)
    state = "failed" if gone else outcome
    not_whole = "" if summary.good else _("· not whole: does not reset the clock")
    return [
        Cell(MARKS[state], state),
        snapshot.spec,
        Cell(_("incomplete") if gone else _(outcome), state),
        started,
        count(summary.files),
        size(summary.bytes),
        size(summary.stored_bytes),
        " ".join(filter(None, [gone or not_whole, _(hold.words(today)) if hold else ""])),
    ]


def _document(snapshot: "Snapshot", hold: "Hold | None", today: date, *, of_copy: bool) -> dict[str, Any]:
    from tuibackup.errors import VaultError
    from tuibackup.parts import plain

    gone = _lacks(snapshot, of_copy=of_copy)
    document: dict[str, Any] = {
        "snapshot": snapshot.spec,
        "path": None if of_copy else str(snapshot.path),
        "good": snapshot.good and not gone,
        "lacks": gone,
        "held": hold.document(today) if hold else None,
    }
    try:
        document["summary"] = plain(snapshot.summary)
    except VaultError as error:
        document["error"] = str(error)
    return document
