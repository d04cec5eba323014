"""Where sequences stand that have begun again (CYCLE): dump programs tell the number, not that it comes round again.

Said once more behind a program's tables, so that the restored sequence goes on where the other stood. Sequences know no
transactions, so this is as of now, not as of the dump's instant: a number too late at worst, never one too early.
"""

from collections.abc import Sequence

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.inventory import DatabaseInfo, quoted
from tuibackup.database.native import text
from tuibackup.errors import DatabaseError

_TOGETHER = 100  # that are looked at with one statement


async def standing(database: DatabaseSession, info: DatabaseInfo) -> bytes:
    """The statements for `info`; b"" where none is needed. Raises ConnectionLostError."""
    statements = []
    for first in range(0, len(info.sequences), _TOGETHER):
        statements += await _cycled(database, info.name, info.sequences[first : first + _TOGETHER])
    return b"".join(statements)


async def _cycled(database: DatabaseSession, schema: str, names: Sequence[str]) -> list[bytes]:
    """Those of `names` that have begun again; where one was dropped since, which the dump says, those of the others."""
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
            text.standing(quoted(names[int(number)]).encode(), int(following), int(cycles))
            for number, following, cycles in found
        ]
    except (ValueError, TypeError, IndexError) as error:
        raise DatabaseError(f"{database.server}: the database's answer cannot be read") from error
