"""MySQL's tables in general tablespaces, which other servers do not have.

A dump program writes the tablespace's name, and the table cannot be restored (error 3510). A dump over a connection
leaves the name out, so that the table gets a file of its own.
"""

import re

import aiomysql

from tuibackup.database.connect.connection import Connection

_PLAIN = re.compile(r"\w+", re.ASCII)
_CLAUSE = re.compile(rb" /\*!\d+ TABLESPACE `(?!innodb_)(?:[^`]|``)+` \*/")


class GeneralTablespaces:
    """The tables by InnoDB's names, which encode everything except plain letters, digits and underscores."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._odd = any("@" in name for name in names)

    def may_hold(self, database: str, table: str) -> bool:
        """Whether the table may lie in one; for an encoded name that is not sure, so it may if any such is."""
        if _PLAIN.fullmatch(database) and _PLAIN.fullmatch(table):
            return f"{database}/{table}" in self._names
        return self._odd


async def general_tablespaces(connection: Connection) -> GeneralTablespaces:
    """The server's; none if it has no such thing, or the account may not ask (it needs PROCESS)."""
    try:
        found = await connection.rows(
            "SELECT NAME FROM information_schema.INNODB_TABLES WHERE SPACE_TYPE = 'General' AND NAME NOT LIKE 'mysql/%'"
        )
    except aiomysql.MySQLError:
        found = []
    return GeneralTablespaces(frozenset(str(name) for (name,) in found))


def without(create: bytes) -> bytes:
    """A CREATE TABLE that names no general tablespace."""
    body, end, options = create.rpartition(b"\n)")
    return body + end + _CLAUSE.sub(b"", options)
