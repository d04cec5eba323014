"""Tables, views, sequences and stored programs as the server is asked about them, and those that a dump cannot have.

A dump program asks for each object in turn and stops at the first that the server refuses: a view whose column is gone,
a table whose file is damaged, a procedure that cannot be parsed any more. So each is asked for before, in the same
words; whatever the error, the object is left out by name and the rest is dumped.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import aiomysql

from tuibackup.database.connect.connection import Connection, CutShortError
from tuibackup.database.connect.packets import columns
from tuibackup.database.dump.holders import AT_ONCE, HELD
from tuibackup.errors import ConnectionLostError

# Their rows are others': of the tables they gather or reach.
WITHOUT_ROWS = frozenset({"mrg_myisam", "merge", "federated", "spider", "connect", "oqgraph"})
VIEW, TABLE, SEQUENCE, TRIGGER, EVENT = "view", "table", "sequence", "trigger", "event"
_HELD = (HELD, 3024)  # or took longer than it may, on MySQL
_PASSING = frozenset({*_HELD, 1213, 1317, 1969})  # the statement was ended: that says nothing of the object
# MySQL waits at least a second for a table, but a SELECT only for as long as it is told: hundreds may be held.
_BRIEFLY = f"{AT_ONCE} /*!50708 , max_execution_time = 300 */"
_PATIENTLY = "SET SESSION lock_wait_timeout = 1 /*!50708 , max_execution_time = 0 */"
_FEW = 10  # objects that are held when they are asked for, and may be free in a moment
_ASKED = {
    TABLE: ("SELECT 1 FROM {} LIMIT 1",),
    SEQUENCE: ("SHOW CREATE SEQUENCE {}", "SELECT 1 FROM {}"),
    VIEW: ("SHOW COLUMNS FROM {}", "SHOW CREATE VIEW {}"),
}
_SHOWN = ("SHOW CREATE TABLE {}",)
# In which column of SHOW CREATE's answer the statement stands; of the others in the third.
_STATEMENT = {TABLE: 1, SEQUENCE: 1, VIEW: 1, EVENT: 3}
# What the server may still tell of one that it cannot show. Of a view that is all it takes to make it again; servers
# have further columns behind these, MariaDB the algorithm.
_PIECES = {
    TABLE: "SELECT GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, COLUMN_TYPE) ORDER BY ORDINAL_POSITION SEPARATOR ', ')"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
    VIEW: "SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
    TRIGGER: "SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {} AND TRIGGER_NAME = {}",
    EVENT: "SELECT body FROM mysql.event WHERE db = {} AND name = {}",
}
_ROUTINE = "SELECT body FROM mysql.proc WHERE db = {} AND name = {} AND type = {}"
UNREADABLE = "it is denied to this account"


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
    """An object that the dump has not, or, of a table, the first `rows` only. `why`: the server's words.

    `definition`: the statement that makes it again, where the server tells that; `pieces`: what it tells else.
    """

    kind: str
    name: str
    why: str
    definition: str = ""
    pieces: str = ""
    rows: int | None = None
    sound: bool = False  # nothing is wrong with it, but no server would take it
    held: bool = False  # by somebody else, longer than it is waited for
    changed: bool = False  # by somebody else, each time it was read

    @property
    def lost(self) -> bool:
        """Whether it takes more than the definition to have it again."""
        return not self.definition or self.kind in (TABLE, SEQUENCE)


class LostAtError(ConnectionLostError):
    """The connection ended when the server was asked for `one`: perhaps that brought it down."""

    def __init__(self, one: Object) -> None:
        super().__init__("the database closed the connection")
        self.one = one


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return f"`{name.replace('`', '``')}`"


def literal(name: str) -> str:
    """A string that means the same under every setting."""
    return f"_utf8mb4 X'{name.encode('utf-8', 'surrogateescape').hex()}'"


async def refused(
    connection: Connection,
    objects: Sequence[Object],
    rowless: Container[Object],
    feared: Mapping[Object, str],
) -> tuple[dict[Object, str], frozenset[Object]]:
    """Those of `objects` that the server does not show to a dump program, each with the server's words.

    And those that somebody else holds right now: they are not waited for, and count as sound. Of `rowless` tables no
    rows are dumped, so none are asked for: the server where they are may be gone. Those that are `feared`, and why, are
    not asked for at all. Raises LostAtError.
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
    """The objects that somebody else holds; what the server refuses is put into `found`. Raises LostAtError."""
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
    """What is refused, and why, with what the server tells of it all the same."""
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
    """The rows of each; none where the server refuses it."""
    return [
        [] if isinstance(answer, aiomysql.MySQLError) else [columns(row) for row in answer]
        for answer in await connection.each(statements)
    ]


def _asked_for_pieces(one: Object) -> str:
    values = (one.database, one.name) if one.kind in _PIECES else (one.database, one.name, one.kind.upper())
    return _PIECES.get(one.kind, _ROUTINE).format(*map(literal, values))


def _view(one: Object, rows: Sequence[Sequence[bytes | None]]) -> str:
    """The statement that makes a view, from its row of information_schema; "" where that tells too little."""
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
