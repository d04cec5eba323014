"""`tuibackup drill`: restore snapshots into a scratch place, and compare."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, coloured, paint, print_hanging, print_json
from tuibackup.cli.progress import ProgressLine
from tuibackup.cli.summary import Ended, print_compared, print_summary
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.drill.drill import Drilled


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `drill`."""
    parser.description = _(
        "Restores a snapshot into a scratch place, compares it with what was recorded when it was made, and throws it"
        " away: databases into a throw-away mariadbd of this machine (or the empty server of [drill]), files into a"
        " folder. Of a server: the newest good snapshots of both clocks. Exit code 1: something differs; 3: something"
        " could not be proven."
    )
    parser.add_argument("what", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Drill one after the other."""
    from tuibackup.jobs.drill.drill import drill, plan_drill
    from tuibackup.run.journal.events import EXIT_CODES
    from tuibackup.sop import worst

    done = []
    for plan in plan_drill(context.config, args.what):
        with ProgressLine(plan.snapshot.spec) as line:
            drilled = drill(plan, context.config, context.recorder, line.update)
        done.append(drilled)
        if not args.json:
            _print(drilled)
    if args.json:
        print_json([drilled.document() for drilled in done])
    else:
        _sum_up(done)
    return EXIT_CODES[worst([drilled.outcome for drilled in done])]


def _print(drilled: "Drilled") -> None:
    from tuibackup.text import duration

    found, outcome = drilled.found, drilled.outcome.value
    mark = paint(MARKS[outcome], outcome, coloured())
    where = _("in {place}").format(place=found.where)
    text = f"{drilled.plan.snapshot.spec}  {drilled.amount()}  {where}  {duration(drilled.seconds)}"
    print_hanging(f"{MARKS[outcome]} ", text, drawn=f"{mark} ")
    print_compared(found.differences, found.gaps, found.incomparable)


def _sum_up(done: "list[Drilled]") -> None:
    from tuibackup.text import count

    ended = [
        Ended(
            drilled.plan.snapshot.spec,
            drilled.outcome.value,
            tuple([*drilled.found.differences, *drilled.found.gaps][:1]),
        )
        for drilled in done
    ]
    number = len(ended)
    what = ngettext("{number} snapshot", "{number} snapshots", number).format(number=count(number))
    print_summary(what, ended)
