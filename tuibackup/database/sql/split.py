"""Splits the stream of one dump program: each database's SQL goes into a file of its own.

A program that dumps several databases writes a head, the tables of each database one after the other, then the views
of each, and a foot. Every database gets the head, followed by settings; the foot is kept for the end of each. If a
database's tables come from several programs, what follows its tables (events, routines, views) is kept apart, so that
the other tables can be put before it. A stream of some tables of one database gives only these tables.
"""

import re
from collections import deque
from collections.abc import Callable

from tuibackup.database.sql.scan import Cut, Scanner
from tuibackup.database.sql.sqlfile import SqlFile
from tuibackup.remote.zstdjobs import Piece
from tuibackup.text import printable
from tuibackup.words import sentence

_LONGEST_FRAME = 256 << 10  # bytes of head or foot
_HOST = re.compile(rb"^(-- Host: [^\n]*Database: )[^\n]*$", re.MULTILINE)

Opener = Callable[[str], SqlFile | None]  # by the database's name; None: it was not asked for


class SplitError(Exception):
    """The stream cannot be split."""


class Splitter:
    """Give each piece of the stream to the scanner and then to `take`; at the end `finish`.

    `dump` opens a database's own file; `tail` the file for its events, routines and views: the same, or another.
    `settings` are statements that follow the head.
    """

    def __init__(self, scanner: Scanner, dump: Opener, tail: Opener, settings: bytes = b"") -> None:
        self.shifts: dict[
            str, int
        ] = {}  # to add to a place in the stream for the place in the database's file
        self._settings = settings
        self._scanner = scanner
        self._dump = dump
        self._tail = tail
        self._waiting: deque[Piece] = deque()
        self._at = 0  # where in the stream `_waiting` begins
        self._head = bytearray()
        self._foot = bytearray()
        self._begun: list[str] = []
        self._target: SqlFile | bytearray = self._head

    def take(self, piece: Piece) -> None:
        """The next piece. Raises SplitError, VaultError."""
        self._waiting.append(piece)
        self._sort()

    def finish(self) -> None:
        """The stream has ended, and the scanner knows it."""
        self._sort()
        self._rest()

    @property
    def foot(self) -> bytes:
        """The end of the stream's SQL, as far as it came."""
        return bytes(self._foot)

    def _sort(self) -> None:
        cuts = self._scanner.cuts
        while cuts and cuts[0].at <= self._scanner.safe:
            cut = cuts.popleft()
            self._pass(cut.at)
            self._cut(cut.at)
            self._change(cut)
        self._pass(self._scanner.safe)

    def _pass(self, end: int) -> None:
        """Write waiting pieces that end before `end` to the target, as they are."""
        while self._waiting and self._at + len(self._waiting[0].sql) <= end:
            piece = self._waiting.popleft()
            self._at += len(piece.sql)
            self._write(piece)

    def _cut(self, at: int) -> None:
        """Write the part of the next piece that lies before `at`; both halves lose its packed frame."""
        if self._at < at:
            sql = self._waiting.popleft().sql
            self._waiting.appendleft(Piece(sql[at - self._at :]))
            self._write(Piece(sql[: at - self._at]))
            self._at = at

    def _write(self, piece: Piece) -> None:
        if isinstance(self._target, SqlFile):
            self._target.write(piece.sql, piece.frame)
            return
        self._target += piece.sql
        if len(self._target) > _LONGEST_FRAME:
            raise SplitError(sentence("what the dump program wrote is not a dump of these databases"))

    def _change(self, cut: Cut) -> None:
        """Choose the target for what follows the cut."""
        self._rest()
        if cut.kind == "foot":
            self._target = self._foot
        elif cut.kind == "tail" or cut.name in self._begun:
            name = cut.name or (self._begun[-1] if self._begun else "")
            self._target = self._found(self._tail, name)
        else:
            self._target = self._found(self._dump, cut.name)
            if cut.name:
                head = _HOST.sub(lambda host: host[1] + _commented(cut.name), bytes(self._head))
                self._target.write(head + self._settings)
            self.shifts[cut.name] = self._target.length - cut.at
            self._begun.append(cut.name)

    def _rest(self) -> None:
        if isinstance(self._target, SqlFile):
            self._target.rest()

    def _found(self, opener: Opener, name: str) -> SqlFile:
        file = opener(name)
        if file is None:
            raise SplitError(
                sentence(
                    "the dump program wrote a database that it was not asked for: {name}",
                    name=printable(name),
                )
            )
        return file


def _commented(name: str) -> bytes:
    return printable(name).encode("utf-8", "replace")
