"""Where sequences stand that have begun again (CYCLE): dump programs tell the number, not that it comes round again.

Said once more behind a program's tables, so that the restored sequence goes on where the other stood. Sequences know no
transactions, so this is as of now, not as of the dump's instant: a number too late at worst, never one too early.
"""

from contextlib import suppress

from tuibackup.database import native_text
from tuibackup.database.inventory import DatabaseInfo, quoted
from tuibackup.database.login import DatabaseSession
from tuibackup.errors import DatabaseError


async def standing(database: DatabaseSession, info: DatabaseInfo) -> bytes:
    """The statements for `info`; b"" where none is needed. Raises ConnectionLostError."""
    statements = []
    for name in info.sequences:
        with suppress(DatabaseError):  # dropped meanwhile: then it is missing in the dump, too, which is said
            [(following, cycles)] = await database.rows(
                f"SELECT next_not_cached_value, cycle_count FROM {quoted(info.name)}.{quoted(name)}"
            )
            if int(cycles):
                own = quoted(name).encode()
                statements.append(native_text.standing(own, int(following), int(cycles)))
    return b"".join(statements)
