"""What a server refuses of a dump while it is restored: object by object, in the server's own words.

One object's trouble stays its own: statements about a table that could not be created are skipped, and the rest is
restored. The restore ends only if the rest makes no sense, because the database itself cannot be created.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from tuibackup.database.restore.direction import UnknownThereError
from tuibackup.database.sql.statements import kind, named_database
from tuibackup.errors import DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence

_QUOTED = rb"`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\""
_WHAT = rb"TABLE|VIEW|TRIGGER|PROCEDURE|FUNCTION|PACKAGE(?:\s+BODY)?|EVENT|SEQUENCE"
# DEFINER and the like may hold any name, so quoted names are skipped as a whole.
_OBJECT = re.compile(
    rb"(?:CREATE|ALTER|DROP)\b(?:" + _QUOTED + rb"|'[^']*'|[^`\"'()]){0,80}?\b(?P<what>" + _WHAT + rb")\s+"
    rb"(?:(?:/\*M?!\d*\s*)?IF\s+(?:NOT\s+)?EXISTS\s*(?:\*/\s*)?)?(?P<name>" + _QUOTED + rb"|[\w$]+)",
    re.IGNORECASE,
)
_ROWS = re.compile(
    rb"(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+(?P<name>" + _QUOTED + rb"|[\w$]+)", re.IGNORECASE
)
_STANDING = re.compile(rb"DO\s+SETVAL\s*\(\s*(?P<name>" + _QUOTED + rb"|[\w$]+)", re.IGNORECASE)
_HEAD = 2048  # bytes of a statement in which its object is named
# Errors by which the server lacks something, and the dump is not at fault: a character set, loadable function,
# collation, engine, feature, foreign server, plugin, option or type.
_LACKS = frozenset({1115, 1128, 1273, 1286, 1289, 1477, 1524, 1911, 4161})
_NO_TABLE, _WRONG_OPTIONS = (
    (1146, 1356),
    1005,
)  # 1005 means wrong options if the storage engine says errno 140
_OF_ANOTHER_VENDOR = frozenset({1064, 1193, 1231, 1235, 1305, 1901})  # words that only the other vendor knows
_OTHER_ENGINE = 1266  # the server's warning that it used another engine


class Refusals:
    """Sentences: `refused` (could not be created), `lacking` (the server lacks what the object needs), `changed` (the
    server made something else of it).

    `unmade`: by database, the names of the objects in `lacking`.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.lacking: list[str] = []
        self.unmade: defaultdict[str, set[str]] = defaultdict(set)
        self.changed: list[str] = []
        self._database = ""
        self._missing: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str]] = set()

    def follow(self, statement: bytes) -> None:
        """Note which database the next statements use."""
        if kind(statement) == b"USE":
            self._database = named_database(statement) or self._database

    def concern(self, statement: bytes) -> bool:
        """Whether it is about an object that could not be created, so that it would only fail."""
        about = _about(statement)
        return about is not None and (self._database, about[1]) in self._missing

    def take(self, statement: bytes, error: DatabaseError, *, foreign: bool = False) -> bool:
        """Note that the server refuses it; whether the rest can go on. `foreign`: the dump is another vendor's."""
        about = _about(statement)
        words = error.message.partition("says: ")[2] or error.message
        lacks = self._lacks(error, words, foreign=foreign)
        if about is None:
            if lacks and kind(statement) == b"SET":  # what follows is created without the setting
                if ("set", words) not in self._told:
                    self.changed.append(f"{printable(self._database)}: {words}")
                self._told.add(("set", words))
                return True
            return False
        what, name = about
        if what in ("table", "sequence"):
            self._missing.add((self._database, name))
        if (what, name) not in self._told:
            self._told.add((what, name))
            subject = sentence("its rows") if what == "rows" else sentence("this {what}", what=sentence(what))
            if lacks:
                self.unmade[self._database].add(name)
                self.lacking.append(
                    sentence(
                        "{named}: {subject} could not be tested because the server lacks something: {words}",
                        named=self._named(name),
                        subject=subject,
                        words=words,
                    )
                )
            else:
                self.refused.append(
                    sentence(
                        "{named}: {subject} cannot be restored: {words}",
                        named=self._named(name),
                        subject=subject,
                        words=words,
                    )
                )
        return True

    def _lacks(self, error: DatabaseError, words: str, *, foreign: bool) -> bool:
        """Whether the server lacks something, or an object that is missing for that reason."""
        number = error.number
        if isinstance(error, UnknownThereError) or number in _LACKS:
            return True
        if number in _NO_TABLE:
            return any(
                f"'{database}.{name}'" in words for database, names in self.unmade.items() for name in names
            )
        return (number == _WRONG_OPTIONS and "errno: 140" in words) or (
            foreign and number in _OF_ANOTHER_VENDOR
        )

    def note(self, statement: bytes, warnings: Sequence[tuple[int, str]]) -> None:
        """The server accepted it with `warnings`: number and words of each."""
        about = _about(statement)
        if about is not None and any(number == _OTHER_ENGINE for number, _words in warnings):
            self.changed.append(f"{self._named(about[1])}: {'; '.join(words for _number, words in warnings)}")

    def _named(self, name: str) -> str:
        return ".".join(printable(part) for part in (self._database, name) if part)


def _about(statement: bytes) -> tuple[str, str] | None:
    """The kind and the name of the object that a statement is about; None if it is about none."""
    head = statement[:_HEAD]
    for pattern in (_ROWS, _STANDING, _OBJECT):
        if (found := pattern.search(head)) is not None and kind(head) == kind(found[0]):
            what = (
                "rows" if pattern is _ROWS else "sequence" if pattern is _STANDING else _word(found["what"])
            )
            return what, _plain(found["name"])
    return None


def _word(what: bytes) -> str:
    return " ".join(what.decode().lower().split())


def _plain(name: bytes) -> str:
    quote = name[:1]
    if quote in b'`"':
        name = name[1:-1].replace(quote * 2, quote)
    return name.decode("utf-8", "surrogateescape")
