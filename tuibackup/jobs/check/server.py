"""Checks what a run needs of a server: the connection, its tools, its folders, its database.

Unlike a run it does not stop at the first fault, and it looks at more: every folder, and grants.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tuibackup.config import Config, Server
from tuibackup.errors import DatabaseError, TuibackupError
from tuibackup.jobs.check.answer import Check, State
from tuibackup.remote.questions import Answers
from tuibackup.run.places import open_vault
from tuibackup.run.plan import clocks_of, estimate
from tuibackup.run.questions import RememberedAnswers
from tuibackup.run.unfinished import unfinished
from tuibackup.text import duration, printable, size, tenths
from tuibackup.vault.disk import require_room
from tuibackup.words import joined, sentence, sentence_n

if TYPE_CHECKING:
    from tuibackup.remote.connect.hostkeys import Told
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session

CLOCK_SECONDS = 60.0  # a warning tells of a server's clock that is further off


async def check_server(
    config: Config, server: Server, answers: Answers, told: "Told | None"
) -> AsyncIterator[Check]:
    """Connect, look and log in as a run does. Questions go to `answers`; if nobody answers, the check fails. `told`
    records host keys that are accepted.
    """
    from tuibackup.jobs.check.folders import check_folders
    from tuibackup.remote.probe import probe
    from tuibackup.run.access import open_session

    if (left := await asyncio.to_thread(unfinished, config, server.name)) is not None:
        yield Check(sentence("interrupted"), State.OK, left.sentence)
    if fault := await asyncio.to_thread(_place, config, server):
        yield Check(sentence("vault"), State.FAILED, fault)
    remembering = RememberedAnswers(answers)
    began = time.monotonic()
    notes: asyncio.Queue[str] = asyncio.Queue()
    deadline = began + config.sop.connect_within
    connecting = asyncio.ensure_future(
        open_session(config, server, remembering, notes.put_nowait, told, deadline)
    )
    async for check in _told(connecting, notes):
        yield check
    try:
        session = await connecting
    except TuibackupError as error:
        yield Check(sentence("connection"), State.FAILED, str(error))
        return
    async with session:
        took = sentence("{seconds} s", seconds=tenths(time.monotonic() - began))
        yield Check(
            sentence("connection"),
            State.OK,
            joined(", ", (f"{printable(session.user)}@{session.address or server.host}", took)),
        )
        yield Check(
            sentence("host key"), State.OK, f"{session.host_key.algorithm} {session.host_key.fingerprint}"
        )
        try:
            tools = await probe(session)
            for check in _tools(session, tools, server):
                yield check
            if server.folders:
                async for check in check_folders(config, session, tools, server):
                    yield check
            if server.database is not None:
                async for check in _database(config, session, tools, server, remembering):
                    yield check
        except TuibackupError as error:
            yield Check(sentence("connection"), State.FAILED, str(error))


def _place(config: Config, server: Server) -> str:
    """Why a run could not store its files; "" if it could, or if the vault itself is at fault."""
    try:
        vault = open_vault(config, create=False)
        disk = vault.room()
        require_room(disk, config.vault.path, 0, config.vault.least_free(disk.total))
    except TuibackupError:
        return ""
    from tuibackup.run.needs import require_estimate

    clocks = clocks_of(server)
    try:
        vault.require_writable(server.name)
        expected = estimate(vault, server.name, clocks)
        require_estimate(config, disk, server.name, clocks, expected, full=False)
    except TuibackupError as error:
        return str(error)
    return ""


async def _told(connecting: "asyncio.Future[Session]", notes: asyncio.Queue[str]) -> AsyncIterator[Check]:
    """Notes of the connection as they come: for example, that it waits for a server that refuses us for a while."""
    seen = set()
    try:
        while not connecting.done() or not notes.empty():
            note = asyncio.ensure_future(notes.get())
            await asyncio.wait((note, connecting), return_when=asyncio.FIRST_COMPLETED)
            if not note.done():
                note.cancel()
            elif note.result() not in seen:
                seen.add(note.result())
                yield Check(sentence("SSH"), State.WARNING, note.result())
    except BaseException:
        connecting.cancel()
        raise


def _tools(session: "Session", tools: "Probe", server: Server) -> Iterator[Check]:
    from tuibackup.errors import DownloadError
    from tuibackup.files.choose import choose_source
    from tuibackup.files.shell.tools import missing_tools

    if tools.clock_offset is not None and abs(tools.clock_offset) > CLOCK_SECONDS:
        off = duration(abs(tools.clock_offset))
        where = sentence("ahead") if tools.clock_offset > 0 else sentence("behind")
        yield Check(
            sentence("clock"),
            State.WARNING,
            sentence("the server's clock is {off} {where}", off=off, where=where),
        )
    if server.folders:
        try:
            source = choose_source(session, tools, server)
        except DownloadError as error:
            yield Check(sentence("tools"), State.FAILED, str(error))
        else:
            why, *_way_out = missing_tools(tools) or ("",)
            yield Check(
                sentence("tools"),
                State.OK,
                joined("", (source.described, " (", why, ")")) if why else source.described,
            )
            if source.limits:
                lacks = sentence(
                    "this way of reading cannot carry {limits}", limits=joined(", ", source.limits)
                )
                yield Check(sentence("limits"), State.OK, lacks)
    if server.database is not None and not tools.dump_tools:
        yield Check(
            sentence("dump tool"),
            State.OK,
            sentence("none on this server: its databases are read over the connection"),
        )


async def _database(
    config: Config, session: "Session", probed: "Probe", server: Server, answers: RememberedAnswers
) -> AsyncIterator[Check]:
    from tuibackup.database.dump.tool import BrokenToolError, ForeignToolError, find_tool
    from tuibackup.database.objects.write import users_and_grants
    from tuibackup.database.rights.audit import audit, foreseen, long_queries, nothing_there
    from tuibackup.jobs.check.folders import no_room
    from tuibackup.run.access import log_in

    try:
        async with asyncio.timeout(config.sop.login_within):
            database = await log_in(server, session, answers)
    except TimeoutError:
        yield Check(sentence("database"), State.FAILED, sentence("no answer from the database"))
        return
    except TuibackupError as error:
        yield Check(sentence("database"), State.FAILED, str(error))
        return
    try:
        version = f"{printable(database.vendor)} {printable(database.server_version)}"
        found = sentence_n("{count} database", "{count} databases", len(database.databases))
        total = sum(one.bytes for one in database.databases)
        yield Check(sentence("database"), State.OK, joined("", (version, ": ", found, ", ", size(total))))
        if nothing := nothing_there(server, database):
            yield Check(sentence("database"), State.FAILED, str(nothing))
            return
        for finding in audit(database):
            # A marked finding would keep the clock from being renewed, month after month.
            state = State.FAILED if finding.mark else State.WARNING
            yield Check(sentence("database"), state, joined(": ", (finding.subject, finding.reason)))
        try:
            tool = await find_tool(session, probed, database)
            yield Check(
                sentence("dump tool"), State.OK, f"{tool.path}: {tool.version}" if tool.version else tool.path
            )
        except BrokenToolError as error:
            tool, without = None, sentence("the databases are read over the connection")
            yield Check(sentence("dump tool"), State.WARNING, joined(": ", (str(error), without)))
        except ForeignToolError as error:
            tool = None
            without = sentence("its databases are read over the connection")
            yield Check(sentence("dump tool"), State.OK, joined(": ", (str(error), without)))
        except DatabaseError:
            tool = None
        for finding in foreseen(database, tool):
            yield Check(sentence("database"), State.WARNING, joined(": ", (finding.subject, finding.reason)))
        _text, unsaved = await users_and_grants(database)
        for finding in unsaved:
            yield Check(sentence("database"), State.WARNING, joined(": ", (finding.subject, finding.reason)))
        if busy := await long_queries(database):
            yield Check(sentence("database"), State.WARNING, busy)
        needs = await asyncio.to_thread(_dump_needs, config, server, total)
        if fault := await asyncio.to_thread(no_room, config, server.name, needs):
            yield Check(sentence("vault"), State.FAILED, fault)
    finally:
        await database.close()


def _dump_needs(config: Config, server: Server, total: int) -> int:
    """Bytes in the vault that a dump of databases of `total` bytes takes, as a run judges it."""
    from tuibackup.run.publish import dump_needs

    with suppress(TuibackupError):
        return dump_needs(open_vault(config, create=False), server.name, total)
    return total
