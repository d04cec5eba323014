"""Restores dumps into a database server, statement by statement over a login: no client program, no secret anywhere.

Nothing here decides whether that is allowed; see `jobs.drill.drill` and `jobs.restore.loading`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from tuibackup.database.inventory import quoted
from tuibackup.database.restore.direction import Direction, UnknownThereError
from tuibackup.database.restore.refusals import Refusals
from tuibackup.database.restore.target import TargetServer
from tuibackup.database.sql.statements import (
    Statements,
    excerpt,
    kind,
    left_out,
    named_database,
    refuse_strange,
)
from tuibackup.database.sql.syntax import sets_syntax
from tuibackup.errors import DatabaseError, VaultError
from tuibackup.text import printable
from tuibackup.vault.restore.dumps import Dump, StoredTable
from tuibackup.words import sentence, sentence_n

OnBytes = Callable[[int], None]  # is told how many more bytes of SQL were taken

_HEAD = 1 << 20  # bytes: the settings of a dump are in its first lines
# Dumps set these, too, except those of older programs; a part of a dump does not.
_BEFORE = b"SET SESSION foreign_key_checks = 0, unique_checks = 0"


async def load_dump(
    target: TargetServer,
    dump: Dump,
    direction: Direction,
    on_bytes: OnBytes,
    refusals: Refusals,
    *,
    late: bool = True,
    rows: bool = True,
) -> None:
    """Load a dump, which creates its database; without `late` all but its late views.

    Without `rows` only its definitions are tried: no rows, and no triggers of larger tables.

    Raises DatabaseError if the load cannot go on, VaultError for a damaged dump, ConnectionLostError.
    """
    pieces = dump.sql() if late else dump.begin() if rows else dump.definitions()
    await _load(target, _counted(pieces, on_bytes), direction, {dump.name}, refusals, rows=rows)


async def load_script(
    target: TargetServer, sql: bytes, direction: Direction, databases: Collection[str], refusals: Refusals
) -> None:
    """Load a file that lies beside the dumps of `databases`. Raises as `load_dump`."""
    await _load(target, [sql], direction, databases, refusals)


async def load_table(
    target: TargetServer,
    dump: Dump,
    table: StoredTable,
    direction: Direction,
    on_bytes: OnBytes,
    refusals: Refusals,
) -> None:
    """Load one table with its rows and triggers into its database, which must exist; nothing else is read.

    Raises as `load_dump`.
    """
    first = min(one.offset for one in dump.tables.values())
    for statement in Statements(dump.part(0, min(first, _HEAD))):
        if kind(statement) == b"SET" and not left_out(statement):
            refuse_strange(statement)
            await target.run(direction.translate(statement))
    await target.run(f"USE {quoted(dump.name)}".encode())
    pieces = _counted(dump.part(table.offset, table.length), on_bytes)
    await _load(target, pieces, direction, {dump.name}, refusals)


def longest_statement(dump: Dump, table: StoredTable | None = None) -> int:
    """Bytes of the longest statement, from the record or else by reading (and so proving) the whole dump."""
    recorded = dump.recorded.get("longest_statement")
    if isinstance(recorded, int) and not isinstance(recorded, bool):
        return recorded
    pieces = dump.sql() if table is None else dump.part(table.offset, table.length)
    return max((len(one) for one in Statements(pieces)), default=0)


async def _load(
    target: TargetServer,
    pieces: Iterable[bytes],
    direction: Direction,
    databases: Collection[str],
    refusals: Refusals,
    *,
    rows: bool = True,
) -> None:
    """Run the statements of `pieces`. `databases`: those that they may use, create and change."""
    await target.run(_BEFORE)
    statements = Statements(pieces)
    statements.syntax = await target.syntax()
    stale = False
    for statement in statements:
        if left_out(statement) or (not rows and kind(statement) == b"INSERT"):
            continue
        refuse_strange(statement)
        named = named_database(statement)
        if named is not None and named not in databases:
            raise VaultError(
                sentence(
                    "a statement of the dump concerns another database, {named}: {excerpt}",
                    named=printable(named),
                    excerpt=excerpt(statement),
                )
            )
        if len(statement) > target.packet:
            raise DatabaseError(
                sentence(
                    "{target}: the dump has a statement of {bytes}; the server takes {packet} at most",
                    target=target.name,
                    bytes=sentence_n("{count} byte", "{count} bytes", len(statement)),
                    packet=f"{target.packet:,}",
                ),
                sentence(
                    "run SET GLOBAL max_allowed_packet = {value} there, then try again",
                    value=min(1 << 30, 2 * len(statement)),
                ),
            )
        refusals.follow(statement)
        if refusals.concern(statement):
            continue
        try:
            await target.run(direction.translate(statement, statements.syntax))
        except UnknownThereError as error:
            if not refusals.take(statement, error, foreign=direction.across):
                raise
        except DatabaseError as error:
            if error.way_out:
                raise
            if not refusals.take(statement, error, foreign=direction.across):
                raise DatabaseError(
                    sentence("{message} (at: {excerpt})", message=error.message, excerpt=excerpt(statement))
                ) from error
        else:
            if target.warned and kind(statement) == b"CREATE":
                refusals.note(statement, await target.warnings())
        stale = stale or (kind(statement) == b"SET" and sets_syntax(statement))
        if stale and not statements.setting:
            statements.syntax, stale = await target.syntax(), False


def _counted(pieces: Iterable[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    for piece in pieces:
        on_bytes(len(piece))
        yield piece
