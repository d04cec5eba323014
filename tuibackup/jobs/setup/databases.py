"""The server's databases: what answers there, the account that reads them, and what it may not read."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from tuibackup.config import Database, SecretSource, Server, logins
from tuibackup.config.servers import remote_path
from tuibackup.errors import (
    AccessDeniedError,
    ConnectionLostError,
    NeedsOperatorError,
    RemoteCommandError,
    TuibackupError,
)
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.step import Choice, Draft, Prompt, Taken, WrongAnswerError, fault_of, parsed
from tuibackup.remote.questions import Question
from tuibackup.run.passwords import resolve
from tuibackup.secret import Secret
from tuibackup.text import count, printable, size
from tuibackup.words import _, joined, ngettext

if TYPE_CHECKING:
    from tuibackup.database.connect.login import DatabaseSession
    from tuibackup.remote.session import Session

_NO = "no"
_AGAIN = "again"
_SECONDS = 10.0  # for a greeting
_LOGIN_SECONDS = 60.0
_PORT = 3306
_SHOWN = 6  # findings


class Place(NamedTuple):
    """Where a database server listens, as seen from the server: a socket, or host and port."""

    socket: str | None = None
    host: str | None = None
    port: int = _PORT

    def __str__(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


def read_place(text: str) -> Place:
    """A socket's path or HOST[:PORT]. Raises ValueError."""
    if text.startswith("/"):
        return Place(socket=remote_path("socket")(text))
    host, colon, port = text.rpartition(":")
    if not colon:
        return Place(host=logins.host(text))
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError(_("a port is a number from 1 to 65535"))
    return Place(host=logins.host(host), port=int(port))


async def greeting(session: "Session", place: Place) -> str:
    """The version that a database server tells at `place`; "" for none. Raises ConnectionLostError."""
    try:
        async with asyncio.timeout(_SECONDS):
            if place.socket:
                reader, writer = await session.open_unix(place.socket)
            else:
                reader, writer = await session.open_tcp(place.host or "", place.port)
            try:
                head = await reader.readexactly(5)
                body = await reader.readexactly(min(int.from_bytes(head[:3], "little") - 1, 512))
            finally:
                writer.close()
    except ConnectionLostError:
        raise
    except (TimeoutError, RemoteCommandError, OSError, asyncio.IncompleteReadError):
        return ""
    if head[4] == 0xFF:  # it is one, and refuses us: too many logins, or a host that it does not like
        return printable(body[2:].decode(errors="replace"))
    version = printable(body.split(b"\0", 1)[0].decode(errors="replace"))
    # MariaDB before 11 begins with this, for clients that would take a 10 for a 1
    return version.removeprefix("5.5.5-") if head[4] == 10 else ""


class DatabaseAt:
    """Where its database listens, if it has one."""

    id = "database"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("database")

    async def ask(self, draft: Draft) -> Prompt:
        from tuibackup.database.connect.login import USUAL_SOCKETS

        session = await self._reach.session(draft.server)
        places = [*(Place(socket=path) for path in USUAL_SOCKETS), Place(host="127.0.0.1")]
        versions = await asyncio.gather(*(greeting(session, place) for place in places))
        there = {str(place): version for place, version in zip(places, versions, strict=True) if version}
        choices = [Choice(place, version) for place, version in there.items()]
        detail = (
            _("These answer; another one: the path of its socket, or HOST:PORT as seen from the server.")
            if there
            else _(
                "None answers at the usual places. The path of its socket, or HOST:PORT as seen from the server:"
            ),
        )
        return Prompt(
            self.id,
            self.title,
            _("Which database server is backed up?"),
            _present(draft.server, there) or next(iter(there), _NO),
            detail=detail,
            choices=(*choices, Choice(_NO, _("no database"))),
            check=lambda text: "" if text == _NO else fault_of(read_place)(text),
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        from tuibackup.database.connect.login import usual_socket

        server = draft.server
        if answer == _NO:
            if not server.folders:
                raise WrongAnswerError(
                    _("then nothing is left to back up"), _("name a folder, or a database")
                )
            server = structs.replace(server, database=None)
            return Taken(replace(draft, server=server, database_password=None), _("no database"))
        place = parsed(read_place, answer)
        session = await self._reach.session(server)
        version = await greeting(session, place)
        if not version:
            raise WrongAnswerError(
                _("no MariaDB or MySQL answers at {place}").format(place=place),
                _(
                    "see whether it runs there, and whether the account's key may forward (restrict,port-forwarding)"
                ),
            )
        usual = place.socket is not None and place.socket == await usual_socket(session)
        before = server.database or Database()
        database = structs.replace(
            before, socket=None if usual else place.socket, host=place.host,
            port=place.port if place.host else _PORT,
        )  # fmt: skip
        return Taken(
            replace(draft, server=structs.replace(server, database=database)), str(place), (version,)
        )


def _present(server: Server, there: Mapping[str, str]) -> str:
    database = server.database
    if database is None:
        return _NO if server.folders and server.database is None and not there else ""
    if database.socket or database.host:
        return str(Place(database.socket, database.host, database.port))
    return next((place for place in there if place.startswith("/")), "")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a login saw: in a few words, what would keep a dump by it from being whole, and what else to know."""

    found: str
    lacks: tuple[str, ...]
    warned: tuple[str, ...]


async def _look(reach: Reach, draft: Draft) -> _Seen:
    """Log in as the draft says, and look. Raises DatabaseError, NeedsOperatorError, ConnectionLostError."""
    from tuibackup.database.connect.login import login
    from tuibackup.database.rights.audit import audit, nothing_there

    server = draft.server
    password = draft.database_password or await _configured(reach, server)
    session = await reach.session(server)
    marked: list[str] = []
    others: list[str] = []
    try:
        async with asyncio.timeout(_LOGIN_SECONDS), await login(session, server, password) as database:
            for finding in audit(database):
                (marked if finding.mark else others).append(f"{finding.subject}: {finding.reason}")
            if nothing := nothing_there(server, database):
                marked.append(str(nothing))
            return _Seen(_summary(database), tuple(marked), tuple(others[:_SHOWN]))
    except TimeoutError:
        raise WrongAnswerError(_("no answer from the database")) from None


async def _configured(reach: Reach, server: Server) -> Secret | None:
    """The password that the configuration names so far. Raises NeedsOperatorError."""
    assert server.database is not None
    text = _("database password of {server}").format(server=server.name)
    question = Question("database-password", server.name, text)
    try:
        return await resolve(server.database.password, question, reach.answers)
    except TuibackupError as error:
        raise NeedsOperatorError(str(error)) from error


def _summary(database: "DatabaseSession") -> str:
    number = len(database.databases)
    found = ngettext("{number} database", "{number} databases", number).format(number=count(number))
    names = ", ".join(printable(one.name) for one in database.databases[:_SHOWN])
    more = ", …" if number > _SHOWN else ""
    total = size(sum(one.bytes for one in database.databases))
    version = printable(database.server_version.partition("-")[0])
    return f"{printable(database.account)}, {printable(database.vendor)} {version}: {found}, {total} ({names}{more})"


class DatabaseLogin:
    """By the account's name through the socket, without a password; else by another account and its password."""

    id = "database-login"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("account")

    async def ask(self, draft: Draft) -> Prompt | Taken | None:
        if draft.server.database is None:
            return None
        try:
            await _look(self._reach, draft)
        except (AccessDeniedError, NeedsOperatorError) as error:
            return await self._prompt(draft.server, str(error))
        return Taken(draft)

    async def _prompt(self, server: Server, fault: str) -> Prompt:
        session = await self._reach.session(server)
        assert server.database is not None
        if server.database.host is not None:  # over the network nobody is known without a password
            text = _("Which account of the database? Its password is asked for next")
            return Prompt(self.id, self.title, text, server.database.user or "tuibackup", detail=(fault,),
                          check=fault_of(_account))  # fmt: skip
        return Prompt(
            self.id,
            self.title,
            _("Enter tries again; or type the name of another account of the database"),
            _AGAIN,
            detail=(fault, _("In the database, as its root:")),
            paste=_statements(await _vendor(self._reach, server), server.database, session.user),
            choices=(Choice(_AGAIN, _("the lines are pasted: try again")),),
            check=fault_of(_account),
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        database = draft.server.database
        assert database is not None
        user = "" if answer == _AGAIN and database.host is None else parsed(_account, answer)
        database = structs.replace(database, user=user, password=SecretSource())
        draft = replace(
            draft,
            server=structs.replace(draft.server, database=database),
            by_password=bool(user),
            database_password=None,
        )
        if not user:
            await _look(self._reach, draft)
        return Taken(draft, user or _("as the account of the server, without a password"))


def _account(text: str) -> str:
    """Raises ValueError."""
    if len(text) > 80 or not text.isprintable() or set("'\\`") & set(text):
        raise ValueError(_("{name} is no name of an account").format(name=printable(text)))
    return text


class DatabasePassword:
    """The password of the database's account, which goes into a file of ours that nobody else may read."""

    id = "database-password"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("password")

    async def ask(self, draft: Draft) -> Prompt | None:
        database = draft.server.database
        if database is None or not draft.by_password:
            return None
        return Prompt(
            self.id,
            self.title,
            _("Password of {user} in the database:").format(user=database.user),
            secret=True,
            detail=(
                _("It is kept in {path}, which only you may read.").format(path=self._file(draft)),
                _(
                    "Where there is no such account: in the database, as its root, with a password of your own:"
                ),
            ),
            paste=_statements(
                await _vendor(self._reach, draft.server), database, database.user, by_password=True
            ),
        )

    def _file(self, draft: Draft) -> Path:
        return self._reach.config.source.parent / f"{draft.server.name}.database-password"

    async def take(self, draft: Draft, answer: str) -> Taken:
        database = draft.server.database
        assert database is not None
        draft = replace(draft, database_password=Secret(answer))
        await _look(self._reach, draft)
        database = structs.replace(database, password=SecretSource(file=self._file(draft)))
        return Taken(replace(draft, server=structs.replace(draft.server, database=database)), _("right"))


class DatabaseRights:
    """What there is to dump, and what this account may not read of it."""

    id = "rights"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def title(self) -> str:
        return _("databases")

    async def ask(self, draft: Draft) -> Prompt | Taken | None:
        if draft.server.database is None:
            return None
        seen = await _look(self._reach, draft)
        if not seen.lacks:
            return Taken(draft, seen.found, (), seen.warned)
        return Prompt(
            self.id,
            self.title,
            _("Enter looks again"),
            _AGAIN,
            detail=(seen.found, *seen.lacks),
            choices=(
                Choice(_AGAIN, _("it is mended: look again")),
                Choice("ok", _("go on: its backups will not be whole")),
            ),
            only=True,
        )

    async def take(self, draft: Draft, answer: str) -> Taken:
        seen = await _look(self._reach, draft)
        if seen.lacks and answer == _AGAIN:
            raise WrongAnswerError(joined("; ", seen.lacks))
        return Taken(draft, seen.found, (), (*seen.lacks, *seen.warned))


async def _vendor(reach: Reach, server: Server) -> str:
    from tuibackup.database.connect.login import usual_socket

    session, database = await reach.session(server), server.database
    assert database is not None
    socket = database.socket or (None if database.host else await usual_socket(session))
    version = await greeting(session, Place(socket, database.host, database.port))
    return "MariaDB" if "maria" in version.lower() else "MySQL"


def _statements(vendor: str, database: Database, user: str, *, by_password: bool = False) -> tuple[str, ...]:
    """CREATE USER and GRANT for an account that may read everything and change nothing."""
    from tuibackup.database.rights.grants import WHOLE

    near = database.host in (None, "127.0.0.1", "localhost", "::1")
    where = f"'{user}'@'{'localhost' if near else '%'}'"
    how = "VIA unix_socket" if vendor == "MariaDB" else "WITH auth_socket"
    if by_password:
        how = "BY '…'"
    rights = ", ".join((*WHOLE, *(("SHOW_ROUTINE",) if vendor == "MySQL" else ())))
    return (f"CREATE USER {where} IDENTIFIED {how};", f"GRANT {rights} ON *.* TO {where};")
