"""`tuibackup holds`: what is held, by whom and why."""

import argparse
from datetime import date, datetime

from tuibackup.cli.columns import Shape
from tuibackup.cli.context import Context
from tuibackup.cli.output import Cell, print_json_list, print_table
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `holds`."""
    parser.description = _("Lists the snapshots that are held, the oldest hold first.")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print them."""
    from tuibackup.run.holds import holds
    from tuibackup.text import when

    now = datetime.now().astimezone()
    found = list(holds(context.vault, context.ledger).values())
    if args.json:
        print_json_list(one.document(now.date()) for one in found)
        return 0
    if not found:
        print(_("nothing is held"))
        return 0
    rows = [
        [
            one.snapshot,
            one.owner,
            when(datetime.fromisoformat(one.since), now) if one.since else "",
            _until(one.until, passed=one.passed(now.date())),
            one.reason,
        ]
        for one in found
    ]
    print_table(
        [_("snapshot"), _("held by"), _("since"), _("until"), _("reason")], rows, "", Shape(name=0, remark=4)
    )
    return 0


def _until(day: date | None, *, passed: bool) -> str:
    if day is None:
        return ""
    return Cell(_("{day}, passed").format(day=day), "overdue") if passed else f"{day}"
