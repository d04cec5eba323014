"""Ends dump programs that wait too long for a table: they have no limit of their own, as our logins do.

Their databases are then read over a connection of ours, which leaves out only that table.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.dump.progress import Live
from tuibackup.errors import ConnectionLostError, DatabaseError
from tuibackup.words import sentence

_PAUSE = 2.0  # seconds between two looks at who waits
# Logins of this account that began after ours and wait for a table.
_WAITING = (
    "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND COMMAND = 'Query'"
    " AND STATE LIKE 'Waiting for table%%' AND ID > CONNECTION_ID() AND TIME >= %s"
    # People may use the account, too: so only statements of dump programs.
    " AND (INFO LIKE 'SELECT /*!40001 SQL_NO_CACHE%%' OR INFO LIKE 'SHOW %%')"
)


async def end_waits(
    database: DatabaseSession, patience: float, live: Live, programs: Callable[[], frozenset[int] | None]
) -> None:
    """Watch until cancelled; `patience`: seconds to wait for tables that somebody else holds.

    `programs` gives the sessions of the dump programs, None while they are not known.
    """
    while not database.resting:  # else there is no place for another login
        await asyncio.sleep(_PAUSE)
        with suppress(DatabaseError, ConnectionLostError):
            for (number,) in await database.rows(_WAITING, patience + _PAUSE):
                known = programs()
                if known is not None and int(number) not in known:
                    continue
                live.say(sentence("a dump program waited too long for a table and was ended"))
                await database.rows(f"KILL QUERY {int(number)}")
