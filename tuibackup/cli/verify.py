"""`tuibackup verify`: read snapshots again and compare every hash."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json
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


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Verify one after the other."""
    from tuibackup.jobs.verify import plan_verify, verify

    done = []
    for plan in plan_verify(context.config, args.what):
        with ProgressLine(plan.snapshot.spec) as line:
            verified = verify(plan, context.recorder, line.update)
        done.append(verified)
        if not args.json:
            _print(verified)
    if args.json:
        print_json([verified.document() for verified in done])
    elif done:
        _sum_up(done)
    else:
        print(_("nothing to verify: there is no snapshot yet"))
    return 0 if done and all(verified.verdict.ok for verified in done) else 1


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


def _sum_up(done: "list[Verified]") -> None:
    from tuibackup.text import count

    ended = [
        Ended(one.plan.snapshot.spec, one.outcome.value, tuple(one.verdict.problems[:1])) for one in done
    ]
    number = len(ended)
    what = ngettext("{number} snapshot", "{number} snapshots", number).format(number=count(number))
    print_summary(what, ended, _("in order"))
