"""What `run --failed` backs up: of each server the clocks whose last try gave no good backup, and why."""

import argparse
import sys
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, print_hanging, say
from tuibackup.overview.picture import clock_word
from tuibackup.overview.why import why
from tuibackup.run.held import TURN, wait_until_free
from tuibackup.run.places import open_ledger
from tuibackup.run.plan import clocks_of
from tuibackup.sop import Clock
from tuibackup.words import _


def choose(
    context: Context, args: argparse.Namespace
) -> tuple[Mapping[str, frozenset[Clock]], Mapping[str, Mapping[Clock, str]]]:
    """The clocks to back up by server, and what became of their last try. Raises UsageError, LedgerError."""
    config = context.config
    only = {Clock(args.only)} if args.only else set(Clock)
    named = [config.server(name).name for name in dict.fromkeys(args.servers)] or list(config.servers)
    again = wait_until_free(partial(_again, context, named, only), say)
    said = not args.json
    for name, clocks in again.items():
        for clock, reason in clocks.items() if said else ():
            text = _("{server}: {clock} again, because of the last try: {reason}")
            print_hanging(
                f"{MARKS['running']} ",
                text.format(server=name, clock=clock_word(clock), reason=reason or _("no good backup")),
            )
    if not again and said:
        names = ", ".join(named) if args.servers else _("any server")
        print_hanging(
            "", _("nothing failed at the last try of {servers}; nothing to do").format(servers=names)
        )
    sys.stdout.flush()
    return {name: frozenset(clocks) for name, clocks in again.items()}, again


def _again(context: Context, names: Iterable[str], only: Collection[Clock]) -> dict[str, dict[Clock, str]]:
    """By server the clocks whose last try did not renew them, and why."""
    again: dict[str, dict[Clock, str]] = {}
    with open_ledger(context.config, read_only=context.read_only, patience=TURN) as ledger:
        for name in names:
            mine = clocks_of(context.config.servers[name])
            for clock in Clock:
                if clock in mine and clock in only and ledger.last_try(name, clock):
                    again.setdefault(name, {})[clock] = why(ledger, name, clock)
    return again
