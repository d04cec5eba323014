"""`tuibackup retention`: which snapshots stay and why, and with `--apply` the removal of the others."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.context import Context
from tuibackup.cli.output import coloured, paint, print_hanging, print_json_list
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.retention.plan import RetentionPlan

STAYS, GOES = "√", "×"


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `retention`."""
    parser.description = _(
        "Shows every snapshot of the servers (default: all), whether it stays by the rules of [retention], why, and"
        " what would be freed. Nothing is changed. With --apply what was shown to go is removed, after a question; from"
        " a timer with --yes. Exit code 11: a run has a server just now."
    )
    parser.add_argument("servers", nargs="*", metavar="SERVER")
    parser.add_argument(
        "--apply",
        dest="dry_run",
        action="store_const",
        const=False,
        default=True,
        help=_("remove what goes, for good"),
    )
    parser.add_argument("--yes", action="store_true", help=_("do not ask (for a timer)"))
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the plan; carry it out where that is wanted and agreed."""
    from tuibackup.jobs.retention.plan import plan_retention

    context.require_disk()
    plans = plan_retention(context.config, tuple(dict.fromkeys(args.servers)))
    if args.dry_run:
        if args.json:
            print_json_list(plan.document() for plan in plans)
        else:
            _print_all(plans)
        return 0
    _require_somebody(yes=args.yes, as_json=args.json)
    shown = list(plans) if args.json else _print_all(plans)
    going = {plan.server: plan.goes for plan in shown if plan.goes}
    if not going:
        if args.json:
            print_json_list(())
        return 0
    if not args.yes and not _agreed(shown):
        print(_("nothing was removed"), file=sys.stderr)
        return 0
    return _carried_out(going, context, as_json=args.json)


def _require_somebody(*, yes: bool, as_json: bool) -> None:
    from tuibackup.cli.answers import present
    from tuibackup.errors import NeedsOperatorError, UsageError

    if yes:
        return
    if as_json:
        raise UsageError(_("--apply --json asks nothing"), _("add --yes, or leave --json out"))
    if not present():
        raise NeedsOperatorError(
            _("needs an operator: removing snapshots is asked about"), _("do it in a terminal, or add --yes")
        )


def _carried_out(going: dict[str, tuple[str, ...]], context: Context, *, as_json: bool) -> int:
    from tuibackup.cli.job import do
    from tuibackup.jobs.process.order import Retention, order

    server = next(iter(going)) if len(going) == 1 else ""
    number = sum(map(len, going.values()))
    what = ngettext("{number} snapshot to remove", "{number} snapshots to remove", number)
    wanted = order(Retention(goes=going), context.operator, server=server, what=what.format(number=number))
    return do(wanted, context, as_json=as_json, several=True)


def _agreed(plans: Sequence["RetentionPlan"]) -> bool:
    """Whether the person at the terminal says yes; everything else is no."""
    from tuibackup.cli.answers import YES, line

    question = _("{what}: remove that for good? [y/N]").format(what=_sum(plans))
    print(question, end=" ", file=sys.stderr, flush=True)
    return (loop.run(line()) or "").strip().lower() in YES


def _print_all(plans: Iterable["RetentionPlan"]) -> "list[RetentionPlan]":
    """Print them as they are made, and their sum."""
    printed = []
    for plan in plans:
        printed.append(plan)
        _print(plan)
    print(_sum(printed))
    return printed


def _print(plan: "RetentionPlan") -> None:
    from tuibackup.overview.picture import clock_word
    from tuibackup.text import cells, size

    rules = ", ".join(f"{clock_word(clock)}: {_(rule)}" for clock, rule in plan.rules.items())
    rules = rules or _("no snapshots")
    print(paint(f"{plan.server}  {rules}", "bold", coloured()))
    width = max((cells(line.snapshot) for line in plan.lines), default=0)
    amount = max((cells(size(line.stored)) for line in plan.lines), default=0)
    for line in plan.lines:
        rest = f" {line.snapshot:<{width}}  {size(line.stored):>{amount}}  "
        mark, state = (GOES, "failed") if line.goes else (STAYS, "done")
        print_hanging(f"{mark}{rest}", line.reason(), drawn=f"{paint(mark, state, coloured())}{rest}")


def _sum(plans: Sequence["RetentionPlan"]) -> str:
    """ "2 of 14 snapshots go, 3.1 GiB freed"."""
    from tuibackup.text import count, size

    number = sum(len(plan.goes) for plan in plans)
    total = sum(len(plan.lines) for plan in plans)
    text = ngettext(
        "{number} of {total} snapshots goes, {size} freed",
        "{number} of {total} snapshots go, {size} freed",
        number,
    )
    return text.format(number=count(number), total=count(total), size=size(sum(plan.frees for plan in plans)))
