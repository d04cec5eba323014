"""What lies beside the dumps, so that they can be restored whole.

Sequences that tables of other databases rely on, views that look into other databases, broken views, users and grants.

No dump is called `NAME.sql`, so these names are free.
"""

import asyncio
from collections.abc import Iterable, Sequence

from tuibackup.database.accounts import accounts
from tuibackup.database.grants import Grants
from tuibackup.database.inventory import DatabaseInfo, quoted
from tuibackup.database.login import DatabaseSession
from tuibackup.database.views import Late, late_views, placeholders
from tuibackup.errors import DatabaseError
from tuibackup.progress import Finding
from tuibackup.text import printable
from tuibackup.vault.restoring import LATE_VIEWS, LEFT_OUT, PLACEHOLDERS, USERS
from tuibackup.vault.snapshot import Incoming


async def write_beside(
    database: DatabaseSession, incoming: Incoming, late: Iterable[tuple[str, Sequence[Late]]]
) -> list[Finding]:
    """Write the files that are needed into `incoming`; what could not be had is a finding.

    `late`: by database, its views that look into others. Raises VaultError, ConnectionLostError.
    """
    users, unsaved = await users_and_grants(database)
    texts = {
        PLACEHOLDERS: await placeholders(database, database.databases),
        LATE_VIEWS: late_views(late),
        LEFT_OUT: (await _broken_views(database, database.databases)).encode(),
        USERS: users.encode(),
    }
    for name, text in texts.items():
        if text:
            await asyncio.to_thread(incoming.write, name, text)
    return unsaved


async def users_and_grants(database: DatabaseSession) -> tuple[str, list[Finding]]:
    """The statements that make every account, and what cannot be among them. Raises ConnectionLostError."""
    try:
        found = await accounts(database, database.vendor, database.databases)
    except DatabaseError as error:
        reason = f"cannot be read and are not saved ({error.message})"
        held = Grants(database.grants)
        if not held.everywhere("SELECT"):
            reason += f": {printable(held.statement(database.account, database.vendor))}"
        return "", [Finding("users and grants", reason)]
    unsaved = [
        Finding(printable(subject), f"not in users.sql: {printable(why)}") for subject, why in found.unsaved
    ]
    return found.text, unsaved


async def _broken_views(database: DatabaseSession, databases: Sequence[DatabaseInfo]) -> str:
    """The definitions of views that are broken and therefore in no dump, as the server has them."""
    lines: list[str] = []
    for info in databases:
        for view, error in info.broken.items():
            lines.append(f"-- {printable(info.name)}.{printable(view)}: {printable(error)}")
            try:
                [(_name, definition, *_rest)] = await database.rows(
                    f"SHOW CREATE VIEW {quoted(info.name)}.{quoted(view)}"
                )
                lines.append(f"{definition};")
            except DatabaseError as refused:
                lines.append(f"-- its definition cannot be read: {refused.message}")
    head = ["-- Views that were broken when the dump was made and are not in it.", "SET NAMES utf8mb4;"]
    return "".join(f"{line}\n" for line in (*head, *lines)) if lines else ""
