"""Looks at what else a server has, over the connection that a run or a job has: the same for both.

A run looks at most weekly, when its steps are done and before it says so: its connection and its logins are there,
and a job of its own would have to ask for passwords again when nobody is there. That takes half a minute at most, and
whatever becomes of it, the run's outcome is that of its steps.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tuibackup.config import Database, Server
from tuibackup.errors import AccessDeniedError, ConnectionLostError, DatabaseError, TuibackupError
from tuibackup.ledger.entries import Kind
from tuibackup.remote.questions import NoAnswers
from tuibackup.run import access, record
from tuibackup.run.process import crash
from tuibackup.run.questions import RememberedAnswers
from tuibackup.run.state import Work
from tuibackup.text import count
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.discover.discover import DatabasesSeen
    from tuibackup.discover.found import Discovery
    from tuibackup.remote.session import Session

_SECONDS = 30.0  # that a run waits for its look
_LOGIN_SECONDS = 10.0
_SLACK = timedelta(hours=12)  # a weekly run begins some minutes earlier or later


async def look_if_due(work: Work) -> None:
    """Look at the server of this run, and record what is there, if the last look was long enough ago.

    Raises nothing but cancellation: what went wrong is a note of the run.
    """
    every = work.config.discover.every
    try:
        if every is None or work.session is None or work.session.lost or not work.tools().shell:
            return
        last = await asyncio.to_thread(work.ledger.last_looks, work.server.name)
        now = datetime.now(UTC)
        if (entry := last.get(work.server.name)) and every.after(entry.moment.date()) > (now + _SLACK).date():
            return
        from tuibackup.discover.discover import discover

        async with asyncio.timeout(_SECONDS):
            seen = await _seen_again(work) if work.database else None
            found = await discover(
                work.session, work.tools(), work.server, seen, seconds=_SECONDS - _LOGIN_SECONDS
            )
        await work.write(
            Kind.DISCOVER, {**look_body(found), "operator": record.operator_body(work.plan.operator)}
        )
    except Exception as error:
        reason: object = error
        if isinstance(error, TimeoutError):
            reason = sentence("it took longer than {seconds} s", seconds=int(_SECONDS))
        elif not isinstance(error, TuibackupError):
            reason = crash.record(error, work.config.state)
        work.note(sentence("what no backup holds was not looked for: {reason}", reason=reason))


def look_body(found: "Discovery") -> dict[str, Any]:
    """What the ledger keeps of a look."""
    parts = [
        sentence_n(
            "{number} folder", "{number} folders", len(found.folders), number=count(len(found.folders))
        )
    ]
    number = len(found.databases)
    parts.append(sentence_n("{number} database", "{number} databases", number, number=count(number)))
    if found.unread:
        parts.append(
            sentence_n(
                "{number} file unreadable",
                "{number} files unreadable",
                len(found.unread),
                number=count(len(found.unread)),
            )
        )
    if found.cut:
        parts.append(sentence("not all was looked at: {what}", what=", ".join(found.cut)))
    return {
        **found.body(),
        "outcome": "warnings" if found.cut else "done",
        "detail": sentence("found on the server: {what}", what=joined(" · ", parts)),
    }


async def seen_databases(
    session: "Session", server: Server, answers: RememberedAnswers
) -> "DatabasesSeen | None":
    """What a login to the server's database tells. Where none is configured, that account is tried which needs no
    password; None where there is nothing to log in to.
    """
    from tuibackup.discover.discover import DatabasesSeen

    tried = server
    if server.database is None:
        tried = msgspec.structs.replace(server, database=Database())
        answers = RememberedAnswers(NoAnswers())
    try:
        database = await access.log_in(tried, session, answers)
    except AccessDeniedError as error:
        return DatabasesSeen({}, str(error))
    except ConnectionLostError:
        raise
    except TuibackupError as error:
        return None if server.database is None else DatabasesSeen({}, str(error))
    async with database:
        rows = await database.rows("SHOW DATABASES")
        return _seen({str(name) for (name,) in rows}, database)


async def _seen_again(work: Work) -> "DatabasesSeen | None":
    """The same for a run, which has logged in before: one more login, to see also what it leaves out."""
    from tuibackup.database.connect.login import log_in_again
    from tuibackup.discover.discover import DatabasesSeen

    assert work.database
    try:
        async with asyncio.timeout(_LOGIN_SECONDS):
            login = await log_in_again(work.connected(), work.database.options)
            try:
                rows = await login.rows("SHOW DATABASES")
            finally:
                await login.close()
    except (DatabaseError, TimeoutError) as error:
        return DatabasesSeen({}, str(error) or sentence("no answer"))
    return _seen({str(name) for (name,) in rows}, work.database)


def _seen(names: set[str], database: Any) -> "DatabasesSeen":
    from tuibackup.database.inventory import SYSTEM
    from tuibackup.discover.discover import DatabasesSeen

    tables = {one.name: tuple(table.name for table in one.tables) for one in database.databases}
    return DatabasesSeen({name: tables.get(name, ()) for name in sorted(names - SYSTEM)})
