"""Loads a dump into a database server and compares the result. It replaces what exists there only if told to.

Secrets pass only through the connection.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tuibackup.config import Config
from tuibackup.database.inventory import quoted
from tuibackup.database.mariadbd import account
from tuibackup.database.restore.direction import Direction, same_series, source_version
from tuibackup.database.restore.load import load_dump, load_table, longest_statement
from tuibackup.database.restore.proof import Comparison, compare
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import TargetServer, local_target, remote_target
from tuibackup.errors import ConnectionLostError, DatabaseError, TuibackupError, VaultError
from tuibackup.jobs.restore.plan import DatabasePlan
from tuibackup.progress import Progress
from tuibackup.remote.connect.hostkeys import Told
from tuibackup.remote.questions import Answers
from tuibackup.run.access import log_in, open_session
from tuibackup.run.questions import RememberedAnswers
from tuibackup.text import count, printable
from tuibackup.words import joined, later, sentence, sentence_n

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in the target now: `bytes` of SQL, compared with the record; `changed`: restored as something else."""

    where: str
    bytes: int
    compared: Comparison
    changed: tuple[str, ...]


async def load(
    plan: DatabasePlan,
    config: Config,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: OnProgress,
    told: Told,
) -> Loaded:
    """Load the dump and compare. `told` records host keys that are accepted.

    Raises TuibackupError: nothing was changed, or the message says what is there now.
    """
    async with _reached(config, plan.into, answers, notes, told) as target:
        await _refuse_existing(target, plan)
        source = source_version(plan.dump)
        direction = Direction(source, target)
        if plan.overwrite:
            await asyncio.to_thread(_prove, plan)  # before anything is dropped
        longest = await asyncio.to_thread(longest_statement, plan.dump, plan.table)
        await target.take_statements_of(longest)
        refusals = Refusals()
        came = await _load(target, plan, direction, on_progress, refusals)
        same = same_series(source, target)
        compared = await compare(target, plan.dump, same_series=same, only=plan.table)
        refused = (*refusals.refused, *refusals.lacking, *compared.differences)
        compared = replace(compared, differences=refused)
        changed = [
            sentence("the collation {one} was restored as {other}", one=one, other=other)
            for one, other in direction.told.items()
        ]
        changed += refusals.changed
        where = f"{target.name} ({target.words})"
    return Loaded(where, came, compared, tuple(changed))


async def look(
    plan: DatabasePlan, config: Config, answers: Answers, notes: Callable[[str], None], told: Told
) -> tuple[bool, str]:
    """Whether something there would be replaced, and where that is. Raises as `load` before it changes anything."""
    async with _reached(config, plan.into, answers, notes, told) as target:
        await _refuse_existing(target, plan)
        there = await _exists(target, plan.dump.name)
        if there and plan.table is not None:
            there = await _has_table(target, plan.dump.name, plan.table.name)
        return there, f"{target.name} ({target.words})"


async def _load(
    target: TargetServer,
    plan: DatabasePlan,
    direction: Direction,
    on_progress: OnProgress,
    refusals: Refusals,
) -> int:
    came = 0

    def counted(length: int) -> None:
        nonlocal came
        came += length
        on_progress(Progress(0, 1, came, plan.bytes, plan.name, "databases"))

    changed = False
    try:
        if plan.table is None:
            if plan.overwrite:
                changed = True
                await target.rows(f"DROP DATABASE IF EXISTS {quoted(plan.dump.name)}")
            changed = True
            await load_dump(target, plan.dump, direction, counted, refusals)
        else:
            changed = True
            await load_table(target, plan.dump, plan.table, direction, counted, refusals)
    except (DatabaseError, VaultError, ConnectionLostError) as error:
        if not changed:
            raise
        raise DatabaseError(error.message, await _what_is_there(target, plan, error.way_out)) from error
    return came


async def _what_is_there(target: TargetServer, plan: DatabasePlan, way_out: str) -> str:
    """After a failure in the middle: what the target holds now, and what to do next."""
    try:
        found = await target.rows(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", plan.dump.name
        )
        there = {str(name) for (name,) in found}
    except TuibackupError:
        state = sentence(
            "it is not known how much of {name} is on {target} now", name=plan.name, target=target.name
        )
    else:
        if plan.table is not None:
            present = plan.table.name in there
            text = (
                later("{name} on {target} is incomplete now")
                if present
                else later("{name} is not on {target} now")
            )
            state = sentence(text, name=plan.name, target=target.name)
        elif not await _exists(target, plan.dump.name):
            state = sentence("{name} is not on {target} now", name=plan.name, target=target.name)
        else:
            state = sentence_n(
                "{name} on {target} is incomplete now: {number} of {total} table is there",
                "{name} on {target} is incomplete now: {number} of {total} tables are there",
                len(plan.dump.tables),
                name=plan.name,
                target=target.name,
                number=count(len(there & set(plan.dump.tables))),
                total=count(len(plan.dump.tables)),
            )
    again = sentence("restore again with --overwrite when the reason is gone")
    return joined("; ", filter(None, (way_out, state, again)))


async def _exists(target: TargetServer, name: str) -> bool:
    return bool(
        await target.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name)
    )


def _prove(plan: DatabasePlan) -> None:
    """Read what is to be restored once, so that a damaged dump replaces nothing. Raises VaultError."""
    pieces = plan.dump.sql() if plan.table is None else plan.dump.part(plan.table.offset, plan.table.length)
    for _piece in pieces:
        pass


async def _refuse_existing(target: TargetServer, plan: DatabasePlan) -> None:
    name = plan.dump.name
    there = await _exists(target, name)
    if plan.table is None:
        if there and not plan.overwrite:
            raise DatabaseError(
                sentence(
                    "{target}: there is a database {name} already; it was left alone",
                    target=target.name,
                    name=printable(name),
                ),
                sentence("--overwrite drops it and restores it"),
            )
        return
    if not there:
        raise DatabaseError(
            sentence(
                "{target}: there is no database {name} to restore a table into",
                target=target.name,
                name=printable(name),
            ),
            sentence(
                "CREATE DATABASE {name} there first, or restore all of it", name=printable(quoted(name))
            ),
        )
    if not plan.overwrite and await _has_table(target, name, plan.table.name):
        raise DatabaseError(
            sentence(
                "{target}: there is a table {name} already; it was left alone",
                target=target.name,
                name=plan.name,
            ),
            sentence("--overwrite drops it and restores it"),
        )


async def _has_table(target: TargetServer, database: str, table: str) -> bool:
    return bool(
        await target.rows(
            "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
            database,
            table,
        )
    )


@contextlib.asynccontextmanager
async def _reached(
    config: Config, into: str, answers: Answers, notes: Callable[[str], None], told: Told
) -> AsyncIterator[TargetServer]:
    if "/" in into:
        async with local_target(_socket(into), account(), None) as target:
            yield target
        return
    server, remembering = config.servers[into], RememberedAnswers(answers)
    async with await open_session(config, server, remembering, notes, told) as session:
        async with await log_in(server, session, remembering) as database:
            options = database.options
        async with remote_target(session, options) as target:
            yield target


def _socket(path: str) -> Path:
    return Path(path).expanduser().absolute()
