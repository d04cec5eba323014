"""`tuibackup release`: end a hold."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging, print_json
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `release`."""
    parser.description = _(
        "Ends the hold of a snapshot: from then on the rules of retention are for it, too."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("--reason", required=True, metavar="TEXT", help=_("why; it is recorded"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Release it, and say so."""
    from tuibackup.jobs.hold import release

    context.require_disk()
    done = release(context.config, args.snapshot, args.reason, context.recorder)
    if args.json:
        print_json(done.document())
    else:
        print_hanging("", _("√ {snapshot} is held no more").format(snapshot=done.snapshot))
    return 0
