"""Step 3: log in to the server's database and look at what there is to dump."""

import asyncio
import contextlib
import math
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import aiomysql

from tuibackup.config import Server
from tuibackup.database import inventory
from tuibackup.database.connect.connection import Connection, Row
from tuibackup.database.connect.faults import CLOSED, QUERY_SECONDS, faults
from tuibackup.database.connect.optionfile import Options, parse
from tuibackup.database.connect.unreached import way_out
from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.objects.shown import LostAtError, Object
from tuibackup.database.version import vendor
from tuibackup.errors import (
    AccessDeniedError,
    ConnectionLostError,
    DatabaseError,
    RemoteCommandError,
    TuibackupError,
)
from tuibackup.remote.session import Session
from tuibackup.secret import Secret
from tuibackup.text import printable
from tuibackup.words import joined, sentence

ANSWER_SECONDS = 30.0  # for the server's greeting and login
RETURN_SECONDS = 60.0  # for a server to come back that was restarted, or that has no room for one more
_PAUSE = 1.0  # seconds between tries
_NO_LIMIT = 2**64 - 1
_LIMITS = re.compile("sql_select_limit|max_join_size|sql_big_selects", re.IGNORECASE)
_TRIES = 4  # of a login that ends while it looks at what there is
_BROUGHT_DOWN = sentence("the database server went down when it was asked to show it")
# A server may be set to end a session that is idle for seconds, in a transaction or not, takes rows slowly, or asks for
# much. Our logins do all of that for good reasons: they wait for a lock, for the dumps beside them, for a slow disk.
# And we decide what SQL means and which rows it gives, not the server's defaults or its init_connect.
_OWN = (
    "SET NAMES utf8mb4, autocommit = 1, sql_mode = '', time_zone = '+00:00', sql_quote_show_create = 1,"
    f" sql_select_limit = {_NO_LIMIT}, sql_big_selects = 1,"
    " lock_wait_timeout = 1, wait_timeout = 86400, net_read_timeout = 3600, net_write_timeout = 3600"
    " /*M!100101 , max_statement_time = 0 */"
    " /*M!100301 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0 */"
    " /*M!100901 , old_mode = 'UTF8_IS_UTF8MB3' */"
    " /*!50708 , max_execution_time = 0 */"
    " /*!80030 , show_gipk_in_create_table_and_information_schema = 1 */"
)
USUAL_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108  # theirs
_OPTION_PREVENTS = 1290
_OURS = range(2000, 3000)  # errors that the client raises, not the server
_TOO_MANY, _A_LIMIT = (1040, 1203), 1226  # logins at a time; one of the account's limits
_IDENTIFIED = re.compile(r"IDENTIFIED (?:VIA|WITH) ('\w+'|`\w+`|\w+)")

T = TypeVar("T")
Channel = tuple[Any, Any]  # a reader and a writer


@dataclass(slots=True)
class DatabaseSession:
    """A login to one database server; the dump program logs in with the same `options`."""

    server: str
    options: Options
    server_version: str
    vendor: str  # "MariaDB" or "MySQL"
    account: str  # as the server calls us, 'backup'@'localhost'
    authentication: (
        str  # how we proved who we are, in the server's word (unix_socket); "" if it does not tell
    )
    grants: tuple[str, ...]  # as SHOW GRANTS has them
    untold: str  # why the server does not show the grants, in its words; "" if it does
    databases: tuple[DatabaseInfo, ...]
    division: int  # its div_precision_increment, by which generated columns are computed
    cuts: str  # server settings that truncate what a program reads, as "sql_select_limit = 10"; "" for none
    logins: int  # how many logins the account may have at a time; 0 for no limit
    _connection: Connection
    _session: Session
    _exclude: frozenset[str] = frozenset()
    _feared: Mapping[Object, str] = field(default_factory=dict)  # what brought the server down
    _gone: bool = False  # the server did not come back: it is not waited for again
    resting: bool = False  # this login gave its place to another of ours, until something is asked here

    async def rows(self, query: str, *values: object) -> list[Row]:
        """All rows of `query`. Raises DatabaseError, ConnectionLostError."""
        return await self._asked(lambda connection: connection.rows(query, values))

    async def look_again(self) -> dict[str, DatabaseInfo]:
        """The databases as they are now, by name. Raises as `rows`."""
        found = await self._asked(lambda connection: inventory.take(connection, self._exclude, self._feared))
        return {one.name: one for one in found}

    async def _asked(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        """What `ask` gives, over a new login if this one is gone.

        It is silent while the dumps run, and sshd (ChannelTimeout), the database or an administrator's script may
        close a silent connection.
        """
        if not self._connection.gone:
            try:
                async with faults(self.server, self.options):
                    return await ask(self._connection)
            except ConnectionLostError:  # often the loss shows only when something is asked
                if self._session.lost:
                    raise
        self._connection.drop()
        try:
            self._connection = await come_back(
                self._session, self.options, 0 if self._gone else RETURN_SECONDS
            )
        except TuibackupError:
            self._gone = True
            raise
        self.resting = False
        async with faults(self.server, self.options):
            return await ask(self._connection)

    async def another(self) -> Connection:
        """One more login; if the server allows no more, it takes the place of this one. Raises as `rows`.

        Ask nothing here before the new login has ended: it may have this one's place.
        """
        try:
            return await open_connection(self._session, self.options)
        except DatabaseError as error:
            if not _too_many(error):
                raise
        if not self._connection.gone:
            await self._connection.quit()
        self.resting = True
        return await come_back(self._session, self.options, RETURN_SECONDS)

    async def close(self) -> None:
        """Log out."""
        await self._connection.quit()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


@dataclass(slots=True)
class Login:
    """One more connection to the same server, for one purpose: `rows` as DatabaseSession's, one after the other."""

    server: str
    options: Options
    connection: Connection
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rows(self, query: str, *values: object, seconds: float = QUERY_SECONDS) -> list[Row]:
        """All rows of `query`, within `seconds`. Raises DatabaseError, ConnectionLostError."""
        async with faults(self.server, self.options, seconds), self._one:
            return await self.connection.rows(query, values)

    @property
    def number(self) -> int:
        """The server's number for this session."""
        return self.connection.number

    def say(self, statement: str) -> None:
        """Send a statement and do not wait for its answer; if it fails, the next one tells."""
        with contextlib.suppress(aiomysql.MySQLError):
            self.connection.ahead(statement.encode())

    def drop(self) -> None:
        """Close at once: the server stops what it does for this connection, and ends its locks."""
        self.connection.drop()

    async def close(self) -> None:
        """Log out."""
        await self.connection.quit()


async def log_in_again(session: Session, options: Options) -> Login:
    """One more login as `options` say. Raises DatabaseError, ConnectionLostError."""
    return Login(session.name, options, await open_connection(session, options))


async def come_back(session: Session, options: Options, seconds: float) -> Connection:
    """As `open_connection`, tried again for `seconds` while the server is down or full."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        try:
            return await open_connection(session, options)
        except AccessDeniedError:
            raise
        except (DatabaseError, ConnectionLostError):
            if session.lost or loop.time() > until:
                raise
        await asyncio.sleep(_PAUSE)


async def login(session: Session, server: Server, password: Secret | None) -> DatabaseSession:
    """Log in over a channel of `session`; no password means unix_socket authentication (or an empty one).

    Raises DatabaseError with one line that says who was refused and the way out; ConnectionLostError.
    """
    options = await _options(session, server, password)
    loop = asyncio.get_running_loop()
    began, feared = loop.time(), dict[Object, str]()
    connection = await open_connection(session, options)
    tries = 0
    while True:
        try:
            return await _looked(session, server, options, connection, feared)
        except ConnectionLostError as error:  # a script that ends idle logins may have ended this one
            tries += 1
            if session.lost or tries == _TRIES:
                raise ConnectionLostError(joined(": ", (server.name, CLOSED))) from error
            connection = await come_back(session, options, RETURN_SECONDS)
            if isinstance(error, LostAtError) and await _up(connection) < loop.time() - began:
                feared[error.one] = _BROUGHT_DOWN


async def _up(connection: Connection) -> float:
    """Seconds since the server began."""
    with contextlib.suppress(aiomysql.MySQLError, OSError, asyncio.IncompleteReadError):
        [(_name, seconds)] = await connection.rows("SHOW GLOBAL STATUS LIKE 'Uptime'")
        return float(seconds)
    return math.inf


async def _looked(
    session: Session, server: Server, options: Options, connection: Connection, feared: Mapping[Object, str]
) -> DatabaseSession:
    """The session, with what the server tells over `connection`."""
    options = replace(options, tls=connection.tls)
    try:
        async with faults(server.name, options):
            [(version, division, logins, *limits)] = await connection.rows(
                "SELECT VERSION(), @@global.div_precision_increment,"
                " @@session.max_user_connections,"
                " @@global.sql_select_limit, @@global.max_join_size, @@global.init_connect"
            )
            version = str(version)
            account = str((await connection.rows("SELECT CURRENT_USER()"))[0][0])
            grants, untold = await _grants(connection)
            authentication = await _authentication(connection)
            exclude = frozenset(server.database.exclude if server.database else ())
            databases = await inventory.take(connection, exclude, feared)
    except BaseException:
        connection.drop()
        raise
    user, _, host = account.rpartition("@")
    return DatabaseSession(
        server=server.name,
        options=options,
        server_version=printable(version),
        vendor=vendor(version),
        account=f"'{user}'@'{host}'",
        authentication=authentication,
        grants=grants,
        untold=untold,
        databases=databases,
        division=int(division),
        cuts=_cuts(*limits),
        logins=int(logins),
        _connection=connection,
        _session=session,
        _exclude=exclude,
        _feared=feared,
    )


def _cuts(rows: object, looked_at: object, init_connect: object) -> str:
    """The server's limits for sessions; our own lift them (see `_OWN`), dump programs do not."""
    limits = {"sql_select_limit": int(str(rows)), "max_join_size": int(str(looked_at))}
    found = [f"{name} = {limit}" for name, limit in limits.items() if limit < _NO_LIMIT]
    if _LIMITS.search(str(init_connect)):
        found.append("init_connect")
    return ", ".join(found)


async def _options(session: Session, server: Server, password: Secret | None) -> Options:
    """How to log in: the configuration's words first, then the option file's, then what is usual."""
    database = server.database
    assert database is not None, sentence("{server} has no database in its configuration", server=server.name)
    found = Options()
    if database.password.option_file:
        found = await _option_file(session, database.password.option_file)
    options = Options(
        user=database.user or found.user or session.user,
        password=password or found.password,
        socket=database.socket or (None if database.host else found.socket),
        host=database.host or (None if database.socket else found.host),
        port=database.port if database.host else found.port,
    )
    if options.socket or options.host not in (None, "localhost"):
        return replace(options, host=None) if options.socket else options
    return replace(options, host=None, socket=await usual_socket(session))


async def _option_file(session: Session, path: str) -> Options:
    home, _, rest = path.partition("~/")
    name = '"$HOME"/' + shlex.quote(rest) if not home and rest else shlex.quote(path)
    said = await session.run(f"cat -- {name}", timeout=ANSWER_SECONDS, limit=1 << 20)
    if not said.ok:
        raise DatabaseError(
            sentence(
                "{session}: option file {path} on the server cannot be read by {user}",
                session=session.name,
                path=printable(path),
                user=printable(session.user),
            ),
            sentence("check its path and mode there"),
        )
    return parse(said.stdout.decode("utf-8", "surrogateescape"))


async def usual_socket(session: Session) -> str:
    """The first of the usual sockets that is there; without any, where most have it. Raises as `Session.run`."""
    tests = "; ".join(f"test -S {path} && echo {path} && exit 0" for path in USUAL_SOCKETS)
    said = (
        (await session.run(f"{tests}; exit 1", timeout=ANSWER_SECONDS, limit=4096))
        .stdout.decode("utf-8", "replace")
        .strip()
    )
    return said if said in USUAL_SOCKETS else USUAL_SOCKETS[0]


async def open_connection(session: Session, options: Options) -> Connection:
    """One more login as `options` say. Raises DatabaseError, ConnectionLostError."""
    return await logged_in(session.name, options, lambda: _channel(session, options))


async def logged_in(server: str, options: Options, channel: Callable[[], Awaitable[Channel]]) -> Connection:
    """A login through what `channel` opens, within TLS if it is refused without. Raises as `open_connection`."""
    reader, writer = await channel()
    connection = Connection(
        reader, writer, options.user, options.password, local=bool(options.socket), tls=options.tls
    )
    try:
        async with faults(server, options):
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.open()
                await _set_up(connection)
        return connection
    except DatabaseError:
        connection.drop()
        if not connection.wants_tls:
            raise
    except BaseException:
        connection.drop()
        raise
    return await logged_in(server, replace(options, tls=True), channel)


async def _channel(session: Session, options: Options) -> Channel:
    try:
        if options.socket:
            return await session.open_unix(options.socket)
        assert options.host is not None
        return await session.open_tcp(options.host, options.port or 3306)
    except RemoteCommandError as error:
        raise DatabaseError(error.message, await way_out(session, options, error)) from error


async def _set_up(connection: Connection) -> None:
    """Give the session the settings that everything here relies on. Raises MySQLError where the line breaks."""
    try:
        await connection.rows(_OWN)
    except aiomysql.MySQLError as error:
        if error.args[0] in _OURS:  # the line broke, say
            raise
        # Otherwise the server knows none of these settings: it only speaks the same protocol.


async def _grants(connection: Connection) -> tuple[tuple[str, ...], str]:
    """The lines of SHOW GRANTS, or why there are none."""
    try:
        return tuple(str(row[0]) for row in await connection.rows("SHOW GRANTS")), ""
    except aiomysql.MySQLError as error:
        if error.args[0] in _OURS:
            raise
        if error.args[0] == _OPTION_PREVENTS:  # --skip-grant-tables: everybody may do everything
            return ("GRANT ALL PRIVILEGES ON *.* TO ``@``",), ""
        return (), printable(str(error.args[1]))


async def _authentication(connection: Connection) -> str:
    try:
        [(created, *_rest)] = await connection.rows("SHOW CREATE USER CURRENT_USER")
    except aiomysql.MySQLError:  # an anonymous account, or a server that has no such statement
        return ""
    found = _IDENTIFIED.search(str(created))
    return printable(found[1].strip("'`")) if found else "password"


def _too_many(error: DatabaseError) -> bool:
    """Whether a login was refused because there are as many as there may be at a time."""
    return error.number in _TOO_MANY or (error.number == _A_LIMIT and "max_user_connections" in error.message)
