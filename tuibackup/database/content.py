"""A table's content as one number, which every server gives for the same rows, however it stores them.

CHECKSUM TABLE is cheaper, and enough for plain columns: it reads the bytes of the server's row buffer. But it gives
another number after a restore if the table has generated columns, keeps its old rows, or has FLOAT or times in the
format of MariaDB 5.3. And MySQL's number differs from MariaDB's.

So each base column's value is written in one way only (`_item`), generated columns are left out, and the numbers of the
rows are added up: their order does not count, but every value, every NULL, and how often a row occurs.
docs/vault-format.md describes the form, so that a client program can compute it, too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuibackup.database.inventory import quoted

FORM = 1
# The session settings that change how a value is written.
SETTINGS = "SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'"
# The columns of some tables of one database; its values: the database, then the tables.
COLUMNS = (
    "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, EXTRA, COALESCE(GENERATION_EXPRESSION, '')"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN ({})"
    " ORDER BY TABLE_NAME, ORDINAL_POSITION"
)
# Tables whose CHECKSUM TABLE changes when they are restored.
PECULIAR = (
    "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS"
    " WHERE COALESCE(GENERATION_EXPRESSION, '') <> '' OR DATA_TYPE = 'float'"
    " OR COLUMN_TYPE LIKE '%/* mariadb-5.3 */%'"
)
_GENERATED = re.compile(r"\b(?:VIRTUAL|STORED|PERSISTENT)\b")
_AS_TEXT = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"}
    | {"date", "time", "datetime", "timestamp", "inet4", "inet6", "uuid"}
)
_BY_NUMBER = frozenset({"bit", "enum", "set"})


@dataclass(frozen=True, slots=True)
class Content:
    """`sum`: the number that stands for all rows of a table, and how it was computed.

    `history`: with old rows and their times. `rounded`: FLOAT with six digits, as dump programs write it.
    """

    sum: int
    history: bool = False
    rounded: bool = False

    def document(self) -> dict[str, Any]:
        """As tables.json holds it."""
        return {"form": FORM, "sum": self.sum, "history": self.history, "rounded": self.rounded}


def recorded(document: object) -> Content | None:
    """The content in `document`; None if there is none, or if a later tuibackup wrote it in another form."""
    if not isinstance(document, Mapping) or document.get("form") != FORM:
        return None
    number = document.get("sum")
    if not isinstance(number, int):
        return None
    return Content(number, bool(document.get("history")), bool(document.get("rounded")))


@dataclass(frozen=True, slots=True)
class ContentColumn:
    """A column as information_schema describes it; `period`: "ROW START" or "ROW END" if it is system time."""

    name: str
    type: str
    generated: bool = False
    period: str = ""


def by_table(rows: Iterable[Sequence[object]]) -> dict[str, list[ContentColumn]]:
    """The columns of each table, from the rows that `COLUMNS` gave."""
    found: dict[str, list[ContentColumn]] = {}
    for table, name, type_, extra, expression in rows:
        words = str(expression).upper()
        period = words if words in ("ROW START", "ROW END") else ""
        generated = bool(period or words or _GENERATED.search(str(extra).upper()))
        column = ContentColumn(str(name), str(type_).lower(), generated, period)
        found.setdefault(str(table), []).append(column)
    return found


def query(place: str, columns: Sequence[ContentColumn], *, history: bool, rounded: bool) -> str:
    """COUNT(*) and the sum over the table at `place` ("`a`.`b`"): a SELECT without its first word."""
    items = [_item(column, rounded) for column in columns if not column.generated]
    if history:
        own = {column.period: column.name for column in columns if column.period}
        start, end = quoted(own.get("ROW START", "row_start")), quoted(own.get("ROW END", "row_end"))
        # A present row's end is the largest time of the server: that depends on its build.
        items += [f"CONCAT({start})", f"IF({end}>NOW(6),'N',CONCAT({end}))"]
    # CRC32 alone is linear: if two rows exchange a value, the sum too often stays the same.
    row = f"CONCAT_WS(',','',{','.join(items)})" if items else "''"
    of_all_time = " FOR SYSTEM_TIME ALL" if history else ""
    return f"COUNT(*), COALESCE(SUM(CRC32(CRC32({row}))),0) FROM {place}{of_all_time}"


def of_now(place: str, columns: Sequence[ContentColumn]) -> str:
    """The expressions: how many rows of now a table with system versioning has, and how many are valid for ever.

    They are as many, unless rows of now came from a server for which time ends at another moment.
    """
    end = next((column for column in columns if column.period == "ROW END"), None)
    if end is not None and not end.type.startswith("timestamp"):  # numbers of transactions
        return f"COUNT(*), COUNT(*) FROM {place}"
    name = quoted(end.name if end else "row_end")
    for_ever = f"SELECT COUNT(*) FROM {place} FOR SYSTEM_TIME ALL WHERE {name} >= '2038-01-19 03:14:07'"
    return f"COUNT(*), ({for_ever}) FROM {place}"


def _item(column: ContentColumn, rounded: bool) -> str:
    """A value as a word without a comma; N for NULL."""
    name = quoted(column.name)
    if column.type in _AS_TEXT:
        word = f"CONCAT({name})"
    elif column.type in _BY_NUMBER:  # an ENUM's two empty values differ
        word = f"CONCAT(CAST({name} AS UNSIGNED))"
    elif column.type == "float" and not rounded:
        word = f"IF({name}=0,'0',CONCAT({name}+0e0))"
    elif column.type in ("float", "double"):  # a dump's literal loses the sign of 0
        word = f"IF({name}=0,'0',CONCAT({name}))"
    else:  # bytes: not concatenated, because the server's longest text is soon reached
        word = f"CONCAT(LENGTH({name}),':',CRC32({name}))"
    return f"IFNULL({word},'N')"
