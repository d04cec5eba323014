"""Opens the connection to a server and the login to its database, with the passwords that these need."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from tuibackup.config import Config, Server
from tuibackup.errors import AccessDeniedError, ConnectionLostError, NeedsOperatorError
from tuibackup.ledger.entries import Kind
from tuibackup.remote.probe import probe
from tuibackup.remote.questions import Question
from tuibackup.remote.session import Session, connect
from tuibackup.run import bandwidth, record
from tuibackup.run.passwords import resolve
from tuibackup.run.places import known_hosts
from tuibackup.run.questions import RememberedAnswers
from tuibackup.run.state import Work
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.words import joined, later, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.database.connect.login import DatabaseSession
    from tuibackup.remote.connect.hostkeys import HostKey, Told

CONNECTING = 8  # runs of this host that connect at once: sshd drops some beyond ten (MaxStartups)
TRIES = 3  # to type a database password
_CLOSE_SECONDS = 10.0


async def open_session(
    config: Config,
    server: Server,
    answers: RememberedAnswers,
    notes: Callable[[str], None],
    told: "Told | None",
    deadline: float | None = None,
) -> Session:
    """A connection to `server` within the procedure's time, or until `deadline` (monotonic).

    Raises ConnectError, NeedsOperatorError, SecretError.
    """
    answers.attempt()
    session = await connect(
        server,
        known_hosts=known_hosts(config, told),
        answers=answers,
        secrets=partial(resolve, answers=answers),
        deadline=deadline or time.monotonic() + config.sop.connect_within,
        notes=notes,
    )
    session.pace = bandwidth.pace(config)
    return session


async def reach(work: Work, deadline: float | None = None) -> None:
    """Connect as `open_session` does, and learn what tools the server has."""

    def trusted(where: str, key: "HostKey", fault: str) -> None:
        body = {
            **record.trust_body(where, key, later("a run"), fault),
            "operator": record.operator_body(work.plan.operator),
        }
        work.append(Kind.TRUST, body)

    work.session = await open_session(work.config, work.server, work.answers, work.note, trusted, deadline)
    work.probe = await probe(work.session, sudo=False, dump_tools=Clock.DATABASES in work.plan.clocks)


async def disconnect(work: Work) -> None:
    """Close the connection; never raises, and never takes long."""
    session, work.session = work.session, None
    if session is not None:
        with suppress(TimeoutError, OSError, ConnectionLostError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await session.close()


async def open_database(work: Work) -> "DatabaseSession":
    """Log in to the database of the run's server."""
    return await log_in(work.server, work.connected(), work.answers)


async def log_in(server: Server, session: Session, answers: RememberedAnswers) -> "DatabaseSession":
    """Log in to the server's database; a password that must be typed is asked for, a few times at most.

    Raises DatabaseError, NeedsOperatorError, SecretError, ConnectionLostError.
    """
    from tuibackup.database.connect.login import login

    assert server.database is not None
    source = server.database.password
    user = server.database.user or session.user
    refused: AccessDeniedError | None = None
    answers.attempt()
    for _try in range(TRIES):
        question = Question(
            "database-password",
            server.name,
            sentence("database password of {user} on {server}", user=printable(user), server=server.name),
            detail=(str(refused),) if refused else (),
        )
        try:
            password = await resolve(source, question, answers)
        except NeedsOperatorError:
            raise refused or NeedsOperatorError(
                sentence("needs an operator: {text}", text=question.text)
            ) from None
        try:
            return await login(session, server, password)
        except AccessDeniedError as error:
            if not source.prompt:
                raise
            refused = error
    assert refused is not None
    raise refused


def described(database: "DatabaseSession") -> str:
    """A login in a few words: "MariaDB 10.11.6, 3 databases"."""
    number = len(database.databases)
    version = database.server_version.partition("-")[0]
    databases = sentence_n("{count} database", "{count} databases", number)
    return joined(", ", (f"{database.vendor} {version}", databases))
