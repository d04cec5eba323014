"""`tuibackup edit`: the questions of `add` again, with the present answers; or a server is taken out."""

import argparse

from tuibackup.cli import guided
from tuibackup.cli.context import Context
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `edit`."""
    parser.description = _(
        "Asks the questions of add again, with the present answers, or takes a server out of the configuration;"
        " its backups stay."
    )
    parser.add_argument("server", metavar="SERVER")


def run(args: argparse.Namespace, context: Context) -> int:
    """Ask, write, check."""
    from tuibackup.jobs.setup.guide import editing

    server = context.server(args.server)
    return guided.guide(
        lambda answers, note: editing(context.config, context.recorder, answers, note, server), context
    )
