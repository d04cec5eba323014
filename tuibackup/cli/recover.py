"""`tuibackup recover`: the page to follow when a server is lost; and what of it can be carried out onto another one."""

import argparse

from tuibackup.cli import fromcopy
from tuibackup.cli.approved import approved
from tuibackup.cli.context import Context
from tuibackup.cli.output import print_json
from tuibackup.errors import UsageError
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `recover`."""
    parser.description = _(
        "Prints the page to follow when a server is lost: what it was, its newest good snapshots, the order, and the"
        " commands. With --onto OTHER what can be done is done: each folder goes into a new folder of that server, the"
        " databases into its empty database server, and each is compared. Nothing that is there is touched; the swap is"
        " shown. The same command goes on with a recovery that was ended. Exit code 3: something was left out, or"
        " nothing proves it."
    )
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument(
        "--onto", metavar="OTHER", help=_("a server of the configuration, which takes its place")
    )
    parser.add_argument("--only", choices=("files", "databases"), help=_("recover these alone"))
    parser.add_argument(
        "--format", choices=("text", "md"), default="text", help=_("of the page; md to print it")
    )
    parser.add_argument(
        "--dry-run", action="store_true", help=_("look at OTHER, say what would be done; change nothing")
    )
    parser.add_argument("--approved-by", default="", metavar="NAME", help=_("who approved this recovery"))
    parser.add_argument("--reason", default="", metavar="TEXT", help=_("why; both are recorded"))
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the page, or carry it out."""
    if args.onto is None:
        return _page(args, context)
    from tuibackup.cli.job import do, do_here
    from tuibackup.jobs.process.order import Recover, order
    from tuibackup.jobs.recover.plan import plan_recovery
    from tuibackup.sop import Clock

    if context.read_only and not args.dry_run:
        raise UsageError(
            _("--read-only: {command} would change something").format(command="recover --onto"),
            _("leave --read-only out"),
        )
    said = fromcopy.source(args, context)
    approval = approved(args, context)
    only = Clock(args.only) if args.only else None
    what = f"{args.server} → {args.onto}"
    if said["source"]:
        context.config.server(args.onto)  # what the copy holds is known only when it was asked
    else:
        context.require_disk()
        plan_recovery(context.config, args.server, args.onto, only=only, approval=approval)
    words = Recover(
        server=args.server, onto=args.onto, only=only, approval=approval, dry_run=args.dry_run, **said
    )
    wanted = order(words, context.operator, server=args.server, what=what)
    if args.dry_run:
        return do_here(wanted, context, as_json=args.json)
    return do(wanted, context, as_json=args.json, several=False, detach=args.detach)


def _page(args: argparse.Namespace, context: Context) -> int:
    from datetime import datetime

    from tuibackup.jobs.recover.layout import as_markdown, as_text
    from tuibackup.jobs.recover.page import blocks, document
    from tuibackup.jobs.recover.sources import sources

    if args.dry_run or args.detach or args.only or args.approved_by or args.reason:
        raise UsageError(
            _(
                "--only, --dry-run, --detach, --approved-by and --reason belong to a recovery that is carried out"
            ),
            _("name the server that takes its place: --onto OTHER"),
        )
    if args.source is None:
        context.require_disk()
    config = context.config  # whose vault is not the copy
    with fromcopy.looking(args, context, args.server):
        identity = ("--identity", str(args.identity)) if args.identity else ()
        copy = ("--from", args.source, *identity) if args.source else ()
        found = sources(context.config, args.server, copy=copy, lists=bool(copy))
        page = blocks(config, found, datetime.now().astimezone())
        if args.json:
            print_json(document(config, found))
        else:
            print(as_markdown(page) if args.format == "md" else as_text(page), end="")
    return 0
