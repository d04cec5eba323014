"""`tuibackup stop`: ask a run to stop, and wait until it has tidied up."""

import argparse
import asyncio
from pathlib import Path

from tuibackup.cli import loop
from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging, say
from tuibackup.errors import TuibackupError, UsageError
from tuibackup.words import _

PATIENCE = 90.0  # seconds; a stopped run tidies up within a minute


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `stop`."""
    parser.description = _(
        "Stops a run. What it has stored completely is kept; the ledger records who asked."
    )
    parser.add_argument("run", metavar="RUN", help=_("a run's id, its beginning, or a server's name"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Ask, then wait for the end."""
    from tuibackup.cli.which import run_named, run_of
    from tuibackup.run.process.start import ask_stop

    if args.run in context.config.servers:
        going = run_of(context.config, args.run)
        if going is None:
            raise UsageError(
                _("no run of {server} is under way").format(server=args.run),
                _("tuibackup status shows what runs"),
            )
        run, journal = going.run, going.journal
    else:
        run, journal = run_named(context.config, args.run)
    ask_stop(context.config, run, context.operator)
    say(_("{run} was asked to stop").format(run=run), "")
    outcome, error = loop.run(_end(journal))
    print_hanging("", _("{run} has ended: {outcome}").format(run=run, outcome=_(outcome)))
    if error:
        print_hanging("", error)
    return 0


async def _end(journal: Path) -> tuple[str, str]:
    """The outcome, and the line that says what the next run will do."""
    from tuibackup.run.journal.events import Finished
    from tuibackup.run.journal.journal import follow

    try:
        async with asyncio.timeout(PATIENCE):
            async for event in follow(journal):
                if isinstance(event, Finished):
                    return event.outcome.value, event.error
    except TimeoutError:
        raise TuibackupError(
            _("the run still goes on after {seconds:.0f} s").format(seconds=PATIENCE),
            _("tuibackup follow shows it"),
        ) from None
    return "interrupted", ""
