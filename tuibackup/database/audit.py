"""What a dump would miss or get wrong, said before it is made."""

import re
from collections.abc import Iterator

from tuibackup.database.inventory import TRANSACTIONAL, DatabaseInfo, quoted
from tuibackup.progress import Finding
from tuibackup.text import printable

_DATA = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
_SHOWN = 5
_GRANT = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>.+?) TO ", re.IGNORECASE | re.DOTALL)


def audit(
    databases: tuple[DatabaseInfo, ...], grants: tuple[str, ...], account: str, vendor: str
) -> Iterator[Finding]:
    """One finding for each thing that a dump by `account` leaves out or changes."""
    held = _held(grants)
    everywhere = held.get("*.*", frozenset())
    if not _has(everywhere, "SHOW DATABASES"):
        yield Finding(
            "all databases",
            f"{account} may not see every database: GRANT SHOW DATABASES ON *.* TO {account}",
            mark=True,
        )
    for database in databases:
        own = everywhere | held.get(f"{quoted(database.name)}.*", frozenset())
        own |= held.get(f"{quoted(_escaped(database.name))}.*", frozenset())
        missing = [privilege for privilege in _DATA if not _has(own, privilege)]
        if missing:
            yield Finding(
                printable(database.name),
                "not everything in it can be read: "
                f"GRANT {', '.join(missing)} ON {printable(quoted(database.name))}.* TO {account}",
                mark=True,
            )
        yield from _contents(database)
    if not _routines_readable(everywhere, held, vendor):
        privilege = "SELECT ON mysql.proc" if vendor == "MariaDB" else "SHOW_ROUTINE ON *.*"
        yield Finding(
            "procedures and functions",
            f"those of others cannot be read: GRANT {privilege} TO {account}",
            mark=True,
        )


def _contents(database: DatabaseInfo) -> Iterator[Finding]:
    name = printable(database.name)
    for view, error in database.broken.items():
        yield Finding(
            f"{name}.{printable(view)}",
            f"this view is broken and left out of the dump: {printable(error)}; mend or drop it",
        )
    unsafe = [table.name for table in database.tables if table.engine.lower() not in TRANSACTIONAL]
    if unsafe:
        yield Finding(
            name,
            f"{_some(unsafe)}: not InnoDB, so not of the same instant as the rest; ALTER TABLE … ENGINE=InnoDB",
        )
    floats = [f"{table.name}.{column}" for table in database.tables for column in table.floats]
    if floats:
        yield Finding(
            name,
            f"{_some(floats)}: FLOAT, of which the dump tool writes six digits only; DOUBLE is exact",
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _held(grants: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Privileges by what they are on: `*.*`, a database or a table, as SHOW GRANTS writes it."""
    held: dict[str, frozenset[str]] = {}
    for grant in grants:
        if match := _GRANT.match(grant):
            what = frozenset(word.strip().upper() for word in match["what"].split(","))
            where = match["where"]
            held[where] = held.get(where, frozenset()) | what
    return held


def _has(privileges: frozenset[str], wanted: str) -> bool:
    return wanted in privileges or "ALL PRIVILEGES" in privileges or "ALL" in privileges


def _routines_readable(everywhere: frozenset[str], held: dict[str, frozenset[str]], vendor: str) -> bool:
    if _has(everywhere, "SELECT"):
        return True
    if vendor == "MySQL":
        return _has(everywhere, "SHOW_ROUTINE")
    return any(_has(held.get(where, frozenset()), "SELECT") for where in ("`mysql`.`proc`", "`mysql`.*"))


def _escaped(name: str) -> str:
    """A database grant is a pattern: the server writes `_` and `%` of a name with a backslash."""
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
