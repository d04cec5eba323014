"""Who approved what restores, and why: as the command says it, or asked for at a terminal where that is needed."""

import argparse
import sys
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import line, present
from tuibackup.cli.context import Context
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.jobs.restore.approval import Approval


def approved(args: argparse.Namespace, context: Context) -> "Approval":
    """Who approved it and why, asked for at a terminal where that is needed. Raises UsageError where it is not told."""
    from tuibackup.jobs.restore import approval

    by, reason = args.approved_by, args.reason
    if context.config.restore.approval and present() and not args.dry_run:
        by = by or _typed(_("Who approved this restore?"))
        reason = reason or _typed(_("Why is it restored?"))
    given = approval.approval(by, reason)
    if not args.dry_run:
        approval.require(context.config, given)
    return given


def _typed(question: str) -> str:
    """The answer of the person at the terminal; "" for none."""
    print(question, end=" ", file=sys.stderr, flush=True)
    return loop.run(line()) or ""
