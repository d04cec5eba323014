"""Tries everything a run needs and changes nothing: one answer for each thing, for `tuibackup check`.

Unlike a run it does not stop at the first fault, and it looks at more: every folder, grants, this host.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config, SecretSource, Server
from tuibackup.errors import DatabaseError, RemoteCommandError, TuibackupError
from tuibackup.remote.questions import Answers, Question
from tuibackup.run.places import known_hosts, open_ledger, open_vault
from tuibackup.run.plan import agent_is_forwarded
from tuibackup.run.secrets import resolve
from tuibackup.secret import Secret
from tuibackup.text import count, duration, printable, size
from tuibackup.vault.disk import room
from tuibackup.vault.layout import NoVaultYetError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from tuibackup.remote.probe import Probe
    from tuibackup.remote.session import Session

CONNECT_SECONDS = 45.0
FOLDER_SECONDS = 30.0
CLOCK_SECONDS = 60.0  # a server's clock that is further off is worth a word

_LOGIND = ("/usr/lib/systemd/logind.conf", "/etc/systemd/logind.conf")
_DROP_INS = ("/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d")


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: `detail` says what was found and, where it is not ok, the way out."""

    what: str
    state: State
    detail: str


def check_host(config: Config) -> Iterator[Check]:
    """What lies on this machine: configuration, vault, ledger, and what ends runs at logout."""
    servers = ngettext("{number} server", "{number} servers", len(config.servers))
    yield Check(
        _("configuration"), State.OK, f"{config.source}: {servers.format(number=len(config.servers))}"
    )
    yield _vault(config)
    yield _ledger(config)
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


def _ledger(config: Config) -> Check:
    """The ledger, its whole chain read: a second for ten thousand entries."""
    try:
        with open_ledger(config) as ledger:
            number, newer, problems = ledger.count(), ledger.newer(), ledger.verify_chain()
    except TuibackupError as error:
        return Check(_("ledger"), State.FAILED, str(error))
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
    except (TuibackupError, OSError) as error:
        return Check(name, State.FAILED, str(error))
    detail = _("{path}: {free} of {total} free on {device} ({type})").format(
        path=path,
        free=size(disk.free),
        total=size(disk.total),
        device=printable(disk.device),
        type=printable(disk.fstype),
    )
    if disk.refusal:
        return Check(name, State.FAILED, disk.refusal)
    least = config.vault.least_free(disk.total)
    if disk.free < least:
        return Check(
            name, State.FAILED, _("{detail}; min_free keeps {least}").format(detail=detail, least=size(least))
        )
    if disk.warning:
        return Check(name, State.WARNING, f"{detail}; {disk.warning}")
    return Check(name, State.OK, detail)


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


async def check_server(config: Config, server: Server, answers: Answers) -> AsyncIterator[Check]:
    """Connect, look, log in. Questions go to `answers`; without a face they are failed checks."""
    from tuibackup.files.server import lacking
    from tuibackup.remote.probe import probe
    from tuibackup.remote.session import connect
    from tuibackup.run.kept import kept

    notes: list[str] = []
    if (left := await asyncio.to_thread(kept, config, server.name)) is not None:
        yield Check(_("interrupted"), State.OK, left.sentence)

    async def secret(source: SecretSource, question: Question) -> Secret | None:
        return await resolve(source, question, answers)

    began = time.monotonic()
    try:
        session = await connect(
            server,
            known_hosts=known_hosts(config),
            answers=answers,
            secrets=secret,
            deadline=began + CONNECT_SECONDS,
            notes=notes.append,
        )
    except TuibackupError as error:
        yield Check(_("connection"), State.FAILED, str(error))
        return
    async with session:
        took = _("{seconds:.1f} s").format(seconds=time.monotonic() - began)
        yield Check(
            _("connection"), State.OK, f"{printable(session.user)}@{session.address or server.host}, {took}"
        )
        yield Check(_("host key"), State.OK, f"{session.host_key.algorithm} {session.host_key.fingerprint}")
        for note in notes:
            yield Check(_("SSH option"), State.WARNING, note)
        try:
            tools = await probe(session)
            for check in _tools(session, tools, server):
                yield check
            for folder in server.folders:
                if lacking(tools):
                    yield await _folder_over_sftp(session, folder)
                else:
                    yield await _folder(session, folder, gnu=tools.find == "gnu", sudo=server.sudo)
            if server.database is not None:
                async for check in _database(config, session, tools, server, answers):
                    yield check
        except TuibackupError as error:
            yield Check(_("connection"), State.FAILED, str(error))


def _tools(session: "Session", tools: "Probe", server: Server) -> Iterator[Check]:
    from tuibackup.errors import DownloadError
    from tuibackup.files.way import choose

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
            yield Check(_("tools"), State.OK, way.described)
            if way.limits:
                lacks = _("this way of reading cannot carry {limits}").format(limits=", ".join(way.limits))
                yield Check(_("limits"), State.OK, lacks)
    if server.database is not None and not tools.dump_tools:
        yield Check(
            _("dump tool"), State.OK, _("none on this server: its databases are read over the connection")
        )


# For each name whether it is a folder, and each name that cannot be read: for a find that can do neither by itself.
_KINDS = 'for name do if [ -d "$name" ]; then echo d; else echo f; fi; done'
_CLOSED = (
    'for name do [ -r "$name" ] && { [ ! -d "$name" ] || [ -x "$name" ]; } || printf "%s\\0" "$name"; done'
)


async def _folder(session: "Session", folder: str, *, gnu: bool, sudo: bool) -> Check:
    """Whether a folder is there and all of it can be read, with the same tool and rights as a run's."""
    what = _("folder")
    kinds_told = ["-printf", "%y "]
    closed_told = ["(", "!", "-readable", "-o", "-type", "d", "!", "-executable", ")", "-print0"]
    if not gnu:
        kinds_told, closed_told = (["-exec", "sh", "-c", text, "sh", "{}", "+"] for text in (_KINDS, _CLOSED))
    words = ["find", "-H", folder, "!", "-type", "l", *closed_told]
    try:
        there = await session.run(
            ["find", "-H", folder, "-maxdepth", "1", *kinds_told], timeout=FOLDER_SECONDS, sudo=sudo
        )
        kinds = there.stdout.split()
        if not kinds:
            said = printable(there.stderr.strip().splitlines()[-1]) if there.stderr.strip() else str(folder)
            return Check(what, State.FAILED, said)
        if kinds[0] != b"d":
            return Check(what, State.FAILED, _("{folder} is no folder").format(folder=folder))
        unreadable = (
            await session.run(words, timeout=FOLDER_SECONDS, limit=1 << 20, sudo=sudo)
        ).stdout.split(b"\0")[:-1]
    except RemoteCommandError:
        # A tree of millions takes longer: a run will tell.
        return Check(what, State.OK, _("{folder} (too large to look at every file)").format(folder=folder))
    if unreadable:
        return Check(
            what,
            State.WARNING,
            _("{folder}: {number} names cannot be read, such as {name}; sudo rule, or exclude").format(
                folder=folder, number=count(len(unreadable)), name=printable(unreadable[0])
            ),
        )
    if len(kinds) == 1:
        return Check(what, State.WARNING, _("{folder} is empty").format(folder=folder))
    return Check(what, State.OK, folder)


async def _folder_over_sftp(session: "Session", folder: str) -> Check:
    """Whether a folder is there and can be listed; what in it cannot be read only a run tells."""
    from tuibackup.files.sftpway import look

    what = _("folder")
    try:
        async with asyncio.timeout(FOLDER_SECONDS):
            fault, filled = await look(session, folder.encode("utf-8", "surrogateescape"))
    except (RemoteCommandError, TimeoutError) as error:
        return Check(what, State.FAILED, str(error) or _("no answer over SFTP"))
    if fault:
        return Check(what, State.FAILED, f"{folder} {fault}")
    if not filled:
        return Check(what, State.WARNING, _("{folder} is empty").format(folder=folder))
    return Check(what, State.OK, folder)


async def _database(
    config: Config, session: "Session", probed: "Probe", server: Server, answers: Answers
) -> AsyncIterator[Check]:
    from tuibackup.database.audit import audit, foreseen, long_queries
    from tuibackup.database.login import login
    from tuibackup.database.tool import BrokenToolError, find_tool

    assert server.database is not None
    question = Question("database-password", server.name, f"database password of {server.name}:")
    try:
        async with asyncio.timeout(config.sop.login_within):
            password = await resolve(server.database.password, question, answers)
            database = await login(session, server, password)
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
        state = State.OK if database.databases else State.WARNING
        yield Check(_("database"), state, f"{detail}, {size(total)}")
        for finding in audit(database.databases, database.grants, database.account, database.vendor):
            # What is marked would keep the clock from being reset, month after month.
            state = State.FAILED if finding.mark else State.WARNING
            yield Check(_("database"), state, f"{finding.subject}: {finding.reason}")
        try:
            tool = await find_tool(session, probed, database.vendor)
            yield Check(
                _("dump tool"), State.OK, f"{tool.path}: {tool.version}" if tool.version else tool.path
            )
        except BrokenToolError as error:
            tool, without = None, _("the databases are read over the connection")
            yield Check(_("dump tool"), State.WARNING, f"{error}: {without}")
        except DatabaseError:
            tool = None
        for finding in foreseen(database, tool):
            yield Check(_("database"), State.WARNING, f"{finding.subject}: {finding.reason}")
        if busy := await long_queries(database):
            yield Check(_("database"), State.WARNING, busy)
    finally:
        await database.close()
