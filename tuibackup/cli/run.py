"""`tuibackup run`: back up servers, and watch; the runs go on by themselves when this window closes."""

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.errors import ConfigError, LedgerHeldError, TuibackupError, UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.cli.watch import Watcher
    from tuibackup.config import Config
    from tuibackup.run.process.launcher import Launcher
    from tuibackup.run.process.start import Request
    from tuibackup.sop import Clock


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `run`."""
    parser.description = _(
        "Backs up servers: connect, download, login, dump, record. Each run is a process of its own that"
        " outlives this one; ctrl+c asks whether to stop it or to leave it."
    )
    parser.add_argument("servers", nargs="*", metavar="SERVER")
    parser.add_argument("--all", action="store_true", help=_("every server"))
    parser.add_argument(
        "--due", action="store_true", help=_("what is due, overdue or was never backed up: for a timer")
    )
    parser.add_argument(
        "--overdue", action="store_true", help=_("only what is overdue or was never backed up")
    )
    parser.add_argument(
        "--failed",
        action="store_true",
        help=_("only what gave no good backup at its last try; of the servers named, or of all"),
    )
    parser.add_argument("--only", choices=("files", "databases"), help=_("only steps 1 and 2, or 1, 3 and 4"))
    parser.add_argument("--full", action="store_true", help=_("fetch everything anew"))
    parser.add_argument(
        "--dry-run", action="store_true", help=_("connect and compare, say what would be done, and stop")
    )
    parser.add_argument("--json", action="store_true", help=_("the runs' events as JSON Lines"))
    parser.add_argument(
        "--detach", action="store_true", help=_("answer what is asked, then leave the runs alone")
    )
    parser.add_argument("--operator", metavar="NAME", help=_("who carries it out, for the record"))
    parser.add_argument(
        "--reason", metavar="TEXT", help=_("a note for the record, such as why a step takes longer this time")
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Plan, start, answer, watch."""
    ways = sum((bool(args.servers), args.all, args.due, args.overdue))
    if ways != 1 and not (args.failed and ways == 0):
        raise UsageError(
            _("say which servers: names, --all, --due, --overdue or --failed"), _("see tuibackup run --help")
        )
    if args.failed and (args.due or args.overdue):
        raise UsageError(
            _("--failed chooses by the last try, --due and --overdue by the clocks; say one of them")
        )
    if not (args.due or args.overdue) or args.dry_run or context.read_only:
        return _carry_out(args, context)
    from tuibackup.run.process.afterwards import tell_afterwards

    try:
        code = _carry_out(args, context)
    except ConfigError:
        raise
    except TuibackupError:  # a timer's: nobody reads what is printed, and no heartbeat is due
        tell_afterwards(context.config)
        raise
    tell_afterwards(context.config, heartbeat=True)
    return code


def _carry_out(args: argparse.Namespace, context: Context) -> int:
    with ExitStack() as stack:
        launcher = None if args.dry_run else _early(context, stack)

        from tuibackup.cli import loop
        from tuibackup.run import held
        from tuibackup.run.journal.events import worst_code
        from tuibackup.run.operator import identify
        from tuibackup.run.plan import make_plans
        from tuibackup.run.process.start import recover, start

        config = context.config
        operator = identify(args.operator, config.operators)
        reason = _reason(args)
        if not context.read_only:
            context.require_disk()
            # If another process holds the ledger, each run that needs it waits for it, and says so.
            with suppress(LedgerHeldError):
                recover(config, held.TURN)  # first, because a snapshot of a dead run may renew a clock
        again: Mapping[str, Mapping[Clock, str]] = {}
        if args.failed:
            from tuibackup.cli import failed

            chosen, again = failed.choose(context, args)
            waiting = 0
            if not chosen:
                return 0
        elif args.due or args.overdue:
            from tuibackup.cli import due

            chosen, waiting = due.choose(config, args, read_only=context.read_only)
            if not chosen:
                return waiting
        else:
            chosen, waiting = _wants(args, config), 0
        plans = make_plans(
            config,
            chosen,
            full=args.full,
            operator=operator,
            read_only=context.read_only,
            again=again,
            reason=reason,
        )
        if args.dry_run:
            from tuibackup.cli.dryrun import show

            return worst_code([waiting, loop.run(show(plans, context, as_json=args.json))])
        request = start(plans, config.source, launcher)
    return worst_code([waiting, loop.run(_run(request, context, args))])


def _early(context: Context, stack: ExitStack) -> "Launcher | None":
    """The launcher, started now so that it imports while we plan. If it cannot start, `start` says why."""
    from tuibackup.run.process.launcher import Launcher

    if context.alone:
        import tuibackup.run.process.common  # noqa: F401
    with suppress(OSError):
        return stack.enter_context(Launcher(fork=context.alone))
    return None


def _reason(args: argparse.Namespace) -> str:
    """What --reason says; "" without it. Raises UsageError."""
    from tuibackup.jobs.note import cleaned

    return "" if args.reason is None else cleaned(args.reason)


def _wants(args: argparse.Namespace, config: "Config") -> "Mapping[str, frozenset[Clock]]":
    from tuibackup.run.plan import wants
    from tuibackup.sop import Clock

    only = Clock(args.only) if args.only else None
    if args.all and not config.servers:
        raise UsageError(
            _("no server in {file} yet").format(file=config.source), _("its comments show how to add one")
        )
    return wants(config, list(config.servers) if args.all else args.servers, only)


async def _run(request: "Request", context: Context, args: argparse.Namespace) -> int:
    """Answer the runs' questions, then watch them."""
    from tuibackup.cli.answers import TerminalAnswers
    from tuibackup.cli.interrupt import watch_or_leave
    from tuibackup.cli.watch import Json, Lines, Watcher

    journals = dict(zip(request.runs, request.journals, strict=True))

    async def answer(watcher: "Watcher | None" = None) -> None:
        with TerminalAnswers(watcher.paused if watcher else nullcontext) as terminal:
            await request.put_questions_to(terminal)

    if args.detach:
        await answer()
        for run in journals:
            print(run)
        print(_("the runs go on by themselves; to watch them: tuibackup follow"), file=sys.stderr)
        return 0
    watcher = Watcher(context.config, journals, Json() if args.json else Lines(journals.values()))
    return await watch_or_leave(context, journals, watcher, answer=answer)
