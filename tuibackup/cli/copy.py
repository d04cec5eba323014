"""`tuibackup copy`: snapshots go to their second places, or come back from one."""

import argparse

from tuibackup.cli import fromcopy
from tuibackup.cli.context import Context
from tuibackup.errors import UsageError
from tuibackup.words import _, sentence


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `copy`."""
    parser.description = _(
        "Copies what is missing to the second places of [copies]: of some servers, one snapshot, or everything; to one"
        " copy, or to all. A place that is away is no fault: what it lacks goes there when it is back."
        " With --back the vault is made anew out of a copy, or completed."
    )
    parser.add_argument("what", nargs="*", metavar="SERVER | SNAPSHOT")
    parser.add_argument("--to", metavar="COPY", help=_("only to this one"))
    parser.add_argument(
        "--back",
        metavar="COPY",
        help=_("bring snapshots out of this copy into the vault, which may be empty"),
    )
    fromcopy.define_identity(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Have it done."""
    if args.back is not None:
        return _back(args, context)
    if args.identity is not None:
        raise UsageError(_("--identity is for an encrypted copy"), _("to read from it: --back COPY"))
    from tuibackup.cli.job import do
    from tuibackup.jobs.copy.plan import plan_copies
    from tuibackup.jobs.process.order import Copy, order

    context.require_disk()
    plans = list(plan_copies(context.config, args.what, args.to))  # says now what is wrong
    words = Copy(what=_exactly(args.what, context), to=args.to or "")
    servers = {word.split("/")[0] for word in args.what}
    wanted = order(
        words,
        context.operator,
        server=servers.pop() if len(servers) == 1 else "",
        what=sentence("to {copies}", copies=", ".join(plan.copy.name for plan in plans)),
    )
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)


def _exactly(what: list[str], context: Context) -> tuple[str, ...]:
    """Snapshots by their names: a run may publish another "latest" meanwhile."""
    return tuple(context.vault.find(word).spec if "/" in word else word for word in what)


def _back(args: argparse.Namespace, context: Context) -> int:
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import CopyBack, order

    if args.to is not None:
        raise UsageError(_("--back and --to say two directions"), _("leave one out"))
    context.config.copy(args.back)
    words = CopyBack(source=args.back, identity=fromcopy.identity_of(args), servers=tuple(args.what))
    what = sentence("out of {copy}", copy=args.back)
    wanted = order(words, context.operator, server="", what=what)
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
