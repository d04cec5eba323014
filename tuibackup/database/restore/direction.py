"""Translates a dump between MySQL and MariaDB, and between their series.

Both ignore each other's conditional comments (`/*!80016 …*/`, `/*M!100616 …*/`), so little is left to translate. What
has an equivalent is replaced and reported; for the rest an error of one line names it. Strings, names and comments are
never changed, nor are rows: but for the moment that says of a row with system versioning that it is a row of now.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from tuibackup.database.restore.target import TargetServer
from tuibackup.database.sql.statements import excerpt, kind
from tuibackup.database.sql.syntax import COMMENT, USUAL, Syntax
from tuibackup.database.version import series, vendor
from tuibackup.errors import DatabaseError, VaultError
from tuibackup.text import printable
from tuibackup.vault.restore.dumps import Dump
from tuibackup.words import later, sentence

_HEAD = 64 << 10
_SERVER_VERSION = re.compile(rb"^-- Server version\s+(\S{1,120})", re.MULTILINE)
_SQL_MODE = re.compile(rb"(?i)\bsql_mode\s*=\s*'[^']*'")
_NO_AUTO_CREATE_USER = re.compile(rb",?NO_AUTO_CREATE_USER|(?<=')NO_AUTO_CREATE_USER,")
_ROWS = frozenset({b"INSERT", b"REPLACE"})
# Until when a row of now is valid in a table with system versioning: the last moment of a TIMESTAMP, which MariaDB
# moved in 11.5. A row that is valid until another moment is history, however far away, and the table looks empty.
_HISTORY = re.compile(rb"system_versioning_insert_history=(1\b)?")
_FOR_EVER, _FOR_EVER_BEFORE_11_5 = b"'2106-02-07 06:28:15.999999'", b"'2038-01-19 03:14:07.999999'"

_UNICODE = re.compile(r"(utf8mb4|utf8mb3|utf8)_(?:0900|uca1400(?:_nopad)?)_(ai_ci|as_ci|as_cs)")
_BINARY = ("utf8mb4_0900_bin", "utf8mb4_nopad_bin", "utf8mb4_bin")
# What only MariaDB knows, as its dumps write it outside of conditional comments.
_MARIADB_ONLY = {
    later("a sequence"): re.compile(rb"(?i)\s*CREATE SEQUENCE\b"),
    later("a package"): re.compile(rb"(?i)\s*CREATE (?:DEFINER=\S+ )?PACKAGE\b"),
    later("system versioning"): re.compile(rb"(?i)\bWITH SYSTEM VERSIONING\b"),
    later("a column of type uuid, inet4 or inet6"): re.compile(rb"(?im)^\s*`` (?:uuid|inet[46])\b"),
    later("the storage engine Aria"): re.compile(rb"(?i)\)\s*ENGINE=Aria\b"),
}


def source_version(dump: Dump) -> str:
    """The version of the server that was dumped, from the dump's head; "" if it is missing or damaged."""
    try:
        head = next(dump.part(0, min(_HEAD, dump.length)), b"")
    except VaultError:  # the restore itself reports it
        return ""
    found = _SERVER_VERSION.search(head)
    return printable(found[1]) if found else ""


def same_series(source: str, target: TargetServer) -> bool:
    """Whether both servers are of one vendor and series, so that CHECKSUM TABLE means the same in both."""
    return bool(source) and vendor(source) == target.vendor and series(source) == series(target.version)


class UnknownThereError(DatabaseError):
    """The target does not know something that a statement needs; the rest of the dump can still be restored."""


class Direction:
    """Translates statements of a dump from `source` (its version) for `target`. `told`: what was replaced by what."""

    def __init__(self, source: str, target: TargetServer) -> None:
        self.told: dict[str, str] = {}
        self._target = target
        self._source = vendor(source) if source else target.vendor
        self.across = self._source != target.vendor
        self._history = False  # rows are inserted now with the time in which they were valid
        ends = _for_ever(source or target.version), _for_ever(target.version)
        moved = self._source == target.vendor == "MariaDB" and ends[0] != ends[1]
        self._for_ever = ends if moved else None

    def translate(self, statement: bytes, syntax: Syntax = USUAL) -> bytes:
        """The statement, written in `syntax`, for the target. Raises DatabaseError that names what it does not know."""
        word = kind(statement)
        if word in _ROWS:
            return statement.replace(*self._for_ever) if self._for_ever and self._history else statement
        for found in _HISTORY.finditer(statement):
            self._history = found[1] is not None
        if self.across and self._target.vendor == "MySQL":
            self._refuse(statement, syntax, _MARIADB_ONLY.items())
            if word == b"SET":
                statement = _SQL_MODE.sub(lambda found: _NO_AUTO_CREATE_USER.sub(b"", found[0]), statement)
        return _grammar(syntax).sub(self._collation, statement)

    def _refuse(
        self, statement: bytes, syntax: Syntax, foreign: Iterable[tuple[str, re.Pattern[bytes]]]
    ) -> None:
        bare = _grammar(syntax).sub(_bare, statement)
        for what, pattern in foreign:
            if pattern.search(bare):
                raise UnknownThereError(
                    sentence(
                        "{target}: {words} does not know {what}, which the dump of {source} needs: {excerpt}",
                        target=self._target.name,
                        words=self._target.words,
                        what=what,
                        source=self._source,
                        excerpt=excerpt(statement),
                    ),
                    sentence("restore into a MariaDB, or remove that from the dump by hand"),
                )

    def _collation(self, found: re.Match[bytes]) -> bytes:
        if found["collation"] is None:
            return found[0]
        written = found["collation"].strip(b"'\"`")
        name = written.decode("ascii", "replace").lower()
        known = self._target.collations
        if name in known or name == "default":
            return found[0]
        for other in _equivalents(name):
            if other in known:
                if not _alike(name, other):
                    self.told[name] = other
                before = found[0][: found.start("collation") - found.start()]
                return before + found["collation"].replace(written, other.encode())
        raise UnknownThereError(
            sentence(
                "{target}: {words} does not know the collation {name}, which the dump of {source} uses",
                target=self._target.name,
                words=self._target.words,
                name=printable(name),
                source=self._source,
            ),
            sentence("restore into a server of the same vendor and series"),
        )


def _for_ever(version: str) -> bytes:
    """The end of what is valid now, as a server of that version writes it."""
    return _FOR_EVER if series(version) >= (11, 5) else _FOR_EVER_BEFORE_11_5


def _equivalents(name: str) -> Iterator[str]:
    """Other names of a collation, then similar ones, the best first."""
    set_, _, rest = name.partition("_")
    if set_ in ("utf8", "utf8mb3"):  # MariaDB since 10.6 and MySQL since 8.0.30 say utf8mb3
        yield f"{'utf8mb3' if set_ == 'utf8' else 'utf8'}_{rest}"
    if set_ == "uca1400":  # a name without its set, of MariaDB since 10.10
        name, set_ = f"utf8mb4_{name}", "utf8mb4"
        yield name
    if name in _BINARY:
        yield from _BINARY
    if found := _UNICODE.fullmatch(name):
        sets = ("utf8mb4",) if found[1] == "utf8mb4" else ("utf8mb3", "utf8")
        yield from (
            f"{one}_{kind}_{found[2]}" for one in sets for kind in ("0900", "uca1400_nopad", "uca1400")
        )
        if found[2] == "ai_ci":
            yield from (f"{one}_{kind}_ci" for one in sets for kind in ("unicode_520", "unicode"))
    if "_nopad_" in name:
        yield name.replace("_nopad_", "_")


def _alike(name: str, other: str) -> bool:
    """Whether both are names of the same collation."""
    return (
        name.replace("utf8mb3_", "utf8_") == other.replace("utf8mb3_", "utf8_") or other == f"utf8mb4_{name}"
    )


@cache
def _grammar(syntax: Syntax) -> re.Pattern[bytes]:
    """Matches a statement piece by piece; `collation` is a name where the grammar has a collation."""
    name = rb"(?:\w+|'\w+'|\"\w+\"|`\w+`)"
    return re.compile(
        rb"(?P<string>" + syntax.strings + rb")|(?P<name>" + syntax.names + rb")|(?P<comment>" + COMMENT + rb")"
        rb"|(?:COLLATE(?![\w$\x80-\xff])\s*=?|(?:@@)?(?:SESSION\s*\.\s*)?COLLATION_(?:CONNECTION|DATABASE|SERVER)\s*:?=)\s*"
        rb"(?P<collation>" + name + rb")"
        rb"|\.\s*[\w$\x80-\xff]+|[\w$@\x80-\xff]+|\s+|.",
        re.IGNORECASE | re.DOTALL,
    )  # fmt: skip


def _bare(found: re.Match[bytes]) -> bytes:
    """A piece of a statement, with the text of strings, names and comments removed."""
    return {"string": b"''", "name": b"``", "comment": b" "}.get(found.lastgroup or "", found[0])
