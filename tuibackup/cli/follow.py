"""`tuibackup follow`: watch what runs, or read a run that has ended."""

import argparse
import sys

from tuibackup.cli import loop
from tuibackup.cli.context import Context
from tuibackup.cli.output import say
from tuibackup.errors import TuibackupError
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `follow`."""
    parser.description = _(
        "Watches a run from its beginning, or prints all that one said which has ended; without a word every run under"
        " way. ctrl+c asks whether to stop it or to leave it alone."
    )
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help=_("a run's id, its beginning, or a server's name")
    )
    parser.add_argument("--json", action="store_true", help=_("the runs' events as JSON Lines"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Watch; the exit code is the worst run's."""
    from tuibackup.cli.interrupt import watch_or_leave
    from tuibackup.cli.watch import Json, Lines, Watcher
    from tuibackup.cli.which import run_named
    from tuibackup.run.held import TURN
    from tuibackup.run.journal.journal import last
    from tuibackup.run.process.living import active
    from tuibackup.run.process.recovery import recover

    if not context.read_only:
        try:
            context.require_disk()
            recover(context.config, TURN)
        except TuibackupError as error:  # watching needs no record
            say(str(error))
    if args.run:
        journals = dict([run_named(context.config, args.run)])
    else:
        journals = {run.run: run.journal for run in active(context.config)}
        if not journals:
            print(_("no run is under way; tuibackup log shows what was done"), file=sys.stderr)
            return 0
    # Of a run that has ended all that it said is wanted: its end alone is in the log.
    ended = all(last(path) is not None for path in journals.values())
    printer = Json() if args.json else Lines(journals.values(), whole=ended)
    watcher = Watcher(context.config, journals, printer)
    return loop.run(watch_or_leave(context, journals, watcher))
