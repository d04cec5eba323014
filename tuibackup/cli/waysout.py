"""Prints the way out of what a verify or a drill found: what it means, and the commands that come next."""

import shlex

from tuibackup.cli.output import print_hanging
from tuibackup.overview.ways_out import WaysOut


def print_ways_out(found: WaysOut | None) -> None:
    """Print it below the finding."""
    if found is None:
        return
    print_hanging("    ", found.meaning)
    for way in found.ways:
        print_hanging("    → ", f"{way.text}: {shlex.join(('tuibackup', *way.command))}")
