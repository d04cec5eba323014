"""The servers that `run --due` and `run --overdue` back up, and what they print about those left alone; likewise what
`drill --due` and `verify --due` print.

On stdout, as all that a command does: so that a timer that throws this away sends mail when something goes wrong only.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tuibackup.cli.output import print_hanging, say
from tuibackup.ledger.entries import iso
from tuibackup.run.due import DUE, LATE, Due, Postponed, due
from tuibackup.run.held import wait_until_free
from tuibackup.run.journal.events import worst_code
from tuibackup.sop import Clock, Outcome
from tuibackup.text import count, when
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.config import Config


def choose(
    config: "Config", args: argparse.Namespace, *, read_only: bool
) -> tuple[Mapping[str, frozenset[Clock]], int]:
    """The clocks to back up by server, and the exit code of the servers that are left alone."""
    now = datetime.now(UTC)
    only = Clock(args.only) if args.only else None
    states = DUE if args.due else LATE
    found = wait_until_free(partial(due, config, now, states, only, read_only=read_only), say)
    if args.json and not args.dry_run:
        _tell_json(found, now)
    elif not args.json:
        _tell(found, now)
        if found == Due({}):
            print(_("nothing is due") if args.due else _("nothing is overdue"), flush=True)
    return found.wants, worst_code(one.exit_code for one in found.postponed)


def left_alone(lines: Iterable[str], *, as_json: bool) -> None:
    """Print whom `drill --due` or `verify --due` leaves alone, and why; beside JSON as talk."""
    for line in lines:
        if as_json:
            say(line)
        else:
            print_hanging("", line)


def nothing_due(args: argparse.Namespace, *, said: bool) -> None:
    """Print that there is nothing to do; `said`: whether it was told why."""
    if args.json:
        print("[]", flush=True)
    elif not said:
        print(_("nothing is due"), flush=True)


def _tell(found: Due, now: datetime) -> None:
    for server, run in found.going.items():
        print_hanging("", _("{server} is being backed up already: {run}").format(server=server, run=run))
    for one in found.postponed:
        print_hanging("", _sentence(one, now))


def _sentence(one: Postponed, now: datetime) -> str:
    if one.outcome is Outcome.WARNINGS:
        text = ngettext(
            "{server} had no whole backup in {number} try, last {last}; tried again after {again}:"
            " tuibackup run {server} tries now",
            "{server} had no whole backup in {number} tries, last {last}; tried again after {again}:"
            " tuibackup run {server} tries now",
            one.failed,
        )
    else:
        text = ngettext(
            "{server} failed {number} time, last {last}; tried again after {again}:"
            " tuibackup run {server} tries now",
            "{server} failed {number} times, last {last}; tried again after {again}:"
            " tuibackup run {server} tries now",
            one.failed,
        )
    last, again = when(one.last, now), when(one.again, now)
    return text.format(server=one.server, number=count(one.failed), last=last, again=again)


def _tell_json(found: Due, now: datetime) -> None:
    for server, run in found.going.items():
        _line(now, event="run-under-way", server=server, run=run)
    for one in found.postponed:
        _line(
            now,
            event="run-postponed",
            server=one.server,
            clocks=[clock.value for clock in one.clocks],
            failed=one.failed,
            outcome=one.outcome.value,
            last=iso(one.last),
            again=iso(one.again),
        )


def _line(now: datetime, **fields: object) -> None:
    print(json.dumps({"time": iso(now), **fields}, separators=(",", ":")), flush=True)
