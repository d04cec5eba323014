"""Discover: look at what a server has, record it, and tell what of it no configuration covers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tuibackup.config import Config, Server
from tuibackup.discover.found import Discovery
from tuibackup.errors import NoShellError
from tuibackup.jobs.recorder import Recorder, Result
from tuibackup.jobs.trust import accepting
from tuibackup.ledger.entries import Kind
from tuibackup.overview.coverage import Coverage, acceptances, coverage
from tuibackup.overview.coverage_document import coverage_document, database_document, folder_document
from tuibackup.remote.questions import Answers
from tuibackup.run.places import look_into_ledger
from tuibackup.run.questions import RememberedAnswers
from tuibackup.sop import Outcome
from tuibackup.text import printable
from tuibackup.words import later, sentence


@dataclass(frozen=True, slots=True)
class DiscoverPlan:
    """The server that is looked at."""

    server: Server


@dataclass(frozen=True, slots=True)
class Discovered(Result):
    """What was found, and what of it is unprotected."""

    plan: DiscoverPlan
    coverage: Coverage

    @property
    def outcome(self) -> Outcome:
        return Outcome.WARNINGS if self.coverage.found.cut else Outcome.DONE

    def facts(self) -> dict[str, Any]:
        found = self.coverage.found
        return {
            "server": self.plan.server.name,
            **coverage_document(self.coverage),
            "web": list(found.web),
            "unread": list(map(printable, found.unread)),
            "cut": list(found.cut),
            "login": found.login,
            "folders": [folder_document(one) for one in found.folders],
            "databases": [database_document(one) for one in found.databases],
        }

    def body(self) -> dict[str, Any]:
        from tuibackup.run.looking import look_body

        return look_body(self.coverage.found)


def plan_discover(config: Config, server: str) -> DiscoverPlan:
    """Raises UsageError: there is no server of that name."""
    return DiscoverPlan(config.server(server))


async def discover(
    plan: DiscoverPlan,
    config: Config,
    recorder: Recorder | None,
    answers: Answers,
    notes: Callable[[str], None],
) -> Discovered:
    """Connect, look, and record it; without a `recorder` nothing is recorded, nor a host key accepted.

    Raises NoShellError: a server that gives only SFTP cannot be looked at; ConnectError, NeedsOperatorError.
    """
    server = plan.server
    remembering = RememberedAnswers(answers)
    told = accepting(recorder, server.name, later("discover")) if recorder else None
    if recorder is None:
        return await _looked(plan, config, remembering, notes, told)
    with recorder.attempt(Kind.DISCOVER, {}, server=server.name) as attempt:
        result = await _looked(plan, config, remembering, notes, told)
    return attempt.recorded(result)


async def _looked(
    plan: DiscoverPlan, config: Config, answers: RememberedAnswers, notes: Callable[[str], None], told: Any
) -> Discovered:
    from tuibackup.discover.discover import discover as look
    from tuibackup.remote.probe import probe
    from tuibackup.run.access import open_session
    from tuibackup.run.looking import seen_databases

    server = plan.server
    session = await open_session(config, server, answers, notes, told)
    async with session:
        tools = await probe(session)
        if not tools.shell:
            raise NoShellError(
                sentence(
                    "{server}: this cannot be found out over SFTP alone: {said}",
                    server=server.name,
                    said=tools.said,
                ),
                sentence(
                    "compare folders and databases of the configuration with what the server serves by hand"
                ),
            )
        seen = await seen_databases(session, server, answers)
        found = await look(session, tools, server, seen)
    return Discovered(plan, covered(config, server, found))


def covered(config: Config, server: Server, found: Discovery) -> Coverage:
    """What of `found`, seen just now, is unprotected, with what was accepted before. Raises LedgerError."""
    ledger, _fault = look_into_ledger(config)
    with ledger:
        said = acceptances(ledger.configured(server.name).get(server.name, ()))
    return coverage(server, found, datetime.now(UTC), said)
