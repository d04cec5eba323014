"""Tries everything a run needs and changes nothing: one answer for each thing, for `tuibackup check`.

Unlike a run it does not stop at the first fault, and it looks at more: every folder, grants, this host.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config, Server
from tuibackup.errors import DatabaseError, TuibackupError
from tuibackup.jobs.check.answer import Check, State
from tuibackup.remote.questions import Answers
from tuibackup.run.places import look_into_ledger, open_vault, runs_folder
from tuibackup.run.plan import agent_is_forwarded, clocks_of, estimate
from tuibackup.run.questions import Remembering
from tuibackup.run.unfinished import kept
from tuibackup.text import count, duration, printable, size
from tuibackup.vault.disk import require_room, require_writable, room
from tuibackup.vault.layout import NoVaultYetError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.remote.connect.hostkeys import Told
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session

CLOCK_SECONDS = 60.0  # a server's clock that is further off is worth a word

_LOGIND = ("/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf")
_DROP_INS = ("/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d")


def check_host(config: Config, *, read_only: bool = False) -> Iterator[Check]:
    """What lies on this machine: configuration, vault, ledger, and what ends runs at logout.

    `read_only`: whether the ledger can be written is not tried.
    """
    servers = ngettext("{number} server", "{number} servers", len(config.servers))
    yield Check(
        _("configuration"), State.OK, f"{config.source}: {servers.format(number=len(config.servers))}"
    )
    yield _vault(config)
    yield from _state(config)
    yield _ledger(config, read_only=read_only)
    if config.run.bandwidth:
        rule = config.run.rule(datetime.now().astimezone())
        now = _("{rule} holds now").format(rule=rule) if rule else _("no limit at this hour")
        yield Check(_("bandwidth"), State.OK, now)
    if kills_at_logout():
        yield Check(
            _("logout"),
            State.WARNING,
            _("logind ends runs when you log out (KillUserProcesses=yes)")
            + "; "
            + _("start with: systemd-run --user --scope tuibackup, and once: loginctl enable-linger"),
        )
    if agent_is_forwarded():
        yield Check(
            _("agent"),
            State.WARNING,
            _("your SSH agent is forwarded: a run cannot reconnect after you log out"),
        )


def _ledger(config: Config, *, read_only: bool) -> Check:
    """The ledger, its whole chain read: a second for ten thousand entries."""
    try:
        ledger, fault = look_into_ledger(config, read_only=read_only)
        with ledger:
            number, newer, problems = ledger.count(), ledger.newer(), ledger.verify_chain()
    except TuibackupError as error:
        return Check(_("ledger"), State.FAILED, str(error))
    if fault:
        return Check(_("ledger"), State.FAILED, fault)
    if problems:
        detail = _("its chain is broken: {problem}").format(problem=problems[0])
        return Check(_("ledger"), State.FAILED, detail)
    entries = ngettext("{number} entry", "{number} entries", number).format(number=count(number))
    detail = _("{entries}, chain whole").format(entries=entries)
    if newer:
        written = ngettext(
            "{number} entry was written by a newer tuibackup; update this one",
            "{number} entries were written by a newer tuibackup; update this one",
            newer,
        )
        return Check(_("ledger"), State.WARNING, f"{detail}; {written.format(number=count(newer))}")
    return Check(_("ledger"), State.OK, detail)


def _vault(config: Config) -> Check:
    path, name = config.vault.path, _("vault")
    try:
        with suppress(NoVaultYetError):  # an empty folder becomes one at the first run: that is no fault
            open_vault(config, create=False)
        disk = room(path)
        detail = _("{path}: {free} of {total} free on {device} ({type})").format(
            path=path,
            free=size(disk.free),
            total=size(disk.total),
            device=printable(disk.device),
            type=printable(disk.fstype),
        )
        if disk.refusal:
            return Check(name, State.FAILED, disk.refusal)
        require_room(disk, path, 0, config.vault.least_free(disk.total))
    except (TuibackupError, OSError) as error:
        return Check(name, State.FAILED, str(error))
    if disk.warning:
        return Check(name, State.WARNING, f"{detail}; {disk.warning}")
    return Check(name, State.OK, detail)


def _state(config: Config) -> Iterator[Check]:
    """The state folder, where runs keep their journals; said only where it is of no use."""
    try:
        for folder in (config.state, runs_folder(config.state), config.state / "slots"):
            if folder.exists():
                require_writable(folder)
    except (TuibackupError, OSError) as error:
        yield Check(_("state folder"), State.FAILED, str(error))


def kills_at_logout() -> bool:
    """Whether logind is told to kill what a user leaves behind; the last setting counts."""
    files = [Path(name) for name in _LOGIND]
    files += sorted(
        (path for folder in _DROP_INS for path in Path(folder).glob("*.conf")), key=lambda p: p.name
    )
    value = "no"
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for found in re.findall(r"^\s*KillUserProcesses\s*=\s*(\S+)", text, re.MULTILINE):
            value = found.lower()
    return value in ("yes", "true", "on", "1")


async def check_server(
    config: Config, server: Server, answers: Answers, told: "Told | None"
) -> AsyncIterator[Check]:
    """Connect, look, log in, by the same ways as a run. Questions go to `answers`; without a face they are failed
    checks. `told` records host keys that are accepted.
    """
    from tuibackup.jobs.check.folders import check_folders
    from tuibackup.remote.probe import probe
    from tuibackup.run.access import open_session

    if (left := await asyncio.to_thread(kept, config, server.name)) is not None:
        yield Check(_("interrupted"), State.OK, left.sentence)
    if fault := await asyncio.to_thread(_place, config, server):
        yield Check(_("vault"), State.FAILED, fault)
    remembering = Remembering(answers, lambda _what, _answered: None)
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
        yield Check(_("connection"), State.FAILED, str(error))
        return
    async with session:
        took = _("{seconds:.1f} s").format(seconds=time.monotonic() - began)
        yield Check(
            _("connection"), State.OK, f"{printable(session.user)}@{session.address or server.host}, {took}"
        )
        yield Check(_("host key"), State.OK, f"{session.host_key.algorithm} {session.host_key.fingerprint}")
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
            yield Check(_("connection"), State.FAILED, str(error))


def _place(config: Config, server: Server) -> str:
    """Why a run could not store what it has to; "" when it could, or where the vault itself is at fault."""
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
        expected = estimate(config, server.name, clocks)
        require_estimate(config, disk, server.name, clocks, expected, full=False)
    except TuibackupError as error:
        return str(error)
    return ""


async def _told(connecting: "asyncio.Future[Session]", notes: asyncio.Queue[str]) -> AsyncIterator[Check]:
    """What is worth knowing on the way, as it comes: a server that refuses us for a while is waited for."""
    seen = set()
    try:
        while not connecting.done() or not notes.empty():
            note = asyncio.ensure_future(notes.get())
            await asyncio.wait((note, connecting), return_when=asyncio.FIRST_COMPLETED)
            if not note.done():
                note.cancel()
            elif note.result() not in seen:
                seen.add(note.result())
                yield Check(_("SSH"), State.WARNING, note.result())
    except BaseException:
        connecting.cancel()
        raise


def _tools(session: "Session", tools: "Probe", server: Server) -> Iterator[Check]:
    from tuibackup.errors import DownloadError
    from tuibackup.files.choose import choose
    from tuibackup.files.shell.tools import lacking

    if tools.clock_offset is not None and abs(tools.clock_offset) > CLOCK_SECONDS:
        off = duration(abs(tools.clock_offset))
        where = _("ahead") if tools.clock_offset > 0 else _("behind")
        yield Check(
            _("clock"), State.WARNING, _("the server's clock is {off} {where}").format(off=off, where=where)
        )
    if server.folders:
        try:
            way = choose(session, tools, server)
        except DownloadError as error:
            yield Check(_("tools"), State.FAILED, str(error))
        else:
            why, *_way_out = lacking(tools) or ("",)
            yield Check(_("tools"), State.OK, f"{way.described} ({why})" if why else way.described)
            if way.limits:
                lacks = _("this way of reading cannot carry {limits}").format(limits=", ".join(way.limits))
                yield Check(_("limits"), State.OK, lacks)
    if server.database is not None and not tools.dump_tools:
        yield Check(
            _("dump tool"), State.OK, _("none on this server: its databases are read over the connection")
        )


async def _database(
    config: Config, session: "Session", probed: "Probe", server: Server, answers: Remembering
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
        yield Check(_("database"), State.FAILED, _("no answer from the database"))
        return
    except TuibackupError as error:
        yield Check(_("database"), State.FAILED, str(error))
        return
    try:
        found = ngettext("{number} database", "{number} databases", len(database.databases))
        detail = f"{printable(database.vendor)} {printable(database.server_version)}: " + found.format(
            number=count(len(database.databases))
        )
        total = sum(one.bytes for one in database.databases)
        yield Check(_("database"), State.OK, f"{detail}, {size(total)}")
        if nothing := nothing_there(server, database):
            yield Check(_("database"), State.FAILED, str(nothing))
            return
        for finding in audit(database):
            # What is marked would keep the clock from being reset, month after month.
            state = State.FAILED if finding.mark else State.WARNING
            yield Check(_("database"), state, f"{finding.subject}: {finding.reason}")
        try:
            tool = await find_tool(session, probed, database)
            yield Check(
                _("dump tool"), State.OK, f"{tool.path}: {tool.version}" if tool.version else tool.path
            )
        except BrokenToolError as error:
            tool, without = None, _("the databases are read over the connection")
            yield Check(_("dump tool"), State.WARNING, f"{error}: {without}")
        except ForeignToolError as error:
            tool = None
            without = _("its databases are read over the connection")
            yield Check(_("dump tool"), State.OK, f"{error}: {without}")
        except DatabaseError:
            tool = None
        for finding in foreseen(database, tool):
            yield Check(_("database"), State.WARNING, f"{finding.subject}: {finding.reason}")
        _text, unsaved = await users_and_grants(database)
        for finding in unsaved:
            yield Check(_("database"), State.WARNING, f"{finding.subject}: {finding.reason}")
        if busy := await long_queries(database):
            yield Check(_("database"), State.WARNING, busy)
        needs = await asyncio.to_thread(_dump_needs, config, server, total)
        if fault := await asyncio.to_thread(no_room, config, server.name, needs):
            yield Check(_("vault"), State.FAILED, fault)
    finally:
        await database.close()


def _dump_needs(config: Config, server: Server, total: int) -> int:
    """Bytes in the vault that a dump of databases of `total` bytes takes, as a run judges it."""
    from tuibackup.run.publish import dump_needs

    with suppress(TuibackupError):
        return dump_needs(open_vault(config, create=False), server.name, total)
    return total
