"""The stored programs of a server: triggers, routines and events, from its lists and from the tables behind them.

A list may fail (an old mysql.proc, an event scheduler that is disabled), or be empty without a warning (the events of a
server without grant tables). MariaDB's own tables still have the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import aiomysql

from tuibackup.database.connect.connection import Connection
from tuibackup.database.objects.shown import Object
from tuibackup.words import sentence

_LISTS = {
    "triggers": "SELECT DEFINER, TRIGGER_SCHEMA, 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS",
    "routines": "SELECT DEFINER, ROUTINE_SCHEMA, LOWER(ROUTINE_TYPE), ROUTINE_NAME FROM information_schema.ROUTINES",
    "events": "SELECT DEFINER, EVENT_SCHEMA, 'event', EVENT_NAME FROM information_schema.EVENTS",
}
_KEPT = {
    "routines": "SELECT definer, db, LOWER(type), name FROM mysql.proc",
    "events": "SELECT definer, db, 'event', name FROM mysql.event",
}
NOBODY = ("", "@")  # the definer of programs that were created while the server ran with --skip-grant-tables
_OUR_SIDE = range(2000, 3000)  # errors of the line and of the client, which say nothing about the list


@dataclass(frozen=True, slots=True)
class Programs:
    """All programs, some perhaps twice; which of "triggers", "routines" and "events" the server does not list.

    `ownerless`: databases in which some have no definer.
    """

    objects: list[Object]
    unlisted: Mapping[str, "Unlisted"]
    ownerless: frozenset[str]


class Unlisted(NamedTuple):
    """Why the server does not list a kind of programs, in its words; `known`: another table has their names."""

    why: str
    known: bool


async def programs(connection: Connection) -> Programs:
    """Read all stored programs. Raises what aiomysql raises if the line breaks."""
    told: list[tuple[str, Object]] = []
    unlisted: dict[str, Unlisted] = {}
    for what, query in _LISTS.items():
        listed = await _rows(connection, query)
        kept = await _rows(connection, _KEPT[what]) if what in _KEPT else sentence("it keeps none")
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
    """The programs that a list has, each with its definer, or why the list failed."""
    try:
        return [(str(definer), Object(*map(str, row))) for definer, *row in await connection.rows(query)]
    except aiomysql.MySQLError as error:
        if error.args[0] in _OUR_SIDE:
            raise
        return str(error.args[1] if len(error.args) > 1 else error)
