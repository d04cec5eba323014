"""`tuibackup check`: try everything a run needs and change nothing; a line for each thing."""

import argparse
import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tuibackup.cli import loop
from tuibackup.cli.answers import OneAtATime
from tuibackup.cli.context import Context
from tuibackup.cli.output import coloured, paint, print_hanging, print_json
from tuibackup.cli.summary import Ended, print_summary
from tuibackup.text import cells, count
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.config import Server
    from tuibackup.jobs.check.answer import Check

AT_ONCE = 8  # servers looked at at the same time
_SIGNS = {"ok": ("√", "done"), "warning": ("▲", "warnings"), "failed": ("×", "failed")}
_CODES = {"ok": 0, "warning": 3, "failed": 1}


def define(parser: argparse.ArgumentParser) -> None:
    """The words of `check`."""
    parser.description = _(
        "Tries everything a run needs and changes nothing: configuration, vault, connection, host key, tools,"
        " folders, database. Exit code 1: something does not work; 3: something to know."
    )
    parser.add_argument("server", nargs="?", metavar="SERVER")
    parser.add_argument("--json", action="store_true", help=_("one JSON document"))


def carry_out(args: argparse.Namespace, context: Context) -> int:
    """Check this machine and one or all servers."""
    servers = [context.server(args.server)] if args.server else list(context.config.servers.values())
    found = loop.run(_check(servers, context, as_json=args.json))
    states = [check.state.value for _server, check in found]
    if args.json:
        print_json(
            [
                {"server": server, "check": check.what, "state": check.state.value, "detail": check.detail}
                for server, check in found
            ]
        )
    elif len(servers) > 1:
        _sum_up(found)
    return 1 if "failed" in states else max((_CODES[state] for state in states), default=0)


async def _check(
    servers: "list[Server]", context: Context, *, as_json: bool
) -> "list[tuple[str | None, Check]]":
    """Every check with its server (None: this machine). Servers are looked at together, printed in order.

    Of one server each line comes when it is known. Of several a server's lines come together, and a question waits
    until they are all there: one that stood between them would be taken for another server's.
    """
    from tuibackup.jobs.check.check import check_host, check_server

    slots = asyncio.Semaphore(AT_ONCE)
    found: list[tuple[str | None, Check]] = []
    with OneAtATime() as answers:

        async def look(server: "Server", tell: "Callable[[Check], None]") -> "list[Check]":
            checks = []
            told = context.trusting(server.name, "check")
            async with slots:
                async for check in check_server(context.config, server, answers, told):
                    tell(check)
                    checks.append(check)
            return checks

        def tell(check: "Check") -> None:
            if not as_json:
                _print(check)

        for check in await asyncio.to_thread(
            lambda: list(check_host(context.config, read_only=context.read_only))
        ):
            found.append((None, check))
            tell(check)
        if len(servers) == 1:
            [server] = servers
            if not as_json:
                print(f"\n{server.name}", flush=True)
            found += [(server.name, check) for check in await look(server, tell)]
            return found
        async with asyncio.TaskGroup() as group:
            looking = [group.create_task(look(server, lambda _check: None)) for server in servers]
            for server, task in zip(servers, looking, strict=True):
                checks = await task
                found += [(server.name, check) for check in checks]
                async with answers.alone():
                    if not as_json:
                        print(f"\n{server.name}")
                    for check in checks:
                        tell(check)
    return found


def _sum_up(found: "list[tuple[str | None, Check]]") -> None:
    by_server: dict[str, list[Check]] = {}
    for server, check in found:
        if server is not None:
            by_server.setdefault(server, []).append(check)
    ended = []
    for server, checks in by_server.items():
        worst = next(
            state for state in ("failed", "warning", "ok") if any(c.state.value == state for c in checks)
        )
        wrong = [f"{check.what}: {check.detail}" for check in checks if check.state.value == worst != "ok"]
        ended.append(Ended(server, _SIGNS[worst][1], tuple(wrong)))
    number = len(ended)
    what = ngettext("{number} server", "{number} servers", number).format(number=count(number))
    print_summary(what, ended, _("in order"))


def _print(check: "Check") -> None:
    sign, state = _SIGNS[check.state.value]
    named = f" {check.what}{' ' * max(2, 16 - cells(check.what))}"
    print_hanging(f"  {sign}{named}", check.detail, drawn=f"  {paint(sign, state, coloured())}{named}")
