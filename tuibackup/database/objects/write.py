"""The files beside the dumps that a whole restore needs.

They hold sequences that tables of other databases rely on, views that look into other databases, definitions of what
was left out, and users and grants. No dump is called `NAME.sql`, so these names are free.
"""

import asyncio
from collections.abc import Iterable, Sequence

from tuibackup.database.connect.login import DatabaseSession
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.objects.accounts import accounts
from tuibackup.database.objects.shown import SEQUENCE, TABLE, VIEW, quoted
from tuibackup.database.objects.views import Late, late_views, placeholders
from tuibackup.database.rights.grants import Grants
from tuibackup.errors import DatabaseError
from tuibackup.progress import Finding
from tuibackup.text import numbered, printable
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.restore.script import LATE_VIEWS, LEFT_OUT, PLACEHOLDERS, USERS
from tuibackup.words import joined, sentence


async def write_beside(
    database: DatabaseSession,
    databases: Sequence[DatabaseInfo],
    incoming: Incoming,
    late: Iterable[tuple[str, Sequence[Late]]],
) -> list[Finding]:
    """Write the files that the dumps of `databases` need into `incoming`; what could not be read is a finding.

    `late`: by database, its views that look into others. Raises VaultError, ConnectionLostError.
    """
    users, unsaved = await users_and_grants(database)
    texts = {
        PLACEHOLDERS: await placeholders(database, databases),
        LATE_VIEWS: late_views(late),
        LEFT_OUT: _left_out(databases).encode(),
        USERS: users.encode(),
    }
    for name, text in texts.items():
        if text:
            await asyncio.to_thread(incoming.write, name, text)
    return unsaved


async def users_and_grants(database: DatabaseSession) -> tuple[str, list[Finding]]:
    """The statements that create every account, and findings for what they lack. Raises ConnectionLostError."""
    try:
        found = await accounts(database, database.vendor, database.databases)
    except DatabaseError as error:
        reason = sentence("cannot be read and are not saved ({message})", message=error.message)
        held = Grants(database.grants)
        if not held.everywhere("SELECT"):
            reason = joined(": ", (reason, held.statement(database.account, database.vendor)))
        return "", [Finding(sentence("users and grants"), reason)]
    unsaved = [
        Finding(printable(subject), sentence("not in users.sql: {why}", why=printable(why)))
        for subject, why in found.unsaved
    ]
    return found.text, unsaved


def _left_out(databases: Iterable[DatabaseInfo]) -> str:
    """The definitions of what is in no dump, or what else the server tells about it."""
    lines: list[str] = []
    for info in databases:
        used = False
        for one in info.left_out:
            lines.append(f"-- {one.kind} {printable(info.name)}.{printable(one.name)}: {printable(one.why)}")
            if one.rows is not None:
                lines.append(f"-- the dump holds only its first {numbered(one.rows, 'row')}")
            elif one.definition:
                if not used:
                    lines.append(f"USE {quoted(info.name)};")
                    used = True
                body = one.kind not in (TABLE, SEQUENCE, VIEW)
                lines += (
                    ["DELIMITER ;;", f"{one.definition};;", "DELIMITER ;"] if body else [f"{one.definition};"]
                )
            elif one.pieces:
                lines.append(
                    f"-- its full definition could not be read; the server shows: {printable(one.pieces)}"
                )
            else:
                lines.append("-- its definition could not be read")
    head = ["-- What could not be read when the dump was made and is not in it.", "SET NAMES utf8mb4;"]
    return "".join(f"{line}\n" for line in (*head, *lines)) if lines else ""
