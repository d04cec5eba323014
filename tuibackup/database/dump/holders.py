"""Who holds a table that we wait for, as far as the server tells: from its list of locks, or others' statements."""

from collections.abc import Awaitable, Callable, Sequence

from tuibackup.errors import DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence

Ask = Callable[[str], Awaitable[Sequence[Sequence[bytes | None]]]]

HELD = 1205  # the error of a lock that did not come in time
# From now on we wait for no table; servers other than MariaDB wait a second at least.
AT_ONCE = "SET SESSION lock_wait_timeout = 1 /*M!100301 , lock_wait_timeout = 0 */"
_SHOWN = 3
_WHO = (
    "SELECT DISTINCT p.ID, p.USER, p.HOST, p.COMMAND, p.TIME, COALESCE(p.STATE, ''), COALESCE(p.INFO, '')"
    " FROM information_schema.PROCESSLIST p"
)
# MariaDB's plugin METADATA_LOCK_INFO; the performance schema where it watches locks; statements that name the table.
_WAYS = (
    _WHO + " JOIN information_schema.METADATA_LOCK_INFO l ON l.THREAD_ID = p.ID"
    " WHERE l.TABLE_SCHEMA = {database} AND l.TABLE_NAME = {table} AND p.ID <> CONNECTION_ID()",
    _WHO + " JOIN performance_schema.threads t ON t.PROCESSLIST_ID = p.ID"
    " JOIN performance_schema.metadata_locks l ON l.OWNER_THREAD_ID = t.THREAD_ID"
    " WHERE l.OBJECT_SCHEMA = {database} AND l.OBJECT_NAME = {table} AND p.ID <> CONNECTION_ID()",
    _WHO + " WHERE INSTR(p.INFO, {table}) AND p.INFO NOT LIKE 'SELECT%' AND p.ID <> CONNECTION_ID()",
)


async def holders(ask: Ask, database: str, table: str) -> str:
    """The holders in one line; `database` and `table` are SQL literals. Raises ConnectionLostError."""
    for way in _WAYS:
        try:
            found = await ask(way.format(database=database, table=table))
        except DatabaseError:  # no such list here, or not for us
            continue
        if found:
            return "; ".join(_told(row) for row in found[:_SHOWN])
    return sentence(
        "the server does not tell who holds it (SHOW PROCESSLIST; INSTALL SONAME 'metadata_lock_info')"
    )


def _told(row: Sequence[bytes | None]) -> str:
    number, user, host, command, seconds, state, statement = (
        printable((value or b"").decode("utf-8", "replace")) for value in row
    )
    said = ": ".join(filter(None, (state, statement)))
    return f"{number} {user}@{host} {command} {seconds} s" + (f", {said}" if said else "")
