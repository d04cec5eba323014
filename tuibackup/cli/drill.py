"""`tuibackup drill`: restore snapshots into a scratch place, and compare."""

import argparse
from datetime import UTC, datetime

from tuibackup.cli import fromcopy
from tuibackup.cli.context import Context
from tuibackup.cli.output import say
from tuibackup.errors import UsageError
from tuibackup.words import _, sentence


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `drill`."""
    parser.description = _(
        "Restores a snapshot into a scratch place, compares it with what was recorded when it was made, and throws it"
        " away: databases into a throw-away mariadbd of this machine (or the empty server of [drill]), files into a"
        " folder. Of a server: the newest good snapshots of both clocks. Exit code 1: something differs; 3: something"
        " could not be proven."
    )
    parser.add_argument("what", nargs="?", metavar="SERVER | SNAPSHOT")
    parser.add_argument(
        "--due",
        action="store_true",
        help=_("of every server what is due, overdue or was never drilled: for a timer"),
    )
    fromcopy.define(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))
    parser.add_argument("--detach", action="store_true", help=_("start it, and leave it alone"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Have them drilled one after the other."""
    from tuibackup.cli.job import do
    from tuibackup.jobs.drill.drill import plan_drill
    from tuibackup.jobs.process.order import Drill, order

    if bool(args.what) == args.due:
        raise UsageError(
            _("name what is to be drilled: a server, a snapshot, or --due"), _("see tuibackup drill --help")
        )
    if args.source is not None:
        if args.due:
            raise UsageError(_("--due is about the vault"), _("leave out --due or --from"))
        said = fromcopy.source(args, context)
        server = args.what.split("/")[0]
        wanted = order(Drill(what=args.what, **said), context.operator, server=server, what=args.what)
        return do(wanted, context, as_json=args.json, several=True, detach=args.detach)
    context.require_disk()
    if args.due:
        return _due(args, context)
    plans = plan_drill(context.config, args.what)
    server = plans[0].snapshot.server
    wanted = order(Drill(what=args.what), context.operator, server=server, what=args.what)
    return do(wanted, context, as_json=args.json, several=True, detach=args.detach)


def _due(args: argparse.Namespace, context: Context) -> int:
    """Tell who is left alone, and have the others drilled."""
    from tuibackup.cli.due import left_alone, nothing_due
    from tuibackup.cli.job import do
    from tuibackup.jobs.due import drills_due
    from tuibackup.jobs.process.order import Drill, order
    from tuibackup.overview.picture import clock_word
    from tuibackup.run.held import wait_until_free
    from tuibackup.run.journal.events import worst_code
    from tuibackup.text import when

    now = datetime.now(UTC)
    due = wait_until_free(lambda: drills_due(context.config, now), say)
    lines = [
        _("{server} is being drilled already: {job}").format(server=server, job=job)
        for server, job in due.going.items()
    ]
    lines += [
        _("{server}: there is no good backup of the {clock} yet, so nothing to drill").format(
            server=server, clock=clock_word(clock)
        )
        for server, clock in due.nothing
    ]
    lines += [
        _(
            "{server}: the drill of the {clock} failed {last}; tried again after {again}:"
            " tuibackup drill {server} tries now"
        ).format(
            server=one.server,
            clock=clock_word(one.clock),
            last=when(one.last, now),
            again=when(one.again, now),
        )
        for one in due.postponed
    ]
    left_alone(lines, as_json=args.json)
    code = worst_code(one.exit_code for one in due.postponed)
    if not due.plans:
        nothing_due(args, said=bool(due.postponed or due.going))
        return code
    wanted = order(Drill(due=True), context.operator, server="", what=sentence("what is due"))
    done = do(wanted, context, as_json=args.json, several=True, detach=args.detach)
    return worst_code((code, done))
