"""`tuibackup drill`: restore snapshots into a scratch place, and compare."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.words import _


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
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Have them drilled one after the other."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.drill.drill import plan_drill
    from tuibackup.jobs.process.order import Drill, order

    context.require_disk()
    plans = plan_drill(context.config, args.what)
    server = plans[0].snapshot.server
    wanted = order(Drill(what=args.what), context.operator, server=server, what=args.what)
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
