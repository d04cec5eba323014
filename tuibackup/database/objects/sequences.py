"""The next values of sequences that have begun again (CYCLE): dump programs write the number, but not the cycle.

So they are written once more after a program's tables, and the restored sequence continues where the other stood.
Sequences know no transactions, so this is the present value, not the one of the dump's instant: it may be too far
ahead, never behind.
"""

from collections.abc import Sequence

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.inventory import DatabaseInfo, quoted
from tuibackup.database.native import lines
from tuibackup.errors import DatabaseError
from tuibackup.words import sentence

_TOGETHER = 100  # sequences that one statement asks about


async def standing(database: DatabaseSession, info: DatabaseInfo) -> bytes:
    """The statements for `info`; b"" where none is needed. Raises ConnectionLostError."""
    statements = []
    for first in range(0, len(info.sequences), _TOGETHER):
        statements += await _cycled(database, info.name, info.sequences[first : first + _TOGETHER])
    return b"".join(statements)


async def _cycled(database: DatabaseSession, schema: str, names: Sequence[str]) -> list[bytes]:
    """Statements for those of `names` that have begun again; one that was dropped meanwhile is skipped."""
    asking = [
        f"SELECT {number}, next_not_cached_value, cycle_count FROM {quoted(schema)}.{quoted(name)}"
        " WHERE cycle_count > 0"
        for number, name in enumerate(names)
    ]
    try:
        found = await database.rows(" UNION ALL ".join(asking))
    except DatabaseError:
        half = len(names) // 2
        parts = (names[:half], names[half:]) if half else ()
        return [one for part in parts for one in await _cycled(database, schema, part)]
    try:
        return [
            lines.standing(quoted(names[int(number)]).encode(), int(following), int(cycles))
            for number, following, cycles in found
        ]
    except (ValueError, TypeError, IndexError) as error:
        raise DatabaseError(
            sentence("{server}: the database's answer cannot be read", server=database.server)
        ) from error
