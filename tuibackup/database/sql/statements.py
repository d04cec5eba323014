"""Cuts a dump's SQL into the statements that a client would send, so that it can be restored without a client.

A restore runs text that came from a server. Commands of a client (`system`, `source`, `\\!`) do not exist here: the
server refuses what is not SQL, and what no dump contains (accounts, server settings, files) is refused before.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from tuibackup.database.sql.syntax import COMMENT, CUT_COMMENT, DASHES, Syntax
from tuibackup.errors import VaultError
from tuibackup.text import printable, shorten
from tuibackup.words import sentence

LONGEST = (1 << 30) + (1 << 20)  # no server takes a longer statement than 1 GiB
SHOWN = 80  # cells of a statement in a message


def _many(alternatives: bytes) -> re.Pattern[bytes]:
    """Matches up to a thousand of these, without backtracking; `_past` repeats it.

    `(?:…)*+` would do in one go, but up to Python 3.11.4 (Debian 12 has 3.11.2) it may stop in the middle of an
    alternative that did not match (cpython issue 106052); `(?>(?:…)*)` would keep every step of a long statement in
    memory.
    """
    return re.compile(rb"(?>(?:" + alternatives + rb"){0,1000})", re.DOTALL)


def _past(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where the last match in a row ends."""
    while (match := pattern.match(data, at)) and match.end() > at:
        at = match.end()
    return at


# The sandbox line is for clients; to servers it is a comment, to old ones an error.
_LEAD = _many(rb"\s++|" + COMMENT + rb"|/\*M?!999999\\- [^*\n]{0,80}\*/")
_REST = _many(rb"\s++|" + COMMENT + rb"|--[^\n]*+\Z|#[^\n]*+\Z")
_DELIMITER = re.compile(rb"[ \t]*delimiter[ \t]+(\S{1,16})[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_CUT_COMMENT = re.compile(CUT_COMMENT)  # where _LEAD ended: the comment is not complete yet
_WHOLE = 256  # bytes that hold the whole sandbox line, or the whole line of DELIMITER
_OPENING = rb"(?:\s|/\*M?!\d*|\()*"
_KIND = re.compile(_OPENING + rb"([a-z]+)", re.IGNORECASE)
_OF_DUMPS = frozenset(
    b"SET CREATE DROP ALTER INSERT REPLACE LOCK UNLOCK USE START BEGIN COMMIT DO SELECT ANALYZE".split()
)
_REFUSED = re.compile(
    _OPENING + rb"(?:SET\s+(?:GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE|DEFAULT)\b"
    rb"|(?:CREATE|DROP|ALTER)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|TABLESPACE|UNDO|LOGFILE|INSTANCE)\b"
    rb"|CREATE\s+(?:AGGREGATE\s+)?FUNCTION\s+[^(]{1,200}\bSONAME\b"
    rb"|(?:SELECT|DO)(?!\s+SETVAL\s*\())",
    re.IGNORECASE,
)
# The name of what a statement changes or removes; a dump writes them in this form, and others are refused.
_IDENTIFIER = rb"(?:`((?:[^`]|``)+)`|([\w$]+))"
_CHANGES = re.compile(
    _OPENING + rb"(?:(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO|ALTER\s+TABLE|LOCK\s+TABLES?"
    rb"|DROP\s+(?:TABLE|VIEW|SEQUENCE|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE(?:\s+BODY)?)"
    rb"|CREATE\s+(?:TABLE|SEQUENCE))\s+"
    rb"(?:/\*M?!\d*\s*IF\s+(?:NOT\s+)?EXISTS\s*\*/\s*|IF\s+(?:NOT\s+)?EXISTS\s+)?"
    + _IDENTIFIER
    + rb"(?P<qualified>\s*\.)?",
    re.IGNORECASE,
)
_CHANGING = frozenset(b"INSERT REPLACE ALTER LOCK DROP".split())
# Settings of the server that was dumped, which are not for the one that is restored into: left out.
_LEFT_OUT = re.compile(_OPENING + rb"SET\s+@@(?:GLOBAL\.GTID_PURGED|SESSION\.SQL_LOG_BIN)\b", re.IGNORECASE)
_SERVER_WIDE = re.compile(rb"@@(?:GLOBAL|PERSIST|PERSIST_ONLY)\s*\.[^,;=]{1,80}:?=", re.IGNORECASE)
_NAMES = re.compile(
    _OPENING + rb"(?:USE|(?:CREATE|DROP|ALTER)\s+(?:/\*M?!\d*\s*(?:OR\s+REPLACE\s*)?\*/\s*)?DATABASE)\s+"
    rb"(?:/\*M?!\d*\s*IF\s+(?:NOT\s+)?EXISTS\s*\*/\s*|IF\s+(?:NOT\s+)?EXISTS\s+)?"
    rb"(?:`((?:[^`]|``)+)`|([^\s;`*/]+))",
    re.IGNORECASE,
)


class Statements:
    """Iterates over the statements of `pieces`, without their delimiters and the comments before them.

    `syntax`: how strings and names are written; a dump changes it, so the caller that runs the statements sets it to
    what the server says (`sets_syntax` tells when).
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.syntax = Syntax()
        self._pieces = iter(pieces)
        self._data = b""
        self._at = 0  # where the statement begins
        self._ended = False
        self._delimiter = b";"

    def __iter__(self) -> Iterator[bytes]:
        while self._begin():
            end = self._end()
            statement = self._data[self._at : end]
            self._at = end + len(self._delimiter)
            if statement.strip():
                yield statement

    @property
    def setting(self) -> bool:
        """Whether the next one is a SET, which means the same in every syntax that dumps use."""
        return self._begin() and kind(self._data[self._at : self._at + _WHOLE]) == b"SET"

    def _more(self, least: int = 1) -> bool:
        """Read at least `least` bytes more, if possible; whether any came."""
        if self._ended:
            return False
        parts, came = [self._data[self._at :]], 0
        while came < least:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            parts.append(piece)
            came += len(piece)
        self._data, self._at = b"".join(parts), 0
        if len(self._data) > LONGEST + (8 << 20):
            raise VaultError(
                sentence(
                    "the dump holds a statement that does not end: {excerpt}", excerpt=excerpt(self._data)
                )
            )
        return came > 0

    def _begin(self) -> bool:
        """Go to where the next statement begins; False at the end of all."""
        while True:
            at = _past(_LEAD, self._data, self._at)
            if not self._ended and (len(self._data) - at < _WHOLE or _CUT_COMMENT.match(self._data, at)):
                self._more(max(1, len(self._data) - at))
                continue
            if found := _DELIMITER.match(self._data, at):
                self._delimiter = found[1]
                self._at = found.end()
                continue
            self._at = at
            return not self._only_rest(at)

    def _end(self) -> int:
        """Where the statement that begins at `_at` ends."""
        scanned = self._at
        while True:
            at = _past(_body(self._delimiter, self.syntax), self._data, scanned)
            if self._data.startswith(self._delimiter, at) and (
                at + len(self._delimiter) < len(self._data) or self._ended
            ):
                return at
            before = at - self._at
            # The statement is not complete. Each read doubles it, because it is scanned from its beginning again.
            if not self._more(max(1, len(self._data) - at)):
                if self._data.startswith(self._delimiter, at):
                    return at
                if at < len(self._data) and not self._only_rest(at):
                    what = excerpt(self._data[self._at :])
                    raise VaultError(
                        sentence("the dump ends in the middle of a statement: {what}", what=what)
                    )
                return len(self._data)
            scanned = self._at + before

    def _only_rest(self, at: int) -> bool:
        """Whether no statement follows."""
        return _past(_REST, self._data, at) >= len(self._data)


@cache
def _body(delimiter: bytes, syntax: Syntax) -> re.Pattern[bytes]:
    """Matches a statement up to its delimiter, or to where the data ends in the middle of a piece."""
    first = delimiter[:1]
    special = re.escape(first) if first not in b"'\"`#/-" else b""
    parts = [
        rb"[^'\"`#/\-" + special + syntax.leads + rb"]++" + syntax.wide,
        syntax.strings,
        syntax.names,
        DASHES,
        COMMENT,
        rb"/(?=[^*])|/\*(?=M?!)",
    ]
    if special and len(delimiter) > 1:
        # A single `;` within a body between DELIMITER ;; and DELIMITER ;
        parts.append(special + rb"(?!" + re.escape(delimiter[1:]) + rb")(?=.)")
    elif not special:
        raise VaultError(
            sentence(
                "the dump has a delimiter that is not understood: {delimiter}", delimiter=printable(delimiter)
            )
        )
    return _many(rb"|".join(parts))


def kind(statement: bytes) -> bytes:
    """Its first word in capitals (SET for "/*!40101 SET …"); b"" if it has none."""
    found = _KIND.match(statement)
    return found[1].upper() if found else b""


def left_out(statement: bytes) -> bool:
    """Whether a restore skips it."""
    return bool(_LEFT_OUT.match(statement))


def refuse_strange(statement: bytes) -> None:
    """Raise VaultError for a statement that no dump of databases contains."""
    word = kind(statement)
    strange = word not in _OF_DUMPS or _REFUSED.match(statement)
    if strange or (word == b"SET" and _SERVER_WIDE.search(statement)):
        raise VaultError(
            sentence("the dump holds a statement that no dump should: {excerpt}", excerpt=excerpt(statement))
        )


def named_database(statement: bytes) -> str | None:
    """The database that a statement uses, creates, drops, alters, or changes a table of; None if it names none.

    Raises VaultError if it changes something in a way that no dump does. Bodies of routines, triggers, events and
    views are not checked: a restore of them trusts the server that they came from.
    """
    if found := _NAMES.match(statement):
        return _plain(found)
    found = _CHANGES.match(statement)
    if found is None:
        if kind(statement) in _CHANGING:
            raise VaultError(
                sentence(
                    "the dump holds a statement that no dump should: {excerpt}", excerpt=excerpt(statement)
                )
            )
        return None
    return _plain(found) if found["qualified"] else None


def _plain(found: re.Match[bytes]) -> str:
    name = found[1].replace(b"``", b"`") if found[1] is not None else found[2]
    return name.decode("utf-8", "surrogateescape")


def excerpt(statement: bytes) -> str:
    """Its beginning, without the values of rows, for a message."""
    head = statement.lstrip()[: 4 * SHOWN]
    head = re.split(rb"(?i)\bvalues\b", head, maxsplit=1)[0]
    return shorten(printable(b" ".join(head.split())), SHOWN)
