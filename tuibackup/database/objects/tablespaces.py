"""Which tables of MySQL lie in general tablespaces: no other server has these, and their definitions name them.

A dump program writes the name, and the table cannot be made again (error 3510); read over a connection it is left out,
so that the table gets a file of its own.
"""

import re

import aiomysql

from tuibackup.database.connect.connection import Connection

_PLAIN = re.compile(r"\w+", re.ASCII)
_CLAUSE = re.compile(rb" /\*!\d+ TABLESPACE `(?!innodb_)(?:[^`]|``)+` \*/")


class GeneralTablespaces:
    """Knows its tables by the names of InnoDB, which writes all but plain letters its own way."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._odd = any("@" in name for name in names)

    def may_hold(self, database: str, table: str) -> bool:
        """Whether the table lies in one. Of a table with another name than a plain one it is not sure: then yes."""
        if _PLAIN.fullmatch(database) and _PLAIN.fullmatch(table):
            return f"{database}/{table}" in self._names
        return self._odd


async def general_tablespaces(connection: Connection) -> GeneralTablespaces:
    """Those of the server; none where it has no such thing, or the account may not ask (it takes PROCESS)."""
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
