"""`tuibackup check`: try everything a run needs and change nothing; a line for each thing."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import TerminalAnswers
from tuibackup.cli.context import Context
from tuibackup.cli.output import coloured, paint, print_hanging, print_json
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.text import cells, count
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.jobs.check.answer import Check, Checked

_SIGNS = {"ok": ("√", "done"), "warning": ("▲", "warnings"), "failed": ("×", "failed")}


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `check`."""
    parser.description = _(
        "Tries everything a run needs and changes nothing: configuration, vault, connection, host key, tools,"
        " folders, database. Exit code 1: something does not work; 3: something to know."
    )
    parser.add_argument("server", nargs="?", metavar="SERVER")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def run(args: argparse.Namespace, context: Context) -> int:
    """Check this machine and one or all servers; each line is printed as soon as possible."""
    from tuibackup.jobs.check.check import check, plan_check
    from tuibackup.run.journal.events import EXIT_CODES

    plan = plan_check(context.config, args.server)
    recorder = None if context.read_only else context.recorder
    with TerminalAnswers() as answers:
        headed: list[str] = []

        async def show(server: str | None, checks: "Sequence[Check]") -> None:
            if args.json:
                return
            async with answers.alone():
                if server and server not in headed:
                    headed.append(server)
                    print(f"\n{server}", flush=True)
                for one in checks:
                    _print(one)

        checked = loop.run(check(plan, context.config, recorder, answers, show))
    if args.json:
        print_json(checked.document())
    elif len(plan.servers) > 1:
        _sum_up(checked)
    return EXIT_CODES[checked.outcome]


def _sum_up(checked: "Checked") -> None:
    ended = []
    for server, of_server in checked.of_servers().items():
        outcome = of_server.outcome
        wrong = [
            f"{one.what}: {one.detail}"
            for _server, one in of_server.found
            if _SIGNS[one.state.value][1] == outcome.value != "done"
        ]
        ended.append(Ended(server, outcome.value, tuple(wrong)))
    number = len(ended)
    what = ngettext("{number} server", "{number} servers", number).format(number=count(number))
    print_summary(what, ended, _("in order"))


def _print(check: "Check") -> None:
    sign, state = _SIGNS[check.state.value]
    named = f" {check.what}{' ' * max(2, 16 - cells(check.what))}"
    print_hanging(f"  {sign}{named}", check.detail, drawn=f"  {paint(sign, state, coloured())}{named}")
