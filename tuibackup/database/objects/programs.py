"""Which stored programs there are: triggers, routines and events, by the server's lists and by the tables it keeps.

A list may fail (an old mysql.proc, an event scheduler that is disabled), or be empty without a word (the events of a
server without grant tables). MariaDB's own tables have the names all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import aiomysql

from tuibackup.database.connect.connection import Connection
from tuibackup.database.objects.shown import Object

_LISTS = {
    "triggers": "SELECT DEFINER, TRIGGER_SCHEMA, 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS",
    "routines": "SELECT DEFINER, ROUTINE_SCHEMA, LOWER(ROUTINE_TYPE), ROUTINE_NAME FROM information_schema.ROUTINES",
    "events": "SELECT DEFINER, EVENT_SCHEMA, 'event', EVENT_NAME FROM information_schema.EVENTS",
}
_KEPT = {
    "routines": "SELECT definer, db, LOWER(type), name FROM mysql.proc",
    "events": "SELECT definer, db, 'event', name FROM mysql.event",
}
NOBODY = ("", "@")  # the definer of what was made while the server ran with --skip-grant-tables
_OUR_SIDE = range(2000, 3000)  # errors of the line and of the client, which say nothing of the list


@dataclass(frozen=True, slots=True)
class Programs:
    """All of them, some perhaps twice; which of "triggers", "routines" and "events" the server does not list.

    `ownerless`: databases in which some have no definer.
    """

    objects: list[Object]
    unlisted: Mapping[str, "Unlisted"]
    ownerless: frozenset[str]


class Unlisted(NamedTuple):
    """Why the server does not list a kind of programs, in its words; `known`: their names are known all the same."""

    why: str
    known: bool


async def programs(connection: Connection) -> Programs:
    """What there is. Raises what aiomysql raises where the line breaks."""
    told: list[tuple[str, Object]] = []
    unlisted: dict[str, Unlisted] = {}
    for what, query in _LISTS.items():
        listed = await _rows(connection, query)
        kept = await _rows(connection, _KEPT[what]) if what in _KEPT else "it keeps none"
        if isinstance(listed, str):
            unlisted[what] = Unlisted(listed, not isinstance(kept, str))
        for found in (listed, kept):
            if not isinstance(found, str):
                told += found
    return Programs(
        [one for _definer, one in told],
        unlisted,
        frozenset(one.database for definer, one in told if definer in NOBODY),
    )


async def _rows(connection: Connection, query: str) -> list[tuple[str, Object]] | str:
    """What is listed, each with its definer, or why it is not."""
    try:
        return [(str(definer), Object(*map(str, row))) for definer, *row in await connection.rows(query)]
    except aiomysql.MySQLError as error:
        if error.args[0] in _OUR_SIDE:
            raise
        return str(error.args[1] if len(error.args) > 1 else error)
