"""The dry load of a run: it creates the objects of its dumps, without rows, in a throw-away server of this machine.

A dump with its last line and all its rows may still hold something that no server accepts. A server of the same series
shows it; a server of another series would prove nothing. If this machine has none, the next drill shows it.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

from tuibackup.config import Config, Server
from tuibackup.database.dump.dump import DumpResult
from tuibackup.database.mariadbd import missing_programs
from tuibackup.database.restore.direction import Direction, same_series
from tuibackup.database.restore.load import load_dump, load_script
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import TargetServer
from tuibackup.database.version import vendor
from tuibackup.errors import TuibackupError
from tuibackup.progress import Finding, Reporter
from tuibackup.run.scratch.mariadbd import throw_away
from tuibackup.sop import Outcome
from tuibackup.text import duration, printable
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.restore.dumps import Dump, dumps_in, script_in
from tuibackup.vault.restore.script import LATE_VIEWS, PLACEHOLDERS
from tuibackup.words import sentence

_SECONDS = 120.0
_ROOM = 64 << 20  # bytes that tables without rows take at most, as a rule


async def dry_load(
    config: Config, server: Server, version: str, dumped: DumpResult, incoming: Incoming, reporter: Reporter
) -> DumpResult:
    """`dumped`, with a finding for each object that a server of `version` refuses. Its own faults are not raised."""
    if server.database is None or not server.database.dry_load or vendor(version) != "MariaDB":
        return dumped
    if missing_programs():
        reporter.output(sentence("no dry load: this machine has no mariadbd"))
        return dumped
    refusals = Refusals()
    try:
        dumps = await asyncio.to_thread(dumps_in, incoming.path, dumped.databases)
        manager = throw_away(config.drill, _ROOM)
        # The server ends with the thread that starts it; a thread of the pool lives as long as the run.
        _place, target = await asyncio.to_thread(manager.__enter__)
        try:
            async with asyncio.timeout(_SECONDS), target:
                if not same_series(version, target):
                    reporter.output(
                        sentence("no dry load: the mariadbd of this machine is {words}", words=target.words)
                    )
                    return dumped
                await _load(target, version, dumps, incoming, refusals)
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)
    except TimeoutError:
        reporter.output(
            sentence(
                "the dry load was stopped after {seconds}; a drill tests the rest", seconds=duration(_SECONDS)
            )
        )
    except Exception as error:  # the dumps are good, whatever goes wrong with a trial of them
        reporter.output(sentence("no dry load: {error}", error=printable(str(error)) or type(error).__name__))
    findings = [_finding(one) for one in refusals.refused]
    for finding in findings:
        reporter.finding(finding)
    outcome = Outcome.WARNINGS if findings else dumped.outcome
    return replace(dumped, outcome=outcome, findings=(*dumped.findings, *findings))


async def _load(
    target: TargetServer, version: str, dumps: list[Dump], incoming: Incoming, refusals: Refusals
) -> None:
    names = {dump.name for dump in dumps}
    direction = Direction(version, target)

    async def script(file: str) -> None:
        if sql := await asyncio.to_thread(script_in, incoming.path, file):
            await load_script(target, sql, direction, names, refusals)

    await script(PLACEHOLDERS)
    for dump in dumps:
        if dump.whole:
            with suppress(TuibackupError):  # a drill tells
                await load_dump(target, dump, direction, lambda _came: None, refusals, late=False, rows=False)
    await script(LATE_VIEWS)


def _finding(refused: str) -> Finding:
    subject, _, reason = refused.partition(": ")
    return Finding(
        subject,
        sentence(
            "in a dry load of the dump {reason}; repair it, or a restore will fail there", reason=reason
        ),
    )
