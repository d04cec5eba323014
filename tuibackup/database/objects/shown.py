"""Which tables, views, sequences and stored programs the server can show, and which a dump must leave out.

A dump program asks for each object in turn and stops at the first that the server refuses: a view whose column is gone,
a table whose file is damaged, a procedure that cannot be parsed any more. So we ask for each before, with the same
statements; if one fails, the object is left out by name and the rest is dumped.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import aiomysql

from tuibackup.database.connect.connection import Connection, CutShortError
from tuibackup.database.connect.packets import columns
from tuibackup.database.dump.holders import AT_ONCE, HELD
from tuibackup.errors import ConnectionLostError
from tuibackup.words import later, sentence

# Engines without rows of their own: they show the rows of other tables.
WITHOUT_ROWS = frozenset({"mrg_myisam", "merge", "federated", "spider", "connect", "oqgraph"})
VIEW, TABLE, SEQUENCE = later("view"), later("table"), later("sequence")
TRIGGER, EVENT = later("trigger"), later("event")
_HELD = (HELD, 3024)  # 3024: the statement took longer than it may, on MySQL
_PASSING = frozenset(
    {*_HELD, 1213, 1317, 1969}
)  # the statement was ended, which says nothing about the object
# MySQL waits at least a second for a table, but a SELECT only for as long as it is told: hundreds may be held.
_BRIEFLY = f"{AT_ONCE} /*!50708 , max_execution_time = 300 */"
_PATIENTLY = "SET SESSION lock_wait_timeout = 1 /*!50708 , max_execution_time = 0 */"
_FEW = 10  # so many objects that somebody holds are asked for once more
_ASKED = {
    TABLE: ("SELECT 1 FROM {} LIMIT 1",),
    SEQUENCE: ("SHOW CREATE SEQUENCE {}", "SELECT 1 FROM {}"),
    VIEW: ("SHOW COLUMNS FROM {}", "SHOW CREATE VIEW {}"),
}
_SHOWN = ("SHOW CREATE TABLE {}",)
# The column of SHOW CREATE's answer that holds the statement; for other kinds it is the third.
_STATEMENT = {TABLE: 1, SEQUENCE: 1, VIEW: 1, EVENT: 3}
# What the server may still tell about an object that it cannot show. For a view that is enough to create it again;
# servers have further columns after these, MariaDB the algorithm.
_PIECES = {
    TABLE: "SELECT GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, COLUMN_TYPE) ORDER BY ORDINAL_POSITION SEPARATOR ', ')"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
    VIEW: "SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
    TRIGGER: "SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} AND TRIGGER_NAME = {}",
    EVENT: "SELECT body FROM mysql.event WHERE db = {} AND name = {}",
}
_ROUTINE = "SELECT body FROM mysql.proc WHERE db = {} AND name = {} AND type = {}"
UNREADABLE = sentence("it is denied to this account")


class Object(NamedTuple):
    """`kind`: one of the above, or a stored routine's: "procedure", "function", "package", "package body"."""

    database: str
    kind: str
    name: str

    @property
    def place(self) -> str:
        """Its full name for a statement."""
        return f"{quoted(self.database)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object that the dump lacks; or a table of which it has only the first `rows`. `why`: the server's words.

    `definition`: the statement that creates it, if the server shows it; `pieces`: what else the server tells.
    """

    kind: str
    name: str
    why: str
    definition: str = ""
    pieces: str = ""
    rows: int | None = None
    sound: bool = False  # it is not damaged, but no server would accept it
    held: bool = False  # somebody else held it for longer than we wait
    changed: bool = False  # somebody else changed it each time it was read

    @property
    def lost(self) -> bool:
        """Whether the definition is missing, or does not bring the object back."""
        return not self.definition or self.kind in (TABLE, SEQUENCE)


class LostAtError(ConnectionLostError):
    """The connection ended when we asked for `one`: perhaps that brought the server down."""

    def __init__(self, one: Object) -> None:
        super().__init__(sentence("the database closed the connection"))
        self.one = one


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return f"`{name.replace('`', '``')}`"


def literal(name: str) -> str:
    """A string literal that means the same under every setting."""
    return f"_utf8mb4 X'{name.encode('utf-8', 'surrogateescape').hex()}'"


async def refused(
    connection: Connection,
    objects: Sequence[Object],
    rowless: Container[Object],
    feared: Mapping[Object, str],
) -> tuple[dict[Object, str], frozenset[Object]]:
    """The `objects` that the server does not show to a dump program, each with the server's words.

    And those that somebody else holds right now: we do not wait for them, and take them for sound. No rows of `rowless`
    tables are dumped, so we ask for none: the server that has them may be gone. The objects in `feared` (with the
    reason) are not asked for at all. Raises LostAtError.
    """
    asking = [
        (one, statement.format(one.place))
        for one in objects
        if one not in feared
        for statement in (_SHOWN if one in rowless else _statements(one.kind))
    ]
    found = {one: feared[one] for one in objects if one in feared}
    held = await _ask(connection, _BRIEFLY, asking, found)
    if held and len(held) <= _FEW:
        held = await _ask(connection, _PATIENTLY, [one for one in asking if one[0] in held], found)
    await connection.rows(_PATIENTLY)
    return found, frozenset(held)


async def _ask(
    connection: Connection, setting: str, asking: Sequence[tuple[Object, str]], found: dict[Object, str]
) -> set[Object]:
    """The objects that somebody else holds; those that the server refuses are put into `found`. Raises LostAtError."""
    await connection.rows(setting)
    try:
        answers = await connection.each([statement for _one, statement in asking])
    except CutShortError as error:
        raise LostAtError(asking[error.at][0]) from error
    held: set[Object] = set()
    for (one, statement), answer in zip(asking, answers, strict=True):
        if isinstance(answer, aiomysql.MySQLError):
            if answer.args[0] in _HELD:
                held.add(one)
            elif answer.args[0] not in _PASSING:
                found.setdefault(one, str(answer.args[1] if len(answer.args) > 1 else answer))
        elif statement.startswith("SHOW CREATE") and not _definition(one, [columns(row) for row in answer]):
            found.setdefault(one, UNREADABLE)
    return held


async def left_out(
    connection: Connection, why: Mapping[Object, str], feared: Container[Object]
) -> dict[Object, LeftOut]:
    """The objects in `why`, each with what the server still tells about it."""
    asking = ["DO 1" if one in feared else f"SHOW CREATE {one.kind.upper()} {one.place}" for one in why]
    definitions = {
        one: _definition(one, answer)
        for one, answer in zip(why, await _answers(connection, asking), strict=True)
    }
    lacking = [one for one, definition in definitions.items() if not definition]
    pieces: dict[Object, str] = {}
    answers = await _answers(connection, [_asked_for_pieces(one) for one in lacking])
    for one, rows in zip(lacking, answers, strict=True):
        if one.kind == VIEW:
            definitions[one] = _view(one, rows)
        else:
            pieces[one] = _text(rows[0][0]) if rows else ""
    return {
        one: LeftOut(one.kind, one.name, why[one], definition, pieces.get(one, ""))
        for one, definition in definitions.items()
    }


async def _answers(connection: Connection, statements: Sequence[str]) -> list[list[list[bytes | None]]]:
    """The rows of each answer; none if the server refuses the statement."""
    return [
        [] if isinstance(answer, aiomysql.MySQLError) else [columns(row) for row in answer]
        for answer in await connection.each(statements)
    ]


def _asked_for_pieces(one: Object) -> str:
    values = (one.database, one.name) if one.kind in _PIECES else (one.database, one.name, one.kind.upper())
    return _PIECES.get(one.kind, _ROUTINE).format(*map(literal, values))


def _view(one: Object, rows: Sequence[Sequence[bytes | None]]) -> str:
    """The statement that creates a view, from its row of information_schema; "" if that tells too little."""
    if not rows or not rows[0][3]:
        return ""
    _, _, _, select, check, _, definer, security, _, _, *more = map(_text, rows[0])
    algorithm = f"ALGORITHM={more[0]} " if more else ""
    who = "@".join(quoted(part) for part in definer.rsplit("@", 1))
    checked = "" if check == "NONE" else f" WITH {check} CHECK OPTION"
    return f"CREATE {algorithm}DEFINER={who} SQL SECURITY {security} VIEW {quoted(one.name)} AS {select}{checked}"


def _statements(kind: str) -> Iterable[str]:
    return _ASKED.get(kind, (f"SHOW CREATE {kind.upper()} {{}}",))


def _definition(one: Object, rows: Sequence[Sequence[object]]) -> str:
    place = _STATEMENT.get(one.kind, 2)
    return _text(rows[0][place]) if rows and len(rows[0]) > place else ""


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
