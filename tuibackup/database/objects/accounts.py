"""The database server's users, roles and grants as SQL, so that a new machine knows the same accounts.

The SQL holds password hashes, as the tables of `mysql` do. The accounts of the server itself are left out; accounts
that the target knows already stay as they are (`IF NOT EXISTS`) and get their grants added. If the server does not show
one account, or no server would accept one grant, the others are written all the same.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from tuibackup.database.inventory import SYSTEM, DatabaseInfo, quoted
from tuibackup.database.rights.grants import needed_object, without_columns
from tuibackup.database.sql import settings
from tuibackup.errors import DatabaseError
from tuibackup.text import printable
from tuibackup.words import sentence

_OF_THE_SERVER = frozenset({"mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"})
_PUBLIC = "PUBLIC"
_GLOBAL = re.compile(r"(GRANT [^`'\"]+ ON \*\.\* TO )")
_PLUGIN = re.compile(r"(?:IDENTIFIED (?:VIA|WITH)| OR) [`']?(\w+)")
# MySQL: the roles may not exist yet. Only hashes and quoted names come before this clause.
_DEFAULT_ROLE = re.compile(r" DEFAULT ROLE ((?:`(?:[^`]|``)*`@`(?:[^`]|``)*`,?)+)")
_SHOWN = 200  # characters of a grant in a finding

Place = tuple[str, str]  # database, and table, view or routine


class _Asks(Protocol):
    async def rows(self, query: str, *values: object) -> Sequence[tuple[object, ...]]: ...


@dataclass(frozen=True, slots=True)
class _Account:
    """A row of mysql.user. `certificate`: what the account's certificate must say, as the server stores it."""

    user: str
    host: str
    is_role: bool
    may_grant: bool
    certificate: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it stands in statements."""
        if self.is_role:
            return _PUBLIC if self.user == _PUBLIC else quoted(self.user)
        return f"{quoted(self.user)}@{quoted(self.host)}"


@dataclass(slots=True)
class Accounts:
    """`text`: statements that create every account. `unsaved`: what they lack, and why, one by one."""

    text: str = ""
    unsaved: list[tuple[str, str]] = field(default_factory=list)


async def accounts(database: _Asks, vendor: str, databases: Iterable[DatabaseInfo]) -> Accounts:
    """CREATE USER, CREATE ROLE and GRANT statements of every account; `databases` are those that are dumped.

    Raises DatabaseError if accounts may not be read at all; ConnectionLostError.
    """
    writer = _Writer(database, vendor, tuple(databases))
    await writer.write()
    return Accounts("".join(f"{line}\n" for line in writer.lines()), writer.unsaved)


class _Writer:
    """Collects statements in the groups in which they must be run."""

    def __init__(self, database: _Asks, vendor: str, databases: Sequence[DatabaseInfo]) -> None:
        self.unsaved: list[tuple[str, str]] = []
        self._database = database
        self._mariadb = vendor == "MariaDB"
        self._there = {
            (info.name.casefold(), name.casefold())
            for info in databases
            for name in (
                *(table.name for table in info.tables),
                *info.views,
                *(name for _kind, name in info.routines),
            )
        }
        self._users: list[str] = []
        self._roles: list[str] = []
        self._grants: dict[
            str, None
        ] = {}  # in order; the server repeats a role's grants for each role that has it
        self._defaults: list[str] = []
        self._foreign: dict[str, list[str]] = {}  # plugins that a server may lack, by account
        self._gone: dict[Place, set[str]] = {}  # columns that were dropped, casefolded

    async def write(self) -> None:
        """Ask for everything. Raises DatabaseError, ConnectionLostError."""
        await self._database.rows(
            "SHOW GRANTS"
        )  # a server with --skip-grant-tables refuses this with the reason
        if not self._mariadb:
            # Otherwise hashes come as bytes that are not text. Before 8.0.17 all hashes were text.
            with suppress(DatabaseError):
                await self._database.rows("SET SESSION print_identified_with_as_hex = 1")
        found = await self._accounts()
        loadable = await self._database.rows(
            "SELECT PLUGIN_NAME FROM information_schema.PLUGINS"
            " WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_LIBRARY IS NULL"
        )
        builtin = {str(name).lower() for (name,) in loadable}
        known: list[_Account] = []
        refused: DatabaseError | None = None
        for account in found:
            try:
                await self._create(account, builtin)
                known.append(account)
            except DatabaseError as error:
                self._leave_out(account.name, error)
                refused = error
        if refused and not any(not one.is_role for one in known):
            raise refused
        self._gone = await self._gone_columns()
        for account in known:
            try:
                await self._grant(account)
            except DatabaseError as error:
                if account.user != _PUBLIC:  # PUBLIC mostly has no grants
                    self._leave_out(sentence("grants of {account}", account=account.name), error)
        await self._proxies({account.name for account in known})

    async def _accounts(self) -> list[_Account]:
        role = "is_role" if self._mariadb else "'N'"
        found = await self._database.rows(
            f"SELECT User, Host, {role}, Grant_priv, ssl_cipher, x509_issuer, x509_subject FROM mysql.user"
            " ORDER BY 1, 2"
        )
        return [
            _Account(str(user), str(host), is_role == "Y", may_grant == "Y", tuple(map(_text, certificate)))
            for user, host, is_role, may_grant, *certificate in found
            if user not in _OF_THE_SERVER
        ]

    async def _create(self, account: _Account, builtin: set[str]) -> None:
        if account.is_role:
            if account.user != _PUBLIC:
                self._roles.append(f"CREATE ROLE IF NOT EXISTS {account.name}")
            return
        [(told, *_rest)] = await self._database.rows(f"SHOW CREATE USER {account.name}")
        created = str(told).replace("CREATE USER", "CREATE USER IF NOT EXISTS", 1)
        if default := _DEFAULT_ROLE.search(created):
            created = created[: default.start()] + created[default.end() :]
            self._defaults.append(f"ALTER USER {account.name} DEFAULT ROLE {default[1]}")
        plugins = sorted({name.lower() for name in _PLUGIN.findall(created)} - builtin)
        if plugins:
            self._foreign[account.name] = plugins
        self._users.append(_requoted(created, account.certificate))

    async def _grant(self, account: _Account) -> None:
        for told, *_rest in await self._database.rows(f"SHOW GRANTS FOR {account.name}"):
            line = str(told)
            if line.startswith("GRANT PROXY ON "):
                continue  # the server does not quote these right: see `_proxies`
            if line.startswith("SET DEFAULT ROLE "):
                self._defaults.append(line)
                continue
            if (
                self._mariadb
                and (found := _GLOBAL.match(line))
                and line.startswith(account.name, found.end())
            ):
                # The rest repeats the password; an account that exists would get that one.
                option = " WITH GRANT OPTION" if account.may_grant else ""
                line = f"{found[1]}{account.name}{option}"
            self._take(account, line)

    def _take(self, account: _Account, line: str) -> None:
        """Keep a grant as far as its object, and the columns it names, exist."""
        kept, place = line, needed_object(line)
        if place is not None:
            kept = without_columns(line, self._gone.get(place, ())) if self._has(place) else ""
        if kept:
            self._grants[kept] = None
        if kept != line:
            self.unsaved.append(
                (
                    sentence("grant of {account}", account=account.name),
                    sentence("it concerns something that is in no dump: {line}", line=line[:_SHOWN]),
                )
            )

    def _has(self, place: Place) -> bool:
        """Whether the dumps restore the object, or every server has it; otherwise no server accepts a grant on it."""
        return place[0].casefold() in SYSTEM or tuple(map(str.casefold, place)) in self._there

    async def _gone_columns(self) -> dict[Place, set[str]]:
        """Columns, by table, that were dropped after something was granted on them."""
        gone: dict[Place, set[str]] = {}
        for database, table, column in await self._database.rows(
            "SELECT DISTINCT Db, Table_name, Column_name FROM mysql.columns_priv"
        ):
            gone.setdefault((_text(database), _text(table)), set()).add(_text(column).casefold())
        for place, columns in gone.items():
            found = await self._database.rows(
                "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                *place,
            )
            columns -= {str(name).casefold() for (name,) in found}
        return gone

    async def _proxies(self, known: set[str]) -> None:
        for user, host, proxied_user, proxied_host, option in await self._database.rows(
            "SELECT User, Host, Proxied_user, Proxied_host, With_grant FROM mysql.proxies_priv ORDER BY 1, 2, 3, 4"
        ):
            proxied = f"{quoted(_text(proxied_user))}@{quoted(_text(proxied_host))}"
            whom = f"{quoted(_text(user))}@{quoted(_text(host))}"
            # A server's first account may proxy for everybody (""): no statement can grant that.
            if whom in known and (proxied_user or proxied_host):
                more = " WITH GRANT OPTION" if int(str(option)) else ""
                self._grants[f"GRANT PROXY ON {proxied} TO {whom}{more}"] = None

    def _leave_out(self, subject: str, error: DatabaseError) -> None:
        self.unsaved.append((subject, error.message.partition("says: ")[2] or error.message))

    def lines(self) -> Iterator[str]:
        """The statements in the order in which they can be run, under any sql_mode."""
        yield "-- Users, roles and grants of the database server, with the hashes of their passwords."
        yield "SET NAMES utf8mb4;"
        yield settings.WRITING.decode().rstrip()
        mode = "NO_AUTO_CREATE_USER" if self._mariadb else ""
        yield f"SET @tb_mode = @@sql_mode, sql_mode = '{mode}';"
        for subject, why in self.unsaved:
            yield f"-- not here: {printable(subject)}: {printable(why)}"
        if any(line.startswith("REVOKE ") for line in self._grants):
            yield "SET GLOBAL partial_revokes = ON;"  # as on the source; a new server has it off
        later: list[str] = []
        for statement in (*self._users, *self._roles, *self._grants, *self._defaults):
            owner = next((name for name in self._foreign if name in statement), "")
            if owner:
                later += _if_there(statement, self._foreign[owner], owner)
            else:
                yield f"{statement};"
        if later:
            yield "-- Accounts whose authentication plugin is not built into the server: created only if it is active."
            yield from later
        yield "SET sql_mode = @tb_mode;"


def _requoted(created: str, values: Iterable[str]) -> str:
    """Quote the certificate's text again: servers show its quotes and backslashes without escapes."""
    for value in values:
        if re.search(r"['\\]", value):
            created = created.replace(f"'{value}'", _literal(value), 1)
    return created


def _if_there(statement: str, plugins: Sequence[str], owner: str) -> Iterator[str]:
    """Run `statement` if all of `plugins` are active; otherwise give a row that says what was left out."""
    names = ", ".join(map(_literal, plugins))
    said = f"left out because the server lacks {' or '.join(plugins)}: {printable(owner)}"
    yield (
        f"SET @tb_make = IF((SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_STATUS = 'ACTIVE'"
        f" AND PLUGIN_NAME IN ({names})) = {len(plugins)}, {_literal(statement)}, {_literal(f'DO {_literal(said)}')});"
    )
    yield "PREPARE tb_make FROM @tb_make; EXECUTE tb_make; DEALLOCATE PREPARE tb_make;"


def _literal(text: str) -> str:
    """A string, for a server where a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _text(value: object) -> str:
    """The text of a column; some of these are blobs."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
