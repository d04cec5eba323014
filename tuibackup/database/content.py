"""A table's content as one number, which every server gives for the same rows, however it stores them.

CHECKSUM TABLE is cheaper, and of use where only plain columns are looked at: it goes over the bytes of a server's row
buffer. Of a table with generated columns, of one whose old rows are kept, of FLOAT and of times in the format of
MariaDB 5.3 it gives another number once such a table was restored. MySQL's is another one than MariaDB's.

So each base column's value is written in one way only (`_item`), what is generated from them is not looked at, and the
rows' numbers are added up: the order does not count, but every value, every NULL, and how often a row is there.
docs/vault-format.md tells the form, so that it can be taken with a client program, too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuibackup.database.inventory import quoted

FORM = 1
# What a value's text depends on in a session. The rest is the same everywhere.
SETTINGS = "SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'"
# Of the tables of one database, to be called with it and the names.
COLUMNS = (
    "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, EXTRA, COALESCE(GENERATION_EXPRESSION, '')"
    " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN ({})"
    " ORDER BY TABLE_NAME, ORDINAL_POSITION"
)
# Tables of which CHECKSUM TABLE says nothing once they are restored.
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
    """The number of a table's rows, `sum`, and what it is of.

    `history`: rows of all time, with when they were there. `rounded`: FLOAT with six digits, as dump programs write it.
    """

    sum: int
    history: bool = False
    rounded: bool = False

    def document(self) -> dict[str, Any]:
        """As tables.json has it."""
        return {"form": FORM, "sum": self.sum, "history": self.history, "rounded": self.rounded}


def recorded(document: object) -> Content | None:
    """The content that `document` tells; None for none, or of a form that a later tuibackup has taken."""
    if not isinstance(document, Mapping) or document.get("form") != FORM:
        return None
    number = document.get("sum")
    if not isinstance(number, int):
        return None
    return Content(number, bool(document.get("history")), bool(document.get("rounded")))


@dataclass(frozen=True, slots=True)
class ContentColumn:
    """A column as information_schema has it; `period`: "ROW START" or "ROW END" of a row that the server keeps."""

    name: str
    type: str
    generated: bool = False
    period: str = ""


def by_table(rows: Iterable[Sequence[object]]) -> dict[str, list[ContentColumn]]:
    """What `COLUMNS` gave."""
    found: dict[str, list[ContentColumn]] = {}
    for table, name, type_, extra, expression in rows:
        words = str(expression).upper()
        period = words if words in ("ROW START", "ROW END") else ""
        generated = bool(period or words or _GENERATED.search(str(extra).upper()))
        column = ContentColumn(str(name), str(type_).lower(), generated, period)
        found.setdefault(str(table), []).append(column)
    return found


def query(place: str, columns: Sequence[ContentColumn], *, history: bool, rounded: bool) -> str:
    """The expressions COUNT(*) and the sum over the table at `place` ("`a`.`b`"), from SELECT's second word on."""
    items = [_item(column, rounded) for column in columns if not column.generated]
    if history:
        own = {column.period: column.name for column in columns if column.period}
        start, end = quoted(own.get("ROW START", "row_start")), quoted(own.get("ROW END", "row_end"))
        # Until when a row of now is valid depends on the server's bits.
        items += [f"CONCAT({start})", f"IF({end}>NOW(6),'N',CONCAT({end}))"]
    # CRC32 alone is linear: of two rows that exchange a value the sums are too often the same.
    row = f"CONCAT_WS(',','',{','.join(items)})" if items else "''"
    of_all_time = " FOR SYSTEM_TIME ALL" if history else ""
    return f"COUNT(*), COALESCE(SUM(CRC32(CRC32({row}))),0) FROM {place}{of_all_time}"


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
    else:  # bytes: not put together, for the server's longest text is soon reached
        word = f"CONCAT(LENGTH({name}),':',CRC32({name}))"
    return f"IFNULL({word},'N')"
