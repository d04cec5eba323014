"""`tuibackup accept`: a folder or a database that needs no backup, with a reason and who answers for it."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging
from tuibackup.text import printable
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `accept`."""
    parser.description = _(
        "Says that a folder, with all that lies in it, or a database of a server needs no backup, and why. It is"
        " recorded, and shown with its reason and owner instead of being told as unprotected.\nWith unusual, size,"
        " count, time or change it accepts what is unusual about the last run: figures near these are told no more."
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument(
        "what",
        metavar="WHAT",
        help=_("the folder's full path, the database's name, or what is unusual: files-size"),
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help=_("why"))
    parser.add_argument("--owner", metavar="NAME", help=_("who answers for it (default: the operator)"))
    parser.add_argument("--take-back", action="store_true", help=_("it needs a backup after all"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Record it, and say so."""
    from tuibackup.jobs.accept import accept, plan_accept
    from tuibackup.jobs.usual import is_figure

    if is_figure(args.what) and not args.take_back:
        return _usual(args, context)
    owner = args.owner if args.owner is not None else context.operator.name
    plan = plan_accept(
        context.config, args.server, args.what, args.reason, owner=owner, take_back=args.take_back
    )
    accept(plan, context.recorder)
    text = (
        _("√ {what} of {server} is told as unprotected again")
        if plan.take_back
        else _("√ {what} of {server} needs no backup: {reason} ({owner})")
    )
    print_hanging(
        "",
        text.format(what=printable(plan.what), server=plan.server, reason=plan.reason, owner=plan.owner),
    )
    return 0


def _usual(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.jobs.usual import accept_usual, require_usual

    plan = require_usual(context.config, args.server, args.what, args.reason)
    accept_usual(plan, context.recorder)
    for text in plan.sentences:
        print_hanging("", _("√ usual for {server} from now on: {what}").format(server=plan.server, what=text))
    return 0
