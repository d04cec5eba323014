"""Restores dumps into a database server, statement by statement over a login: no client program, no secret anywhere.

Nothing here decides whether that is allowed; see `run.drill` and `run.into`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from tuibackup.database.direction import Direction
from tuibackup.database.inventory import quoted
from tuibackup.database.statements import (
    Statements,
    excerpt,
    kind,
    left_out,
    named_database,
    refuse_strange,
)
from tuibackup.database.target import TargetServer
from tuibackup.errors import DatabaseError, VaultError
from tuibackup.text import numbered, printable
from tuibackup.vault.dumps import Dump, StoredTable

OnBytes = Callable[[int], None]  # so many bytes of SQL more

_HEAD = 1 << 20  # the settings of a dump stand in its first lines
# The dumps set these too, but for older programs' and for a part of a dump.
_BEFORE = b"SET SESSION foreign_key_checks = 0, unique_checks = 0"


async def load_dump(target: TargetServer, dump: Dump, direction: Direction, on_bytes: OnBytes) -> None:
    """The whole of a dump, which makes its database and uses it.

    Raises DatabaseError with the statement that was refused, VaultError for a damaged dump, ConnectionLostError.
    """
    await _load(target, _counted(dump.sql(), on_bytes), direction, {dump.name})


async def load_script(
    target: TargetServer, sql: bytes, direction: Direction, databases: Collection[str]
) -> None:
    """The stand-ins that lie beside the dumps of `databases`."""
    await _load(target, [sql], direction, databases)


async def load_table(
    target: TargetServer, dump: Dump, table: StoredTable, direction: Direction, on_bytes: OnBytes
) -> None:
    """One table with its rows and triggers, into its database, which must be there; the rest is not read."""
    first = min(one.offset for one in dump.tables.values())
    for statement in Statements(dump.part(0, min(first, _HEAD))):
        if kind(statement) == b"SET" and not left_out(statement):
            refuse_strange(statement)
            await target.run(direction.translate(statement))
    await target.run(f"USE {quoted(dump.name)}".encode())
    await _load(target, _counted(dump.part(table.offset, table.length), on_bytes), direction, {dump.name})


def longest_statement(dump: Dump, table: StoredTable | None = None) -> int:
    """Bytes of the longest statement: as recorded with the dump, else counted (which reads and proves all of it)."""
    recorded = dump.recorded.get("longest_statement")
    if isinstance(recorded, int) and not isinstance(recorded, bool):
        return recorded
    pieces = dump.sql() if table is None else dump.part(table.offset, table.length)
    return max((len(one) for one in Statements(pieces)), default=0)


async def _load(
    target: TargetServer, pieces: Iterable[bytes], direction: Direction, databases: Collection[str]
) -> None:
    """`databases`: those that may be used, made and changed."""
    await target.run(_BEFORE)
    statements = Statements(pieces)
    for statement in statements:
        if left_out(statement):
            continue
        refuse_strange(statement)
        named = named_database(statement)
        if named is not None and named not in databases:
            raise VaultError(f"the dump reaches for the database {printable(named)}: {excerpt(statement)}")
        if len(statement) > target.packet:
            raise DatabaseError(
                f"{target.name}: a statement of {numbered(len(statement), 'byte')} is more than it takes"
                f" ({target.packet:,})",
                f"SET GLOBAL max_allowed_packet = {min(1 << 30, 2 * len(statement))} there, then again",
            )
        try:
            statements.backslash = await target.run(direction.translate(statement))
        except DatabaseError as error:
            if error.way_out:
                raise
            raise DatabaseError(f"{error.message} (at: {excerpt(statement)})") from error


def _counted(pieces: Iterable[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    for piece in pieces:
        on_bytes(len(piece))
        yield piece
