"""Check: try everything that a run needs, on this machine and on servers, and change nothing.

It records nothing in the ledger except the host keys that are accepted on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tuibackup.config import Config, Server
from tuibackup.jobs.check.answer import Check, Checked
from tuibackup.jobs.check.host import check_host
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.trust import accepting
from tuibackup.remote.questions import Answers, NoAnswers
from tuibackup.words import later

AT_ONCE = 8  # servers looked at at the same time

OnChecks = Callable[[str | None, Sequence[Check]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """The servers to look at, besides this machine."""

    servers: tuple[Server, ...]


def plan_check(config: Config, server: str | None) -> CheckPlan:
    """That server, or all of the configuration. Raises UsageError: there is none of that name."""
    return CheckPlan((config.server(server),) if server else tuple(config.servers.values()))


async def check(
    plan: CheckPlan, config: Config, recorder: Recorder | None, answers: Answers, on_checks: OnChecks
) -> Checked:
    """Try everything; `on_checks` gets a server (None: this machine) and its checks, in order.

    Servers are looked at at the same time. For a single server each check comes as soon as it is known, after an empty
    list at the beginning; for several servers all checks of one come together. Without a `recorder` nothing is changed,
    not even the record, and whether the record can be written is not tried.
    """
    from tuibackup.jobs.check.server import check_server

    slots = asyncio.Semaphore(AT_ONCE)
    found: list[tuple[str | None, Check]] = []

    async def tell(server: str | None, checks: Sequence[Check]) -> None:
        found.extend((server, check) for check in checks)
        await on_checks(server, checks)

    async def look(server: Server, *, at_once: bool) -> list[Check]:
        checks: list[Check] = []
        told = accepting(recorder, server.name, later("check")) if recorder else None
        async with slots:
            if at_once:
                await tell(server.name, checks)
            async for check in check_server(config, server, answers, told):
                if at_once:
                    await tell(server.name, [check])
                checks.append(check)
        return checks

    for one in await asyncio.to_thread(lambda: list(check_host(config, read_only=recorder is None))):
        await tell(None, [one])
    if config.copies:
        from tuibackup.jobs.check.copies import check_copies

        for one in await asyncio.to_thread(lambda: list(check_copies(config, recorder, NoAnswers()))):
            await tell(None, [one])
    if len(plan.servers) == 1:
        await look(plan.servers[0], at_once=True)
        return Checked(tuple(found))
    async with asyncio.TaskGroup() as group:
        looking = [group.create_task(look(server, at_once=False)) for server in plan.servers]
        for server, task in zip(plan.servers, looking, strict=True):
            await tell(server.name, await task)
    return Checked(tuple(found))
