"""`tuibackup verify`: read snapshots again and compare every hash."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `verify`."""
    parser.description = _(
        "Reads snapshots from the disk and compares every hash: one snapshot, all of a server, or all."
        " Exit code 1: something is damaged, or there is nothing to verify."
    )
    parser.add_argument("what", nargs="?", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Have them verified one after the other."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import Verify, order
    from tuibackup.jobs.verify import plan_verify

    context.require_disk()
    next(plan_verify(context.config, args.what), None)  # says now if nothing is called so
    server = args.what.split("/")[0] if args.what else ""
    wanted = order(
        Verify(what=args.what), context.operator, server=server, what=args.what or _("all snapshots")
    )
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
