"""Restores a database, or one table of it, from a snapshot into a database server, and proves it there.

The server is one of the configuration, reached over SSH, or one of this machine behind its socket. What exists there
is left alone unless told. Secrets pass only through the connection.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuibackup.config import Config, SecretSource, Server
from tuibackup.database.connect.login import login
from tuibackup.database.inventory import quoted
from tuibackup.database.mariadbd import account
from tuibackup.database.restore.direction import Direction, same_series, source_version
from tuibackup.database.restore.load import load_dump, load_table, longest_statement
from tuibackup.database.restore.proof import Comparison, compare
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import TargetServer, local_target, remote_target
from tuibackup.errors import ConnectionLostError, DatabaseError, TuibackupError, UsageError, VaultError
from tuibackup.progress import Progress
from tuibackup.remote.connect.hostkeys import Told
from tuibackup.remote.questions import Answers, Question
from tuibackup.remote.session import connect
from tuibackup.run.passwords import resolve
from tuibackup.run.places import known_hosts
from tuibackup.secret import Secret
from tuibackup.sop import Outcome
from tuibackup.text import count, printable
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.restore.dumps import Dump, StoredTable, dumps_of
from tuibackup.words import _, ngettext

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to restore: one database of a snapshot, whole or one table of it."""

    snapshot: Snapshot
    dump: Dump
    table: StoredTable | None
    overwrite: bool

    @property
    def name(self) -> str:
        """ "akademik", "akademik.nilai"."""
        name = printable(self.dump.name)
        return f"{name}.{printable(self.table.name)}" if self.table else name


@dataclass(frozen=True, slots=True)
class RestoredInto:
    """What came of it, compared with what was recorded at the dump's instant."""

    where: str
    bytes: int
    seconds: float
    compared: Comparison
    told: tuple[str, ...]  # what was restored as something else

    @property
    def outcome(self) -> Outcome:
        if self.compared.differences:
            return Outcome.FAILED
        return Outcome.WARNINGS if self.compared.gaps or self.told else Outcome.DONE


def wanted(snapshot: Snapshot, database: str, table: str | None, *, overwrite: bool) -> Wanted:
    """What these words mean. Raises UsageError for what the snapshot does not hold, VaultError."""
    dumps = dumps_of(snapshot)
    if database not in dumps:
        raise UsageError(
            _("{snapshot}: has no database {name}").format(snapshot=snapshot.spec, name=printable(database)),
            _("tuibackup ls {snapshot} shows them").format(snapshot=snapshot.spec),
        )
    dump = dumps[database]
    if table is None:
        return Wanted(snapshot, dump, None, overwrite)
    if table not in dump.tables:
        raise UsageError(
            _("{snapshot}: {database} has no table {table}").format(
                snapshot=snapshot.spec, database=printable(database), table=printable(table)
            ),
            _("a view has no rows of its own: restore the database"),
        )
    return Wanted(snapshot, dump, dump.tables[table], overwrite)


async def restore_into(
    config: Config,
    want: Wanted,
    into: str,
    answers: Answers,
    notes: Callable[[str], None],
    on_progress: OnProgress,
    told: Told | None,
) -> RestoredInto:
    """Carry it out: `into` is a server's name or the path of a socket. `told` records host keys that are accepted.

    Raises TuibackupError: nothing was changed, or the message says what is there now.
    """
    began = time.monotonic()
    async with _reached(config, into, answers, notes, told) as target:
        await _refuse_existing(target, want)
        source = source_version(want.dump)
        direction = Direction(source, target)
        if want.overwrite:
            await asyncio.to_thread(_prove, want)  # before anything is taken away
        longest = await asyncio.to_thread(longest_statement, want.dump, want.table)
        await target.take_statements_of(longest)
        refusals = Refusals()
        came = await _load(target, want, direction, on_progress, refusals)
        compared = await compare(target, want.dump, same_series=same_series(source, target), only=want.table)
        refused = (*refusals.refused, *refusals.lacking, *compared.differences)
        compared = replace(compared, differences=refused)
        other_words = [
            f"the collation {one} was restored as {other}" for one, other in direction.told.items()
        ]
        other_words += refusals.changed
        where = f"{target.name} ({target.words})"
    return RestoredInto(where, came, round(time.monotonic() - began, 3), compared, tuple(other_words))


async def _load(
    target: TargetServer, want: Wanted, direction: Direction, on_progress: OnProgress, refusals: Refusals
) -> int:
    came, total = 0, want.table.length if want.table else want.dump.length

    def counted(length: int) -> None:
        nonlocal came
        came += length
        on_progress(Progress(0, 1, came, total, want.name, "databases"))

    changed = False
    try:
        if want.table is None:
            if want.overwrite:
                changed = True
                await target.rows(f"DROP DATABASE IF EXISTS {quoted(want.dump.name)}")
            changed = True
            await load_dump(target, want.dump, direction, counted, refusals)
        else:
            changed = True
            await load_table(target, want.dump, want.table, direction, counted, refusals)
    except (DatabaseError, VaultError, ConnectionLostError) as error:
        if not changed:
            raise
        raise DatabaseError(error.message, await _what_is_there(target, want, error.way_out)) from error
    return came


async def _what_is_there(target: TargetServer, want: Wanted, way_out: str) -> str:
    """After a failure in the middle: what the target holds now, and the way on."""
    try:
        found = await target.rows(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", want.dump.name
        )
        there = {str(name) for (name,) in found}
    except TuibackupError:
        state = _("what of {name} is on {target} now is not known").format(name=want.name, target=target.name)
    else:
        if want.table is not None:
            present = want.table.name in there
            state = (
                _("{name} on {target} is incomplete now") if present else _("{name} is not on {target} now")
            ).format(name=want.name, target=target.name)
        elif not await _exists(target, want.dump.name):
            state = _("{name} is not on {target} now").format(name=want.name, target=target.name)
        else:
            state = ngettext(
                "{name} on {target} is incomplete now: {number} of {total} table is there",
                "{name} on {target} is incomplete now: {number} of {total} tables are there",
                len(want.dump.tables),
            ).format(
                name=want.name,
                target=target.name,
                number=count(len(there & set(want.dump.tables))),
                total=count(len(want.dump.tables)),
            )
    again = _("restore again with --overwrite when the reason is gone")
    return "; ".join(filter(None, (way_out, state, again)))


async def _exists(target: TargetServer, name: str) -> bool:
    return bool(
        await target.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name)
    )


def _prove(want: Wanted) -> None:
    """Read what is to be restored once, so that nothing is taken away for a damaged dump. Raises VaultError."""
    pieces = want.dump.sql() if want.table is None else want.dump.part(want.table.offset, want.table.length)
    for _piece in pieces:
        pass


async def _refuse_existing(target: TargetServer, want: Wanted) -> None:
    name = want.dump.name
    there = await _exists(target, name)
    if want.table is None:
        if there and not want.overwrite:
            raise DatabaseError(
                _("{target}: there is a database {name} already, and it is left alone").format(
                    target=target.name, name=printable(name)
                ),
                _("--overwrite drops it and restores it"),
            )
        return
    if not there:
        raise DatabaseError(
            _("{target}: there is no database {name} to restore a table into").format(
                target=target.name, name=printable(name)
            ),
            _("CREATE DATABASE {name} there first, or restore all of it").format(
                name=printable(quoted(name))
            ),
        )
    found = await target.rows(
        "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        name,
        want.table.name,
    )
    if found and not want.overwrite:
        raise DatabaseError(
            _("{target}: there is a table {name} already, and it is left alone").format(
                target=target.name, name=want.name
            ),
            _("--overwrite drops it and restores it"),
        )


@contextlib.asynccontextmanager
async def _reached(
    config: Config, into: str, answers: Answers, notes: Callable[[str], None], told: Told | None
) -> AsyncIterator[TargetServer]:
    if "/" in into:
        async with local_target(_socket(into), account(), None) as target:
            yield target
        return
    server = config.servers[into]
    if server.database is None:
        raise UsageError(
            _("{server} has no database in the configuration").format(server=into),
            f"[servers.{into}.database]",
        )

    async def secret(source: SecretSource, question: Question) -> Secret | None:
        return await resolve(source, question, answers)

    session = await connect(
        server,
        known_hosts=known_hosts(config, told),
        answers=answers,
        secrets=secret,
        deadline=time.monotonic() + config.sop.connect_within,
        notes=notes,
    )
    async with session:
        password = await _password(server, session.user, answers)
        async with await login(session, server, password) as database:
            options = database.options
        async with remote_target(session, options) as target:
            yield target


def _socket(path: str) -> Path:
    return Path(path).expanduser().absolute()


async def _password(server: Server, user: str, answers: Answers) -> Secret | None:
    assert server.database is not None
    who = printable(server.database.user or user)
    question = Question("database-password", server.name, f"database password of {who} on {server.name}")
    return await resolve(server.database.password, question, answers)


def body(want: Wanted, into: str, restored: RestoredInto) -> dict[str, Any]:
    """As `restore --into --json` prints it; the ledger keeps the same."""
    compared = restored.compared
    return {
        "snapshot": want.snapshot.spec,
        "database": printable(want.dump.name),
        "table": printable(want.table.name) if want.table else None,
        "into": printable(into),
        "where": restored.where,
        "outcome": restored.outcome.value,
        "bytes": restored.bytes,
        "seconds": restored.seconds,
        "tables": compared.tables,
        "rows": compared.rows,
        "checksums": compared.checksums,
        "differences": list(compared.differences),
        "incomparable": list(compared.incomparable),
        "gaps": [*restored.told, *compared.gaps],
    }
