"""`tuibackup note`: write into the ledger what happened, and why."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging
from tuibackup.errors import UsageError
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `note`."""
    parser.description = _(
        "Writes a note into the ledger: about a run, a server, or at all. A note about a run in which a step took"
        " longer than its standard is the reason that the record asks for."
    )
    parser.add_argument("text", nargs="+", metavar="TEXT", help=_("what happened, and why"))
    parser.add_argument("--server", metavar="S", help=_("about this server"))
    parser.add_argument("--run", metavar="R", help=_("about this run: its id, or the beginning of one"))
    parser.add_argument(
        "--corrects", type=int, metavar="N", help=_("corrects entry N of the ledger, which stays as it is")
    )
    parser.add_argument("--operator", metavar="NAME", help=_("who writes it, for the record"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Write it, and say about what."""
    from tuibackup.jobs.note import plan_note, write_note
    from tuibackup.run.operator import identify

    if args.corrects is not None and (args.server or args.run):
        raise UsageError(
            _("a correction is about what the entry is about"), _("leave --server and --run out")
        )
    if args.server and args.run:
        raise UsageError(_("a run belongs to its server already"), _("say --run or --server, not both"))
    config = context.config
    plan = plan_note(config, " ".join(args.text), server=args.server, run=args.run, corrects=args.corrects)
    write_note(config, plan, identify(args.operator, config.operators))
    about = plan.run or plan.server
    if plan.corrects:
        about = _("entry {number} of the ledger").format(number=plan.corrects.seq)
    text = _("√ noted about {what}: {text}") if about else _("√ noted: {text}")
    print_hanging("", text.format(what=about, text=plan.text))
    return 0
