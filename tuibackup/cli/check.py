"""`tuibackup check`: try everything a run needs and change nothing; a line for each thing."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from tuibackup.cli.answers import OneAtATime
from tuibackup.cli.context import Context
from tuibackup.cli.output import coloured, paint, print_json
from tuibackup.text import cells
from tuibackup.words import _

if TYPE_CHECKING:
    from tuibackup.config import Server
    from tuibackup.run.check import Check

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
    found = asyncio.run(_check(servers, context, as_json=args.json))
    states = [check.state.value for _server, check in found]
    if args.json:
        print_json(
            [
                {"server": server, "check": check.what, "state": check.state.value, "detail": check.detail}
                for server, check in found
            ]
        )
    return 1 if "failed" in states else max((_CODES[state] for state in states), default=0)


async def _check(
    servers: "list[Server]", context: Context, *, as_json: bool
) -> "list[tuple[str | None, Check]]":
    """Every check with its server (None: this machine). Servers are looked at together, printed in order."""
    from tuibackup.run.check import check_host, check_server

    slots = asyncio.Semaphore(AT_ONCE)
    answers = OneAtATime()
    queues: list[asyncio.Queue[Check | None]] = [asyncio.Queue() for _server in servers]

    async def look(server: "Server", queue: "asyncio.Queue[Check | None]") -> None:
        async with slots:
            async for check in check_server(context.config, server, answers):
                queue.put_nowait(check)
        queue.put_nowait(None)

    found: list[tuple[str | None, Check]] = []
    async with asyncio.TaskGroup() as group:
        for server, queue in zip(servers, queues, strict=True):
            group.create_task(look(server, queue))
        for one in await asyncio.to_thread(lambda: list(check_host(context.config))):
            found.append((None, one))
            _print(one, as_json=as_json)
        for server, queue in zip(servers, queues, strict=True):
            if not as_json:
                print(f"\n{server.name}", flush=True)
            while (check := await queue.get()) is not None:
                found.append((server.name, check))
                _print(check, as_json=as_json)
    return found


def _print(check: "Check", *, as_json: bool) -> None:
    if as_json:
        return
    sign, state = _SIGNS[check.state.value]
    space = " " * max(1, 16 - cells(check.what))
    print(f"  {paint(sign, state, coloured())} {check.what}{space}{check.detail}", flush=True)
