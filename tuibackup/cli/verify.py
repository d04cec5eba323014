"""`tuibackup verify`: read snapshots again and compare every hash."""

import argparse
from datetime import UTC, datetime

from tuibackup.cli import fromcopy
from tuibackup.cli.context import Context
from tuibackup.cli.output import say
from tuibackup.errors import UsageError
from tuibackup.words import _, sentence


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `verify`."""
    parser.description = _(
        "Reads snapshots from the disk and compares every hash: one snapshot, all of a server, or all."
        " Exit code 1: something is damaged, or there is nothing to verify."
    )
    parser.add_argument("what", nargs="?", metavar="SERVER | SNAPSHOT")
    parser.add_argument(
        "--due",
        action="store_true",
        help=_("so much that everything is read again in time, what never was first: for a timer"),
    )
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Have them verified one after the other."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import Verify, order
    from tuibackup.jobs.verify import plan_verify

    if args.due and args.what and "/" in args.what:
        raise UsageError(_("--due chooses by itself"), _("leave out either --due or the snapshot"))
    if args.due and args.source is not None:
        raise UsageError(_("--due is about the vault"), _("leave out --due or --from"))
    if args.source is not None:
        said = fromcopy.source(args, context)
        what = args.what or sentence("all of {copy}", copy=args.source)
        server = args.what.split("/")[0] if args.what else ""
        wanted = order(Verify(what=args.what, **said), context.operator, server=server, what=what)
        return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
    context.require_disk()
    if args.due:
        return _due(args, context)
    next(plan_verify(context.config, args.what), None)  # says now if nothing is called so
    server = args.what.split("/")[0] if args.what else ""
    wanted = order(
        Verify(what=args.what), context.operator, server=server, what=args.what or sentence("all snapshots")
    )
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)


def _due(args: argparse.Namespace, context: Context) -> int:
    """Have so much read as this call reads."""
    from tuibackup.cli.due import left_alone, nothing_due
    from tuibackup.cli.job import do
    from tuibackup.jobs.due import verifies_due
    from tuibackup.jobs.process.order import Verify, order
    from tuibackup.jobs.verify import plan_verify
    from tuibackup.run.held import wait_until_free
    from tuibackup.text import count

    if args.what:
        next(plan_verify(context.config, args.what), None)  # says now if no server is called so
    server = args.what or None
    due = wait_until_free(lambda: verifies_due(context.config, datetime.now(UTC), server=server), say)
    lines = [_("it is being read already: {job}").format(job=due.going)] if due.going else []
    if due.plans and len(due.plans) < due.due:
        text = _(
            "{number} of {all} snapshots that are due are read now; the next call goes on with the others"
        )
        lines.append(text.format(number=count(len(due.plans)), all=count(due.due)))
    left_alone(lines, as_json=args.json)
    if not due.plans:
        nothing_due(args, said=bool(lines))
        return 0
    words = Verify(what=server, due=True)
    wanted = order(words, context.operator, server=server or "", what=sentence("what is due"))
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
