"""`tuibackup` without a command: opens the cockpit. Everything in it is `tuibackup.tui`'s."""

import argparse
import os
import sys

from tuibackup.cli.context import Context
from tuibackup.errors import UsageError
from tuibackup.words import _


def run(args: argparse.Namespace, context: Context) -> int:
    """Open the cockpit on the configuration. Raises ConfigError, and UsageError without a terminal."""
    config, context.read_only = context.config, args.read_only
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(_("the cockpit needs a terminal"), _("tuibackup status works without one"))
    term = os.environ.get("TERM", "")
    if term in ("dumb", "unknown"):
        raise UsageError(
            _(
                "the cockpit needs a terminal with a cursor, and TERM={term} says that this one has none"
            ).format(term=term),
            _("tuibackup status works without one"),
        )
    from tuibackup.cli import loop
    from tuibackup.jobs.browsing import Browsing
    from tuibackup.overview.gather import Gatherer
    from tuibackup.tui.terminal import left_as_it_was

    context.looks_after_disks()
    with left_as_it_was():  # before Textual is loaded: its process stays small, and so do the helpers
        source = Gatherer(config, context.operator.name, read_only=args.read_only, desk=True)
        browsing = Browsing(config, read_only=args.read_only)
        from tuibackup.tui.app import open_cockpit

        return open_cockpit(config, source, browsing, loop.run, read_only=args.read_only)
