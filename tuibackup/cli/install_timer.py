"""`tuibackup install-timer`: backups, proofs, retention and messages by themselves, through systemd or cron."""

import argparse
from typing import TYPE_CHECKING

from tuibackup.cli.context import Context
from tuibackup.cli.output import print_hanging, say
from tuibackup.errors import UsageError
from tuibackup.words import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tuibackup.jobs.timer.install import Did, Plan

WARNINGS = 3


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `install-timer`."""
    parser.description = _(
        "Writes units for systemd, so that what is due is backed up, read again, drilled, removed and told by itself,"
        " and starts them. Without systemd it prints the lines for cron. A unit that was changed by hand stays as it"
        " is, and is told (exit code 3)."
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--system", action="store_true", help=_("units of the system, for a shared account"))
    where.add_argument("--user", action="store_true", help=_("units of your own"))
    where.add_argument("--cron", action="store_true", help=_("only print the lines for cron"))
    parser.add_argument("--account", metavar="NAME", help=_("with --system: who carries them out"))
    parser.add_argument(
        "--print", action="store_true", dest="dry_run", help=_("show the files, and change nothing")
    )
    parser.add_argument("--uninstall", action="store_true", help=_("stop and remove them"))
    parser.add_argument("--overwrite", action="store_true", help=_("also what was changed by hand"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Show, write or remove them."""
    from tuibackup.jobs.timer.install import Where, has_systemd, plan_timers

    if args.account and not args.system:
        raise UsageError(_("--account belongs to --system"), _("units of your own are carried out by you"))
    where = Where.SYSTEM if args.system else Where.USER if args.user else None
    plan = plan_timers(context.config, where, args.account)
    if args.cron or not (where or args.uninstall or has_systemd()):
        _print_cron(plan, asked=args.cron)
        return 0
    if args.dry_run:
        _print_units(plan)
        return 0
    return _uninstall(plan, args) if args.uninstall else _install(plan, args)


def _print_cron(plan: "Plan", *, asked: bool) -> None:
    from tuibackup.jobs.timer.units import cron_lines

    if not asked:
        say(_("systemd does not run on this machine; these are the lines for cron (crontab -e):"))
    for line in cron_lines(plan.tasks, plan.command):
        print(line)


def _print_units(plan: "Plan") -> None:
    for unit in plan.units:
        print(f"# {plan.folder / unit.name}\n{unit.text}")


def _install(plan: "Plan", args: argparse.Namespace) -> int:
    from tuibackup.jobs.timer.install import (
        Where,
        has_systemd,
        install,
        lingers,
        needless,
        systemctl,
        uninstall,
    )

    for task in plan.tasks:
        print_hanging("", f"tuibackup-{task.name}: {task.said}")
    going = needless(plan, overwrite=args.overwrite)
    _stop(plan, going)
    code = _told([*install(plan, overwrite=args.overwrite), *uninstall(going, plan)])
    timers = [f"tuibackup-{task.name}.timer" for task in plan.tasks]
    if not has_systemd():
        say(
            _("systemd does not run here, so nothing was started: {command}").format(
                command="systemctl enable"
            )
        )
        return code
    systemctl(plan, "daemon-reload")
    systemctl(plan, "enable", "--now", *timers)
    print(_("√ started; systemctl list-timers 'tuibackup-*' shows when each fires next"), flush=True)
    if plan.where is Where.USER and not lingers():
        text = _("▲ they fire only while you are logged in; so that they always do: {command}")
        print_hanging("", text.format(command="loginctl enable-linger"))
        return WARNINGS
    return code


def _uninstall(plan: "Plan", args: argparse.Namespace) -> int:
    from tuibackup.jobs.timer.install import has_systemd, removable, systemctl, uninstall

    going = removable(plan, overwrite=args.overwrite)
    _stop(plan, going)
    code = _told(uninstall(going, plan))
    if has_systemd():
        systemctl(plan, "daemon-reload")
    if not going:
        print(_("there are no timers in {folder}").format(folder=plan.folder), flush=True)
    return code


def _stop(plan: "Plan", going: "Sequence[tuple[Path, Did]]") -> None:
    """Have systemd let go of the timers that go."""
    from tuibackup.jobs.timer.install import Did, has_systemd, systemctl

    timers = [path.name for path, did in going if did is Did.REMOVED and path.suffix == ".timer"]
    if timers and has_systemd():
        systemctl(plan, "disable", "--now", *timers)


def _told(did: "Sequence[tuple[Path, Did]]") -> int:
    """Print what became of each file; the exit code."""
    from tuibackup.jobs.timer.install import Did

    text = {
        Did.WRITTEN: _("√ {path}: written"),
        Did.SAME: _("√ {path}: is there already"),
        Did.REMOVED: _("√ {path}: removed"),
        Did.CHANGED: _("▲ {path}: was changed by hand and stays as it is; --overwrite takes ours"),
        Did.FOREIGN: _("▲ {path}: is not of this configuration and stays as it is; --overwrite takes ours"),
    }
    for path, what in did:
        print_hanging("", text[what].format(path=path))
    return WARNINGS if any(what in (Did.CHANGED, Did.FOREIGN) for _path, what in did) else 0
