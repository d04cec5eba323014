"""Reads a dump's SQL as it streams by: which objects are in it, where each table lies, whether it is complete.

`verdict` compares what is found with the inventory; `split` learns here where to cut a stream of several databases.
Bodies of triggers, events and routines are skipped, because they may hold any line, even "-- Dump completed".
"""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

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
    rb"|(?P<insert>INSERT INTO )"
    + _NAME
    + rb"(?P<values>(?: \((?:"
    + _NAME
    + rb"|[\w, ])*+\))? VALUES(?P<rows>(?=\n))?)?"
    rb"|(?P<unlock>UNLOCK TABLES;|/\*!40000 ALTER TABLE )"
    rb"|(?P<body>DELIMITER ;;)(?=\n)"
    rb"|-- (?P<part>Dumping (?:events|routines)) for database "
    rb"|-- (?P<current>Current Database): `"
    rb"|USE (?P<use>" + _NAME + rb");(?=\n)"
    rb"|(?P<foot>/\*!40103 SET TIME_ZONE=@OLD_TIME_ZONE \*/;)"
    rb")"
)
_NO_ROW = re.compile(rb"\n[^(]")  # only lines that are no rows are looked at: most are rows, and skipped fast
# A body begins with the first of these after DELIMITER ;; and reaches to the line after its own ;;
_INSIDE = re.compile(
    rb"\n(?:"
    rb"/\*!50003 CREATE ?\*/ (?:/\*!50017 "
    + _DEFINER[:-1]
    + rb" ?\*/ )?/\*!50003 (?P<trigger>(?i:TRIGGER))\s"
    rb"|/\*!50106 CREATE ?\*/ (?:/\*!50117 " + _DEFINER[:-1] + rb" ?\*/ )?/\*!50106 (?P<event>EVENT) "
    rb"|CREATE (?:" + _DEFINER + rb")?(?:AGGREGATE )?(?P<routine>PROCEDURE|FUNCTION|PACKAGE(?: BODY)?) "
    # The programs end no DELIMITER ;; between two events.
    rb"|/\*!50106 DROP EVENT IF EXISTS " + _NAME + rb" \*/;;(?P<again>\nDELIMITER ;;)(?=\n)"
    rb"|(?P<end>(?<=;;\n)DELIMITER ;)(?=\n)"
    rb")"
)
_STRING_END = re.compile(rb"(?:[^'\\]|\\.)*+'", re.DOTALL)
_STRING = re.compile(rb"'(?:[^'\\]|\\.)*+'", re.DOTALL)
_COMPLETED = re.compile(rb"\n-- Dump completed(?: on [^\n]{1,40})?\s{0,8}\Z")
_REACH = 32 << 10  # bytes; no mark is longer, so with so many bytes after its beginning it is complete
_CONTEXT = 4  # bytes before a line break that are looked at
_BATCH = 256 << 10
_END = 256  # bytes of the end in which the last line is looked for


@dataclass(slots=True)
class TablePart:
    """Where a table's statements lie in the SQL, in bytes. `rows` is None if the dump's form hides the number."""

    name: str
    offset: int
    bytes: int = 0
    rows: int | None = 0


@dataclass(slots=True)
class Contents:
    """What was found of one database. `longest`: bytes of the longest statement.

    `late`: where in the SQL the views begin that look into other databases; None if there are none.
    """

    tables: dict[str, TablePart] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    objects: Counter[str] = field(default_factory=Counter)  # "trigger", "routine", "event"
    longest: int = 0
    late: int | None = None


class Cut(NamedTuple):
    """A place where the stream may be cut.

    `kind`: "database" (what follows is of the database `name`), "tables" (the tables of a stream without database
    names begin), "tail" (events, routines and views follow), "foot" (the end of all).
    """

    kind: str
    at: int
    name: str = ""


class Scanner:
    """Feed the SQL in chunks of any size, then `finish`. `contents` by database; "" in a stream that names none.

    Before `safe` there are no cuts except those in `cuts`; the splitter removes each when it has cut there.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.contents: dict[str, Contents] = {}
        self.completed = False
        self.cuts: deque[Cut] = deque()
        # The bytes that are not scanned yet, after the last _CONTEXT bytes that are.
        self._data = b" " * _CONTEXT + b"\n"
        self._came: list[bytes] = []
        self._length = len(self._data)  # of _data and _came together
        self._start = -len(self._data)  # where _data begins in the stream
        self._from = _CONTEXT  # where in _data the search goes on: after the last mark, which may be long
        self._here = self._of("")
        self._named = False  # whether a database was named
        self._tables = False  # whether there were tables
        self._changing: int | None = None  # where a database's section begins, until its USE has come
        self._head = 0  # where a table's part begins, until its CREATE has come
        self._open: TablePart | None = None
        self._inserting = False
        self._row_counter: _RowCounter | None = None  # if rows share lines
        self._no_rows = 0  # lines since the last mark that are no rows
        self._inside = False  # between DELIMITER ;; and DELIMITER ;
        self._counted = False  # whether the object of this body was counted
        self._mark_before = 0  # where the last mark was

    @property
    def safe(self) -> int:
        """The place before which the stream may be cut at `cuts`."""
        if self._changing is not None:
            return min(self._changing, self._start)
        return max(0, self._start)

    def passed(self, name: str) -> bool:
        """Whether another database follows `name`: then `name` is not cut off."""
        here = self.contents.get(name)
        return here is not None and here is not self._here

    def feed(self, chunk: bytes) -> None:
        """The next piece of the SQL."""
        self.bytes += len(chunk)
        self._came.append(chunk)
        self._length += len(chunk)
        if self._length > _BATCH:
            self._scan(self._length - _REACH)

    def finish(self) -> None:
        """The stream has ended."""
        self._scan(self._length, last=True)
        self.completed = self.completed and not self._inside
        self._close(self.bytes)
        self._measure(self.bytes)
        self._changing, self._start = None, self.bytes
        if self._named and not self.contents[""].tables:
            del self.contents[""]

    def _of(self, name: str) -> Contents:
        return self.contents.setdefault(name, Contents())

    def _scan(self, limit: int, *, last: bool = False) -> None:
        """Take the marks that begin before `limit`, count the rows up to there, and forget all that."""
        data = b"".join((self._data, *self._came))
        if last:
            self.completed = bool(_COMPLETED.search(data[-_END:]))
        counted = at = self._from
        while match := (_INSIDE.search(data, at) if self._inside else self._outside(data, at, limit)):
            if match.start() >= limit:
                break
            self._count(data, counted, match.start())
            counted = at = match.end()  # so that a name that looks like a row is not counted
            self._measure(self._start + match.start())
            if self._inside:
                self._body(match.lastgroup)
            else:
                self._mark(match, self._start + match.start() + 1)
        self._count(data, counted, limit)
        self._from = max(at, limit) - limit + _CONTEXT
        self._data, self._came = data[limit - _CONTEXT :], []
        self._length = len(self._data)
        self._start += limit - _CONTEXT
        if self._changing is not None and self._start - self._changing > _REACH:
            self._changing = None  # no USE comes any more

    def _outside(self, data: bytes, at: int, limit: int) -> re.Match[bytes] | None:
        """The next mark outside of bodies, from `at` on. Counts the lines before it (and `limit`) that are no rows."""
        self._no_rows = 0
        while line := _NO_ROW.search(data, at):
            if mark := _OUTSIDE.match(data, line.start()):
                return mark
            at = line.start() + 1
            self._no_rows += at <= limit
        return None

    def _measure(self, at: int) -> None:
        self._here.longest = max(self._here.longest, at - self._mark_before)
        self._mark_before = at

    def _count(self, data: bytes, begin: int, end: int) -> None:
        """Count the rows between two marks: lines that begin with a parenthesis, unless rows share lines."""
        if (
            not self._inserting
            or self._inside
            or self._open is None
            or self._open.rows is None
            or begin >= end
        ):
            return
        if self._row_counter is not None:
            self._open.rows += self._row_counter.more(data[begin:end])
        else:
            # Counting one byte takes half the time of two: so all lines, less those that were seen to be no rows.
            self._open.rows += data.count(b"\n", begin, end) - self._no_rows
            if end == len(data):
                self._open.rows -= data.endswith(b"\n")  # nothing follows

    def _body(self, kind: str | None) -> None:
        if kind == "end":
            self._inside = False
        elif kind == "again":
            self._counted = False
        elif kind is not None and not self._counted:
            self._counted = True
            self._here.objects[kind] += 1

    def _mark(self, match: re.Match[bytes], at: int) -> None:
        kind = match.lastgroup
        if match["insert"]:
            self._insert(match)
        elif kind == "unlock":
            self._inserting = False
        elif kind == "body":
            self._inside, self._counted = True, False
        elif kind == "head":
            cut = self._cut(match, at)
            self._close(cut)
            self._head = at
            if not self._tables and not self._named:
                self.cuts.append(Cut("tables", cut))
            self._tables = True
        elif kind in ("table", "sequence"):
            if not self._inserting:
                name = _plain(match[kind])
                self._open = TablePart(name, self._head)
                self._here.tables[name] = self._open
        elif kind == "view":
            self._here.views.add(_plain(match["view"]))
        elif kind == "part":
            cut = self._cut(match, at)
            self._close(cut)
            self.cuts.append(Cut("tail", cut))
        elif kind == "current":
            self._changing = self._cut(match, at)
            self._close(self._changing)
        elif kind == "use":
            self._use(_plain(match["use"]))
        elif kind == "foot":
            self._close(at)
            self.cuts.append(Cut("foot", at))

    def _insert(self, match: re.Match[bytes]) -> None:
        self._inserting = True
        self._row_counter = None
        if self._open is None:
            return
        if match["values"] is None:
            self._open.rows = None
        elif match["rows"] is None and self._open.rows is not None:
            # Rows share a line: MySQL, MariaDB before 10.7, and tables with generated or invisible columns.
            self._row_counter = _RowCounter()
            self._open.rows += 1

    def _use(self, name: str) -> None:
        if self._changing is None:
            return
        self.cuts.append(Cut("database", self._changing, name))
        self._changing = None
        self._here = self._of(name)
        self._named = True

    def _cut(self, match: re.Match[bytes], at: int) -> int:
        """`at`, or where the line `--` above the comment begins, if there is one."""
        begin = match.start()
        above = match.string[max(0, begin - 3) : begin]
        return at - 3 if above == b"\n--" else at

    def _close(self, at: int) -> None:
        if self._open is not None:
            self._open.bytes = at - self._open.offset
            self._open = None
        self._inserting = False
        self._head = at


class _RowCounter:
    """Counts the separators between the rows of one INSERT; strings are skipped, because they may hold anything."""

    def __init__(self) -> None:
        self._within = False  # whether a string is open
        self._before = b""  # the last bytes outside of strings
        self._left = b""  # a backslash, until the next byte comes

    def more(self, text: bytes) -> int:
        """Separators in the next piece."""
        text, self._left = self._left + text, b""
        if (len(text) - len(text.rstrip(b"\\"))) % 2:
            text, self._left = text[:-1], b"\\"
        if self._within:
            end = _STRING_END.match(text)
            if end is None:
                return 0
            text = text[end.end() :]
        between, quote, _open = _STRING.sub(b"", text).partition(b"'")
        self._within = bool(quote)
        between = self._before + between.replace(b"\n", b"")
        self._before = between[-2:]
        return between.count(b"),(")


def _plain(quoted: bytes) -> str:
    """The name in backticks, as the inventory has it."""
    return quoted[1:-1].replace(b"``", b"`").decode("utf-8", "replace")
