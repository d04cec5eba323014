"""From MySQL to MariaDB and back: what of one vendor's dump the other does not understand.

Both pass over each other's conditional comments (`/*!80016 …*/`, `/*M!100616 …*/`), so little is left. What has an
equivalent is replaced and told; for the rest there is one line that names it. Rows are never touched.
"""

import re
from collections.abc import Iterable

from tuibackup.database.statements import excerpt, kind
from tuibackup.database.target import TargetServer, series, vendor
from tuibackup.errors import DatabaseError, VaultError
from tuibackup.text import printable
from tuibackup.vault.dumps import Dump

_HEAD = 64 << 10
_SERVER_VERSION = re.compile(rb"^-- Server version\s+(\S{1,120})", re.MULTILINE)
_COLLATION = re.compile(
    rb"(?i)(\bCOLLATE\s*=?\s*|\bcollation_connection\s*=\s*'?|\bcollation_database\s*=\s*'?)(\w+)"
)
_SQL_MODE = re.compile(rb"(?i)\bsql_mode\s*=\s*'[^']*'")
_NO_AUTO_CREATE_USER = re.compile(rb",?NO_AUTO_CREATE_USER|(?<=')NO_AUTO_CREATE_USER,")
_ROWS = frozenset({b"INSERT", b"REPLACE"})

# Next best collations, in the order of preference.
_EQUIVALENT = {
    "utf8mb4_0900_ai_ci": ("utf8mb4_uca1400_ai_ci", "utf8mb4_unicode_520_ci", "utf8mb4_unicode_ci"),
    "utf8mb4_0900_as_ci": ("utf8mb4_uca1400_as_ci",),
    "utf8mb4_0900_as_cs": ("utf8mb4_uca1400_as_cs",),
    "utf8mb4_0900_bin": ("utf8mb4_nopad_bin", "utf8mb4_bin"),
    "utf8mb4_uca1400_ai_ci": ("utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_ci"),
    "utf8mb4_uca1400_as_ci": ("utf8mb4_0900_as_ci",),
    "utf8mb4_uca1400_as_cs": ("utf8mb4_0900_as_cs",),
    "utf8mb4_nopad_bin": ("utf8mb4_0900_bin",),
}
# What only MariaDB has, as it stands in its dumps outside of conditional comments.
_MARIADB_ONLY = {
    "a sequence": re.compile(rb"(?i)\s*CREATE SEQUENCE\b"),
    "a package": re.compile(rb"(?i)\s*CREATE (?:DEFINER=\S+ )?PACKAGE\b"),
    "system versioning": re.compile(rb"(?i)\bWITH SYSTEM VERSIONING\b"),
    "a column of type uuid, inet4 or inet6": re.compile(rb"(?im)^\s*`(?:[^`]|``)+` (?:uuid|inet[46])\b"),
    "the storage engine Aria": re.compile(rb"(?i)\)\s*ENGINE=Aria\b"),
}


def source_version(dump: Dump) -> str:
    """The version of the server that was dumped, as the dump tells; "" where it does not (or is damaged)."""
    try:
        head = next(dump.part(0, min(_HEAD, dump.length)), b"")
    except VaultError:  # whoever restores it says so
        return ""
    found = _SERVER_VERSION.search(head)
    return printable(found[1]) if found else ""


def same_series(source: str, target: TargetServer) -> bool:
    """Whether both servers are of one vendor and series, so that CHECKSUM TABLE means the same in both."""
    return bool(source) and vendor(source) == target.vendor and series(source) == series(target.version)


class Direction:
    """Makes the statements of a dump from `source` (its version) understood by `target`. `told`: what was replaced."""

    def __init__(self, source: str, target: TargetServer) -> None:
        self.told: dict[str, str] = {}
        self._target = target
        self._source = vendor(source) if source else target.vendor
        self._across = self._source != target.vendor

    def translate(self, statement: bytes) -> bytes:
        """The statement for the target. Raises DatabaseError that names what is in the way."""
        if kind(statement) in _ROWS:
            return statement
        if self._across and self._target.vendor == "MySQL":
            self._refuse(statement, _MARIADB_ONLY.items())
            statement = _SQL_MODE.sub(lambda found: _NO_AUTO_CREATE_USER.sub(b"", found[0]), statement)
        return _COLLATION.sub(self._collation, statement)

    def _refuse(self, statement: bytes, foreign: Iterable[tuple[str, re.Pattern[bytes]]]) -> None:
        for what, pattern in foreign:
            if pattern.search(statement):
                raise DatabaseError(
                    f"{self._target.name}: {self._target.words} does not know {what}, which the dump of"
                    f" {self._source} has: {excerpt(statement)}",
                    "restore into a MariaDB, or leave that out by hand",
                )

    def _collation(self, found: re.Match[bytes]) -> bytes:
        name = found[2].decode("ascii", "replace")
        known = self._target.collations
        if name in known or not name.startswith(("utf8", "latin", "ucs", "utf16", "utf32", "uca1400")):
            return found[0]
        wanted = f"utf8mb4_{name}" if name.startswith("uca1400") else name
        for equivalent in _EQUIVALENT.get(wanted, ()):
            if equivalent in known:
                self.told[name] = equivalent
                return found[1] + equivalent.encode()
        raise DatabaseError(
            f"{self._target.name}: {self._target.words} does not know the collation {printable(name)},"
            f" which the dump of {self._source} uses",
            "restore into a server of the same vendor and series",
        )
