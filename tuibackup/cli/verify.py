"""`tuibackup verify`: read snapshots again and compare every hash."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json_list
from tuibackup.cli.progress import ProgressLine
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.verify import Verified

SHOWN = 20  # problems of one snapshot that are listed here; --json and the ledger have more


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `verify`."""
    parser.description = _(
        "Reads snapshots from the disk and compares every hash: one snapshot, all of a server, or all."
        " Exit code 1: something is damaged, or there is nothing to verify."
    )
    parser.add_argument("what", nargs="?", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Verify one after the other."""
    from tuibackup.jobs.verify import plan_verify, verify

    ended: list[Ended] = []

    def each() -> "Iterator[Verified]":
        for plan in plan_verify(context.config, args.what):
            with ProgressLine(plan.snapshot.spec) as line:
                verified = verify(plan, context.recorder, line.update)
            problems = tuple(verified.verdict.problems[:1])
            ended.append(Ended(plan.snapshot.spec, verified.outcome.value, problems))
            yield verified

    if args.json:
        print_json_list(verified.document() for verified in each())
    else:
        for verified in each():
            _print(verified)
        _sum_up(ended)
    return 0 if ended and all(one.outcome == "done" for one in ended) else 1


def _print(verified: "Verified") -> None:
    from tuibackup.text import count, duration, size

    verdict, outcome = verified.verdict, verified.outcome.value
    mark = paint(MARKS[outcome], outcome, coloured())
    words = ngettext("{files} file, {size}", "{files} files, {size}", verdict.files)
    amount = words.format(files=count(verdict.files), size=size(verdict.bytes))
    text = f"{verified.plan.snapshot.spec}  {amount}  {duration(verified.seconds)}"
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    for problem in verdict.problems[:SHOWN]:
        print_hanging("    ", problem)
    if len(verdict.problems) > SHOWN:
        print(_("    and {number} more").format(number=count(len(verdict.problems) - SHOWN)))


def _sum_up(ended: list[Ended]) -> None:
    from tuibackup.text import count

    number = len(ended)
    what = ngettext("{number} snapshot", "{number} snapshots", number).format(number=count(number))
    if ended:
        print_summary(what, ended, _("in order"))
    else:
        print(_("nothing to verify: there is no snapshot yet"))
