"""The database server's users, roles and grants as SQL, so that a new machine knows the same accounts.

What it writes holds password hashes, as the tables of `mysql` do. Accounts that every server has of its own are left
out; others that the target knows already stay as they are (`IF NOT EXISTS`) and get their grants added.
"""

from collections.abc import Sequence
from typing import Protocol

from tuibackup.errors import DatabaseError

_OF_THE_SERVER = frozenset({"mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"})
_PUBLIC = "PUBLIC"


class _Asks(Protocol):
    async def rows(self, query: str, *values: object) -> Sequence[tuple[object, ...]]: ...


async def accounts(database: _Asks, vendor: str) -> str:
    """CREATE USER, CREATE ROLE and GRANT statements of every account. DatabaseError where they may not be read."""
    if vendor == "MariaDB":
        found = await database.rows("SELECT User, Host, is_role FROM mysql.user ORDER BY is_role, User, Host")
    else:
        found = await database.rows("SELECT User, Host, 'N' FROM mysql.user ORDER BY User, Host")
    names = [(str(user), str(host), role == "Y") for user, host, role in found]
    names = [one for one in names if one[0] not in _OF_THE_SERVER]
    lines = [
        "-- Users, roles and grants of the database server, with the hashes of their passwords.",
        "SET NAMES utf8mb4;",
    ]
    # Roles and users first: a grant may name any of them.
    for user, host, is_role in names:
        if is_role:
            if user != _PUBLIC:
                lines.append(f"CREATE ROLE IF NOT EXISTS {_quoted(user)};")
            continue
        [(created, *_rest)] = await database.rows(f"SHOW CREATE USER {_account(user, host)}")
        lines.append(f"{str(created).replace('CREATE USER', 'CREATE USER IF NOT EXISTS', 1)};")
    for user, host, is_role in names:
        whom = user if user == _PUBLIC and is_role else _quoted(user) if is_role else _account(user, host)
        try:
            granted = await database.rows(f"SHOW GRANTS FOR {whom}")
        except DatabaseError:
            if is_role and user == _PUBLIC:
                continue  # it has none
            raise
        lines += [f"{line};" for (line, *_rest) in granted]
    return "".join(f"{line}\n" for line in lines)


def _account(user: str, host: str) -> str:
    return f"{_quoted(user)}@{_quoted(host)}"


def _quoted(name: str) -> str:
    """In backticks, which every sql_mode takes for a name."""
    return "`" + name.replace("`", "``") + "`"
