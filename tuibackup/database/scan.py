"""Reads a dump's SQL as it streams by: which objects are in it, where each table lies, whether it is complete.

The dump is never changed. What is found is compared with the inventory by `verdict`.
"""

import re
from collections import Counter
from dataclasses import dataclass

# Every statement and comment looked for begins a line. Rows do too, in dumps of MariaDB since 10.7; a line break
# within a value is written as \n, so a line that begins with "(" among INSERTs is a row and nothing else.
_MARKS = re.compile(
    rb"^(?:"
    rb"-- (?P<head>Table structure for table|Sequence structure for|Temporary (?:table|view) structure for view) `"
    rb"|CREATE TABLE (?:IF NOT EXISTS )?`(?P<table>(?:[^`]|``)*)`"
    rb"|CREATE SEQUENCE (?:IF NOT EXISTS )?`(?P<sequence>(?:[^`]|``)*)`"
    rb"|/\*!50001 VIEW `(?P<view>(?:[^`]|``)*)`"
    rb"|(?P<insert>INSERT INTO )`"
    rb"|(?P<unlock>UNLOCK TABLES;)"
    rb"|/\*!50003 CREATE\*/.*?(?P<trigger>TRIGGER) "
    rb"|/\*!50106 CREATE\*/.*?(?P<event>EVENT) "
    rb"|CREATE (?:DEFINER=\S+ )?(?:AGGREGATE )?(?P<routine>PROCEDURE|FUNCTION|PACKAGE(?: BODY)?) "
    rb"|-- (?P<part>Dumping (?:events|routines)|Current Database)"
    rb"|-- Dump (?P<end>completed)"
    rb")",
    re.MULTILINE,
)
_KEEP = 64 << 10  # bytes of an unfinished line that are looked at again with the next chunk


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
        self._tail = b""
        self._head = 0  # where the part begins whose CREATE has not come yet
        self._open: TablePart | None = None
        self._inserting = False

    def feed(self, chunk: bytes) -> None:
        """The next piece of the SQL."""
        data = self._tail + chunk
        start = self.bytes - len(self._tail)
        self.bytes += len(chunk)
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _KEEP:
            cut = len(data)  # one row longer than that: nothing we look for is in it
        self._tail = data[cut:]
        self._scan(data[:cut] if cut < len(data) else data, start)

    def finish(self) -> None:
        """The stream has ended."""
        tail, self._tail = self._tail, b""
        self._scan(tail, self.bytes - len(tail))
        self._close(self.bytes)

    def _scan(self, data: bytes, start: int) -> None:
        at = 0
        for match in _MARKS.finditer(data):
            self._count(data, at, match.start())
            at = match.start()
            self._mark(match, start + at)
        self._count(data, at, len(data))

    def _count(self, data: bytes, begin: int, end: int) -> None:
        """Rows between two marks: lines that begin with a parenthesis."""
        if self._inserting and self._open is not None and self._open.rows is not None and begin < end:
            self._open.rows += data.count(b"\n(", begin, end) + (begin == 0 and data[:1] == b"(")

    def _mark(self, match: re.Match[bytes], at: int) -> None:
        kind = match.lastgroup
        if kind == "insert":
            self._inserting = True
            end = match.string.find(b"\n", match.start())
            if end < 0 or match.string[end - 7 : end] != b" VALUES":
                self._hide_rows()
        elif kind == "unlock":
            self._inserting = False
        elif kind == "head":
            self._close(at)
            self._head = at
        elif kind in ("table", "sequence"):
            if self._inserting:
                return
            name = match[kind].replace(b"``", b"`").decode("utf-8", "replace")
            self._open = TablePart(name, self._head)
            self.tables[name] = self._open
        elif kind == "view":
            self.views.add(match["view"].replace(b"``", b"`").decode("utf-8", "replace"))
        elif kind == "part":
            self._close(at)
        elif kind == "end":
            self.completed = True
        elif kind is not None:
            self.objects[kind] += 1

    def _hide_rows(self) -> None:
        """All rows in one line (MySQL, MariaDB before 10.7): counting them would mean parsing every value."""
        if self._open is not None:
            self._open.rows = None

    def _close(self, at: int) -> None:
        if self._open is not None:
            self._open.bytes = at - self._open.offset
            self._open = None
        self._inserting = False
        self._head = at
