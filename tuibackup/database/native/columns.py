"""Expressions by which the server writes each column of a table as SQL, so that a restore brings the same bytes.

The session has `SET NAMES binary`: so the server concatenates literals and columns as bytes and converts nothing.
The dump itself is UTF-8.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuibackup.database.inventory import quoted
from tuibackup.database.native.asking import as_text
from tuibackup.words import sentence

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"})
_FLOATING = frozenset({"float", "double", "real"})
_TIMES = frozenset({"date", "datetime", "timestamp", "time", "inet4", "inet6", "uuid"})
_CHOICES = frozenset({"enum", "set"})
_SHORT = frozenset({"char", "varchar", "binary", "varbinary", "tinytext", "tinyblob"})
_MARK = b"\0"  # stands for a long value; QUOTE writes NUL as backslash and 0, so a row has no such byte
_PIECE = 1 << 20  # bytes; a longer value is sent as it is and turned into SQL here
_WORST = 8  # bytes of SQL at most for a byte of a value, in any character set
_SPARE = 4096
_COMMA = ",',',"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as information_schema describes it. `octets`: bytes of the longest value, 0 if not known."""

    name: str
    type: str  # DATA_TYPE
    charset: str = ""  # "" if it is not text
    nullable: bool = True
    generated: bool = False
    octets: int = 0
    period: str = ""  # "START" or "END" of a row's system time

    @property
    def utf8(self) -> bool:
        return self.charset in ("utf8mb4", "utf8mb3", "utf8")


@dataclass(frozen=True, slots=True)
class Row:
    """One table's rows: what to select, and the columns of the answer that hold `long` values as they are."""

    select: str
    long: tuple[Column, ...]

    def text(self, values: Sequence[bytes | None]) -> bytes:
        """The row whose answer is `values`: the SQL with marks, then the long values in order."""
        if len(values) != 1 + len(self.long) or values[0] is None:
            raise ValueError(sentence("a row that cannot be read"))
        pieces = values[0].split(_MARK)
        given = [
            literal(column, value)
            for column, value in zip(self.long, values[1:], strict=True)
            if value is not None
        ]
        if len(pieces) != len(given) + 1:
            raise ValueError(sentence("a row that cannot be read"))
        joined = [escaped(pieces[0])]
        for value, piece in zip(given, pieces[1:], strict=True):
            joined += [value, escaped(piece)]
        return b"".join(joined)


def column_of(
    name: bytes | None, type_: bytes | None, charset: bytes | None, nullable: bytes | None, extra: bytes | None,
    expression: bytes | None, octets: bytes | None,
) -> Column:  # fmt: skip
    """A column from its row of information_schema."""
    generating = as_text(expression or b"").upper()
    period = generating.removeprefix("ROW ") if generating in ("ROW START", "ROW END") else ""
    return Column(
        name=as_text(name),
        type=as_text(type_).lower(),
        charset=as_text(charset or b""),
        nullable=as_text(nullable) == "YES",
        generated=bool(generating) or bool(re.search(r"\b(VIRTUAL|STORED) GENERATED", as_text(extra or b""))),
        octets=int(octets or 0),
        period=period,
    )


def period_columns(found: list[Column]) -> list[Column]:
    """The two columns of system time: the table's own, or the hidden ones."""
    own = {column.period: column.name for column in found if column.period}
    return [
        Column(own.get(period, f"row_{period.lower()}"), "timestamp", nullable=False)
        for period in ("START", "END")
    ]


def base_columns(found: Iterable[Column]) -> list[Column]:
    """The columns whose values are written."""
    return [column for column in found if not column.generated]


def selection(columns: Sequence[Column], packet: int) -> Row:
    """How to ask for the rows of `columns`; `packet`: the server's max_allowed_packet in bytes.

    A function whose result is larger than that gives NULL, and a warning that nobody reads. So values that might make
    it so large are sent as columns of their own.
    """
    spare = packet - _SPARE - _WORST * sum(column.octets for column in columns if column.type in _SHORT)
    apart = [column for column in columns if _unbounded(column) or (spare < 0 and column.type in _SHORT)]
    limit = min(_PIECE, max(0, spare) // _WORST // max(1, len(apart)))
    words = []
    extra = []
    for column in columns:
        written = expression(column)
        if column in apart:
            name = quoted(column.name)
            written = f"IF(LENGTH({name})>{limit},'\\0',{written})"
            extra.append(f",IF(LENGTH({name})>{limit},{name},NULL)")
        words.append(written)
    if not words:  # every column is generated, but the rows count
        return Row("'()'", ())
    return Row(f"CONCAT('(',{_COMMA.join(words)},')'){''.join(extra)}", tuple(apart))


def expression(column: Column) -> str:
    """An expression that gives the column's value as a literal, or the word NULL."""
    name = quoted(column.name)
    if column.charset or column.type == "json":
        return _text(column, name)
    if column.type in _NUMBERS:
        written = name
    elif column.type in _FLOATING:
        # + 0e0 prints all digits of a FLOAT. A DOUBLE does so by itself, and MySQL cuts a sum at 22 characters.
        # Zero is quoted, because a bare literal loses the sign of MySQL's -0.
        exact = f"{name}+0e0" if column.type == "float" else name
        written = f"IF({name}=0,CONCAT('\\'',{name},'\\''),{exact})"
    elif column.type == "bit":
        written = f"CONCAT('0x',HEX({name}))"
    elif column.type in _TIMES:
        written = f"CONCAT('\\'',{name},'\\'')"
    else:  # binary, blob, geometry, vector: bytes; an empty 0x would be an error
        written = f"CONCAT('X\\'',HEX({name}),'\\'')"
    return f"IFNULL({written},'NULL')" if column.nullable else written


def _text(column: Column, name: str) -> str:
    """Text; a value that does not survive the way through UTF-8 is written in hex with its character set."""
    if column.utf8 or column.type == "json":
        written = f"QUOTE({name})"
    else:
        written = f"QUOTE(CONVERT({name} USING utf8mb4))"
        if column.charset != "latin1" and column.type not in _CHOICES:
            back = f"CONVERT(CONVERT({name} USING utf8mb4) USING {column.charset})"
            written = (
                f"IF(CAST({back} AS BINARY)<>CAST({name} AS BINARY),"
                f"CONCAT('_{column.charset} X\\'',HEX({name}),'\\''),{written})"
            )
    if column.type in _CHOICES:
        # The empty value of an ENUM may be its error value 0 or a member of its own: the number tells.
        written = f"IF({name}='',{name}+0,{written})"
    return written


def literal(column: Column, value: bytes) -> bytes:
    """A long value that was sent as it is."""
    if column.utf8 or column.type == "json":
        return (
            b"'" + escaped(value.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0")) + b"'"
        )
    introducer = b"_" + column.charset.encode() + b" " if column.charset else b""
    return introducer + b"X'" + value.hex().upper().encode() + b"'"


def escaped(sql: bytes) -> bytes:
    """`sql` in one line. QUOTE keeps line breaks, but a client may change them, and the scanner counts lines."""
    return sql.replace(b"\n", b"\\n").replace(b"\r", b"\\r")


def joined(rows: Sequence[bytes]) -> bytes:
    """Rows without long values as lines of an INSERT."""
    return escaped(_MARK.join(rows)).replace(_MARK, b",\n")


def _unbounded(column: Column) -> bool:
    return column.type not in _SHORT | _NUMBERS | _FLOATING | _TIMES | _CHOICES | {"bit"}
