"""`tuibackup metrics`: the clocks, last runs and room of all servers as figures for Prometheus."""

import argparse

from tuibackup.cli.context import Context
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `metrics`."""
    parser.description = _(
        "Prints figures about every server as Prometheus' textfile collector reads them. Where [notify] names a file"
        " under metrics, it is written after each run by itself."
    )


def run(_args: argparse.Namespace, context: Context) -> int:
    """Print them."""
    from tuibackup.cli.status import look
    from tuibackup.overview.metrics import text

    picture = look(context)
    print(text(picture, context.config.vault), end="", flush=True)
    return 0
