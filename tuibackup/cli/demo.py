"""`tuibackup demo`: a playground with real servers on this machine; the cockpit on it, or a proof without one."""

import argparse
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn

from tuibackup.cli.context import Context
from tuibackup.words import _


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `demo`."""
    parser.description = _(
        "Starts a private sshd and mariadbd with three servers in a temporary folder, and opens the cockpit"
        " on them. Everything ends with it; nothing of this machine's own configuration is touched."
    )
    parser.add_argument(
        "--headless",
        action="store_true",
        help=_("without cockpit: back up, verify, restore, compare; exit code 0 only when all agree"),
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Run the playground, and clear up in any case."""
    from tuibackup.demo.headless import prove
    from tuibackup.demo.history import look_around, make_overdue
    from tuibackup.demo.playground import Playground

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    print(_("starting a private sshd and mariadbd with three servers …"), file=sys.stderr)
    with Playground() as playground:
        make_overdue(playground)
        look_around(playground)
        if args.headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return prove(playground)
        # Its own process: the playground must live in the main thread of this one, undisturbed.
        command = [sys.executable, "-m", "tuibackup.cli.main", "--config", str(playground.config)]
        # With a home of its own, a set-up of perpus leaves the visitor's keys alone.
        environment = {**os.environ, "HOME": str(playground.home)}
        cockpit = subprocess.Popen(command, env=environment)
        # ctrl+c belongs to the cockpit.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return cockpit.wait()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
