"""What an account may read, out of SHOW GRANTS: its own privileges, those of its active roles and those of PUBLIC.

A privilege on a database is given to a pattern (`a_b` there means a, any letter, b, unless it is written `a\\_b`), and
of several patterns that fit, the server looks at the most particular one alone. Roles that are granted but not active
give nothing: they are named, because one statement makes them the default.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

_NAME = r"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[^\s`\"'.,@]+)"
_KINDS = "TABLE|FUNCTION|PROCEDURE|PACKAGE(?: BODY)?"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?:(?:{_KINDS}) )?(?P<database>\*|{_NAME})\.(?P<table>\*|{_NAME})"
    rf" (?:TO|FROM) (?P<whom>{_NAME}(?:@{_NAME})?)",
    re.DOTALL,
)
_ROLES = re.compile(rf"GRANT (?P<roles>{_NAME}(?:@{_NAME})?(?: ?, ?{_NAME}(?:@{_NAME})?)*) TO ", re.DOTALL)
# Privileges, of which one on some columns only is none.
_WORD = re.compile(r"([A-Z_ ]+?)\s*(\((?:[^()`]|`(?:[^`]|``)*`)*\))?\s*(?:,|$)", re.IGNORECASE)

# What a whole dump takes, by the names that MariaDB and MySQL of every version know.
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
    """The lines of SHOW GRANTS, understood. Lines of a form that is not known give no privilege."""

    lines: tuple[str, ...]

    def everywhere(self, privilege: str) -> bool:
        """Whether `privilege` is held on `*.*`."""
        return any(_in(privilege, holder.everywhere) for holder in self._holders.values())

    def has(self, privilege: str, database: str, table: str = "") -> bool:
        """Whether `privilege` is held on all of `database`, or on its one `table`."""
        return any(holder.has(privilege, database, table) for holder in self._holders.values())

    def statement(self, account: str, vendor: str) -> str:
        """The GRANT after which `account` lacks nothing for a whole dump, or what a role needs that has it all."""
        missing = [privilege for privilege in WHOLE if not self.everywhere(privilege)]
        text = f"GRANT {', '.join(missing or WHOLE)} ON *.* TO {account}"
        if not self.idle_roles:
            return text
        to = "TO" if vendor == "MySQL" else "FOR"
        return f"{text}; or, if the role has it: SET DEFAULT ROLE {self.idle_roles[0]} {to} {account}"

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
    """Database and name of the table, view or routine without which no server takes this GRANT; None: there is none."""
    match = _GRANT.match(line)
    if match is None or "*" in (match["database"], match["table"]):
        return None
    if not {words for words, _columns in _WORD.findall(match["what"])}.isdisjoint(
        {"CREATE", "ALL PRIVILEGES"}
    ):
        return None
    return _plain(match["database"]), _plain(match["table"])


def without_columns(line: str, gone: Collection[str]) -> str:
    """A GRANT on a table without the columns that are `gone` (casefolded); "" where nothing is left of it."""
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
    """The pattern that fits the database `name` and no other."""
    return re.sub(r"([\\_%])", r"\\\1", name)


def _in(privilege: str, held: set[str]) -> bool:
    return not held.isdisjoint((privilege, "ALL PRIVILEGES", "ALL"))


def _fits(pattern: str, name: str) -> bool:
    """As LIKE, with a backslash before what is meant literally."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    signs = {"%": ".*", "_": "."}
    regex = "".join(signs.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(regex, name, re.DOTALL) is not None


def _particular(pattern: str) -> tuple[bool, int]:
    """Sorts as the server does: names without a wildcard, then by how much comes before the first one."""
    wildcard = re.search(r"(?<!\\)[%_]", pattern)
    return (wildcard is not None, -(wildcard.start() if wildcard else len(pattern)))


def _plain(name: str) -> str:
    """A name without its quotes, whichever they are."""
    quote = name[:1]
    return name[1:-1].replace(quote * 2, quote) if quote in "`\"'" and len(name) > 1 else name
