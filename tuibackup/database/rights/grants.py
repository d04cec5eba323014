"""What an account may read, from SHOW GRANTS: its own privileges, those of its active roles and those of PUBLIC.

A privilege on a database is granted on a pattern (`a_b` means a, any letter, b, unless it is written `a\\_b`). If
several patterns match, the server uses only the most specific one. Roles that are granted but not active give nothing;
messages name them, because one statement makes them the default.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from tuibackup.words import sentence

_NAME = r"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[^\s`\"'.,@]+)"
_KINDS = "TABLE|FUNCTION|PROCEDURE|PACKAGE(?: BODY)?"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?:(?:{_KINDS}) )?(?P<database>\*|{_NAME})\.(?P<table>\*|{_NAME})"
    rf" (?:TO|FROM) (?P<whom>{_NAME}(?:@{_NAME})?)",
    re.DOTALL,
)
_ROLES = re.compile(rf"GRANT (?P<roles>{_NAME}(?:@{_NAME})?(?: ?, ?{_NAME}(?:@{_NAME})?)*) TO ", re.DOTALL)
# Privileges; a privilege on some columns only does not count.
_WORD = re.compile(r"([A-Z_ ]+?)\s*(\((?:[^()`]|`(?:[^`]|``)*`)*\))?\s*(?:,|$)", re.IGNORECASE)

# The rights that a whole dump needs, by the names that MariaDB and MySQL of every version know.
WHOLE = ("SELECT", "SHOW DATABASES", "SHOW VIEW", "TRIGGER", "EVENT", "LOCK TABLES", "RELOAD", "PROCESS")


@dataclass(slots=True)
class _Holder:
    """One user, role or PUBLIC: privileges everywhere, by pattern of a database, by table."""

    everywhere: set[str] = field(default_factory=set)
    databases: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tables: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    revoked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # MySQL's partial revokes

    def has(self, privilege: str, database: str, table: str) -> bool:
        if _in(privilege, self.everywhere) and not _in(privilege, self.revoked.get(database, set())):
            return True
        fitting = [pattern for pattern in self.databases if _fits(pattern, database)]
        if fitting and _in(privilege, self.databases[min(fitting, key=_particular)]):
            return True
        return bool(table) and _in(privilege, self.tables.get((database, table), set()))


@dataclass(frozen=True)
class Grants:
    """The lines of SHOW GRANTS, parsed. A line of an unknown form gives no privilege."""

    lines: tuple[str, ...]

    def everywhere(self, privilege: str) -> bool:
        """Whether `privilege` is held on `*.*`."""
        return any(_in(privilege, holder.everywhere) for holder in self._holders.values())

    def has(self, privilege: str, database: str, table: str = "") -> bool:
        """Whether `privilege` is held on all of `database`, or on its one `table`."""
        return any(holder.has(privilege, database, table) for holder in self._holders.values())

    def statement(self, account: str, vendor: str) -> str:
        """The GRANT that `account` still needs for a whole dump; or the statement that activates its role."""
        missing = [privilege for privilege in WHOLE if not self.everywhere(privilege)]
        text = f"GRANT {', '.join(missing or WHOLE)} ON *.* TO {account}"
        if not self.idle_roles:
            return text
        to = "TO" if vendor == "MySQL" else "FOR"
        return sentence(
            "{text}; or, if the role has it: SET DEFAULT ROLE {idle_roles} {to} {account}",
            text=text,
            idle_roles=self.idle_roles[0],
            to=to,
            account=account,
        )

    @cached_property
    def idle_roles(self) -> tuple[str, ...]:
        """Roles that are granted and not active, as SHOW GRANTS quotes them."""
        granted: list[str] = []
        for line in self.lines:
            if " ON " not in line and (match := _ROLES.match(line)):
                granted += re.findall(rf"{_NAME}(?:@{_NAME})?", match["roles"])
        return tuple(role for role in granted if _plain(role.partition("@")[0]) not in self._holders)

    @cached_property
    def _holders(self) -> dict[str, _Holder]:
        holders: dict[str, _Holder] = defaultdict(_Holder)
        for line in self.lines:
            match = _GRANT.match(line)
            if match is None:
                continue
            holder = holders[_plain(match["whom"].partition("@")[0])]
            words = {word.strip().upper() for word, columns in _WORD.findall(match["what"]) if not columns}
            database, table = _plain(match["database"]), _plain(match["table"])
            if match["verb"] == "REVOKE":
                holder.revoked[database] |= words
            elif match["database"] == "*":
                holder.everywhere |= words
            elif match["table"] == "*":
                holder.databases[database] |= words
            else:
                holder.tables[database, table] |= words
        return holders


def needed_object(line: str) -> tuple[str, str] | None:
    """Database and name of the table, view or routine that must exist for this GRANT; None if nothing must."""
    match = _GRANT.match(line)
    if match is None or "*" in (match["database"], match["table"]):
        return None
    if not {words for words, _columns in _WORD.findall(match["what"])}.isdisjoint(
        {"CREATE", "ALL PRIVILEGES"}
    ):
        return None
    return _plain(match["database"]), _plain(match["table"])


def without_columns(line: str, gone: Collection[str]) -> str:
    """A GRANT on a table without the columns in `gone` (casefolded); "" if nothing is left of it."""
    match = _GRANT.match(line)
    if match is None or not gone:
        return line
    kept = []
    for word, listed in _WORD.findall(match["what"]):
        columns = [one for one in re.findall(_NAME, listed[1:-1]) if _plain(one).casefold() not in gone]
        if columns or not listed:
            kept.append(f"{word.strip()} ({', '.join(columns)})" if listed else word.strip())
    return f"GRANT {', '.join(kept)}{line[match.end('what') :]}" if kept else ""


def pattern_of(name: str) -> str:
    """The pattern that matches the database `name` and no other."""
    return re.sub(r"([\\_%])", r"\\\1", name)


def _in(privilege: str, held: set[str]) -> bool:
    return not held.isdisjoint((privilege, "ALL PRIVILEGES", "ALL"))


def _fits(pattern: str, name: str) -> bool:
    """Whether `name` matches, as with LIKE; a backslash makes the next letter literal."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    signs = {"%": ".*", "_": "."}
    regex = "".join(signs.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(regex, name, re.DOTALL) is not None


def _particular(pattern: str) -> tuple[bool, int]:
    """Sorts as the server does: names without a wildcard first, then by the length before the first wildcard."""
    wildcard = re.search(r"(?<!\\)[%_]", pattern)
    return (wildcard is not None, -(wildcard.start() if wildcard else len(pattern)))


def _plain(name: str) -> str:
    """A name without its quotes, of any kind."""
    quote = name[:1]
    return name[1:-1].replace(quote * 2, quote) if quote in "`\"'" and len(name) > 1 else name
