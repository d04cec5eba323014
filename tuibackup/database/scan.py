"""Reads a dump's SQL as it streams by: which objects are in it, where each table lies, whether it is complete.

The dump is never changed. What is found is compared with the inventory by `verdict`. Bodies of triggers, events
and routines are text of others and may hold any line, "-- Dump completed" too: they are passed over.
"""

import re
from collections import Counter
from dataclasses import dataclass

_NAME = rb"`(?:[^`]|``){0,600}`"  # 64 characters at most, doubled backticks included
_DEFINER = rb"DEFINER=(?:" + _NAME + rb"(?:@" + _NAME + rb")?|\S{1,400}) "
# Every statement and comment looked for begins a line ("^" is up to ten times slower to search for than "\n").
# Rows do too, in dumps of MariaDB since 10.7; a line break within a value is written as \n, so a line that begins
# with "(" among INSERTs is a row and nothing else.
_OUTSIDE = re.compile(
    rb"\n(?:"
    rb"-- (?P<head>Table structure for table|Sequence structure for|Temporary (?:table|view) structure for view) `"
    rb"|CREATE TABLE (?:IF NOT EXISTS )?(?P<table>" + _NAME + rb")"
    rb"|CREATE SEQUENCE (?:IF NOT EXISTS )?(?P<sequence>" + _NAME + rb")"
    rb"|/\*!50001 VIEW (?P<view>" + _NAME + rb")"
    rb"|(?P<insert>INSERT INTO )" + _NAME + rb"(?P<rows> VALUES(?=\n))?"
    rb"|(?P<unlock>UNLOCK TABLES;|/\*!40000 ALTER TABLE )"
    rb"|(?P<body>DELIMITER ;;)(?=\n)"
    rb"|-- (?P<part>Dumping (?:events|routines)|Current Database)"
    rb")"
)
# A body begins with the first of these after DELIMITER ;; and reaches to the line after its own ;;
_INSIDE = re.compile(
    rb"\n(?:"
    rb"/\*!50003 CREATE ?\*/ (?:/\*!50017 "
    + _DEFINER[:-1]
    + rb" ?\*/ )?/\*!50003 (?P<trigger>(?i:TRIGGER))\s"
    rb"|/\*!50106 CREATE ?\*/ (?:/\*!50117 " + _DEFINER[:-1] + rb" ?\*/ )?/\*!50106 (?P<event>EVENT) "
    rb"|CREATE (?:" + _DEFINER + rb")?(?:AGGREGATE )?(?P<routine>PROCEDURE|FUNCTION|PACKAGE(?: BODY)?) "
    rb"|(?P<end>(?<=;;\n)DELIMITER ;)(?=\n)"
    rb")"
)
_COMPLETED = re.compile(rb"\n-- Dump completed(?: on [^\n]{1,40})?\s{0,8}\Z")
_REACH = 32 << 10  # no mark is longer: with so many bytes after its begin it is there whole, or not at all
_CONTEXT = 2  # bytes before a line break that are looked at
_BATCH = 256 << 10
_END = 256  # bytes of the end in which the last line is looked for


@dataclass(slots=True)
class TablePart:
    """Where a table's statements lie in the SQL, in bytes. `rows` is None where the dump's form hides them."""

    name: str
    offset: int
    bytes: int = 0
    rows: int | None = 0


class Scanner:
    """Feed the SQL in chunks of any size, then `finish`."""

    def __init__(self) -> None:
        self.bytes = 0
        self.tables: dict[str, TablePart] = {}
        self.views: set[str] = set()
        self.objects: Counter[str] = Counter()  # "trigger", "routine", "event"
        self.completed = False
        self._data = bytearray(b"  \n")  # what is not done with, after _CONTEXT bytes that are
        self._start = -len(self._data)  # where that lies in the stream
        self._from = (
            _CONTEXT  # where in it the next mark is looked for: behind the last one, which may reach far
        )
        self._head = 0  # where the part begins whose CREATE has not come yet
        self._open: TablePart | None = None
        self._inserting = False
        self._inside = False  # between DELIMITER ;; and DELIMITER ;
        self._counted = False  # the object of this body

    def feed(self, chunk: bytes) -> None:
        """The next piece of the SQL."""
        self.bytes += len(chunk)
        self._data += chunk
        if len(self._data) > _BATCH:
            self._scan(len(self._data) - _REACH)

    def finish(self) -> None:
        """The stream has ended."""
        self.completed = bool(_COMPLETED.search(self._data[-_END:]))
        self._scan(len(self._data))
        self.completed = self.completed and not self._inside
        self._close(self.bytes)

    def _scan(self, limit: int) -> None:
        """Take the marks that begin before `limit`, count the rows up to there, and forget all that."""
        data = bytes(self._data)
        counted = at = self._from
        while match := (_INSIDE if self._inside else _OUTSIDE).search(data, at):
            if match.start() >= limit:
                break
            self._count(data, counted, match.start())
            counted = at = match.end()  # a name may hold what looks like a row
            if self._inside:
                self._body(match.lastgroup)
            else:
                self._mark(match, self._start + match.start() + 1)
        self._count(data, counted, limit)
        self._from = max(at, limit) - limit + _CONTEXT
        del self._data[: limit - _CONTEXT]
        self._start += limit - _CONTEXT

    def _count(self, data: bytes, begin: int, end: int) -> None:
        """Rows between two marks: lines that begin with a parenthesis."""
        if self._inserting and self._open is not None and self._open.rows is not None and begin < end:
            self._open.rows += data.count(b"\n(", begin, end + 1)

    def _body(self, kind: str | None) -> None:
        if kind == "end":
            self._inside = False
        elif kind is not None and not self._counted:
            self._counted = True
            self.objects[kind] += 1

    def _mark(self, match: re.Match[bytes], at: int) -> None:
        kind = match.lastgroup
        if kind in ("insert", "rows"):
            self._inserting = True
            if match["rows"] is None and self._open is not None:
                # Rows share a line (MySQL, MariaDB before 10.7; and the first one where columns are listed because
                # some are generated or invisible): counting them would mean parsing every value.
                self._open.rows = None
        elif kind == "unlock":
            self._inserting = False
        elif kind == "body":
            self._inside, self._counted = True, False
        elif kind == "head":
            self._close(at)
            self._head = at
        elif kind in ("table", "sequence"):
            if not self._inserting:
                name = _plain(match[kind])
                self._open = TablePart(name, self._head)
                self.tables[name] = self._open
        elif kind == "view":
            self.views.add(_plain(match["view"]))
        elif kind == "part":
            self._close(at)

    def _close(self, at: int) -> None:
        if self._open is not None:
            self._open.bytes = at - self._open.offset
            self._open = None
        self._inserting = False
        self._head = at


def _plain(quoted: bytes) -> str:
    """The name in backticks, as the inventory has it."""
    return quoted[1:-1].replace(b"``", b"`").decode("utf-8", "replace")
