"""What a run needs and whether it has it (*kebutuhan*): looked for and recorded before a byte is fetched."""

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.errors import DatabaseError, DownloadError, TuibackupError, UsageError, VaultError
from tuibackup.run.access import described, open_database
from tuibackup.run.places import open_vault
from tuibackup.run.state import Work
from tuibackup.run.unfinished import unfinished
from tuibackup.sop import Clock
from tuibackup.text import printable, size
from tuibackup.vault.disk import Room, require_room
from tuibackup.words import joined, later, sentence

if TYPE_CHECKING:
    from tuibackup.database.connect.login import DatabaseSession
    from tuibackup.database.dump.tool import DumpTool

Need = tuple[str, bool, str]  # what, whether it is there, the detail

CONNECTION, HOST_KEY, TOOLS = later("connection"), later("host key"), later("tools")
ROOM, DATABASE, DUMP_TOOL = later("room on the backup disk"), later("database access"), later("dump tool")
PRIVILEGES, CONTENTS = later("database privileges"), later("what there is to dump")
LIMITS, LOAD = later("limits of the dump"), later("long queries")
_SHOWN = 20  # databases that are described one by one


def find_vault(work: Work) -> None:
    """Find the server's settings and the backup disk, with enough room. Contacts no server.

    Raises UsageError: no such server; VaultError: the vault is missing, wrong, not writable, or full.
    """
    config, name = work.config, work.plan.server
    if name not in config.servers:
        raise UsageError(sentence('no server "{name}" in {source}', name=name, source=config.source))
    work.server = config.servers[name]
    work.vault = open_vault(config)
    room = work.vault.room()
    if work.vault.created:
        work.note(sentence("{path} is a vault from now on: {room}", path=work.vault.path, room=_room(room)))
        if room.warning:
            work.note(room.warning)
    require_room(room, config.vault.path, 0, config.vault.least_free(room.total))
    work.vault.require_writable(name)
    require_estimate(config, room, name, work.plan.clocks, work.plan.estimate_bytes, full=work.plan.full)


def require_estimate(
    config: Config, room: Room, server: str, clocks: Collection[Clock], estimate: int | None, *, full: bool
) -> None:
    """Raise VaultError if a run of `server` that stores `estimate` bytes would leave less than `min_free`."""
    there = unfinished(config, server, full=full) if Clock.FILES in clocks else None
    needs = max(0, (estimate or 0) - (there.bytes if there else 0))
    require_room(room, server, needs, config.vault.least_free(room.total))


async def meet_needs(work: Work) -> tuple[Need, ...]:
    """Everything the run needs, once it is connected. What is missing here makes its own step fail later."""
    assert work.session is not None
    assert work.probe is not None
    key = work.session.host_key
    reached = f"{printable(work.session.user)}@{printable(work.session.address)}"
    needs: list[Need] = [
        (CONNECTION, True, joined("; ", filter(None, (reached, work.session.waited)))),
        (HOST_KEY, True, f"{key.algorithm} {key.fingerprint}"),
        _tools(work),
        _room_need(work),
    ]
    if Clock.DATABASES in work.plan.clocks:
        needs += await _database(work)
    return tuple(needs)


def unmet(work: Work) -> tuple[Need, ...]:
    """The needs as far as they are known when the server could not be reached."""
    return ((CONNECTION, False, work.error), _room_need(work))


def _tools(work: Work) -> Need:
    from tuibackup.files.choose import choose_source

    probe = work.probe
    assert probe is not None
    found = [
        f"find ({probe.find})" if probe.find else "",
        f"tar ({' '.join(filter(None, (probe.tar, probe.tar_version)))})" if probe.tar else "",
        "zstd" if probe.zstd else "gzip" if probe.gzip else "",
    ]
    missing = []
    if Clock.FILES in work.plan.clocks:
        try:
            found = [choose_source(work.connected(), probe, work.server).described]
        except DownloadError as error:
            missing.append(str(error))
    if Clock.DATABASES in work.plan.clocks:
        found += [printable(path) for path, _version in probe.dump_tools]
    detail = joined(", ", filter(None, found))
    if missing:
        lacks = sentence("missing: {missing}", missing=joined(", ", missing))
        found_too = sentence("found: {detail}", detail=detail) if detail else ""
        detail = joined("; ", filter(None, (lacks, found_too)))
    return TOOLS, not missing, detail


def _room_need(work: Work) -> Need:
    with suppress(VaultError):
        return ROOM, True, _room(work.vault.room())
    return ROOM, False, str(work.vault.path)


def _room(room: Room) -> str:
    return sentence(
        "{free} of {total} free on {device}",
        free=size(room.free),
        total=size(room.total),
        device=printable(room.device),
    )


async def _database(work: Work) -> list[Need]:
    """Log in once and look around; so a password is asked for now, while the operator is still there."""
    try:
        database = await open_database(work)
    except TuibackupError as error:
        return [(DATABASE, False, str(error))]
    async with database:
        how = sentence(
            "{account} by {authentication}",
            account=printable(database.account),
            authentication=database.authentication or sentence("password"),
        )
        needs = [(DATABASE, True, joined(", ", (described(database), how)))]
        try:
            needs += await _around(work, database)
        except TuibackupError as error:  # it fails in its own step, too
            needs.append((CONTENTS, False, str(error)))
        return needs


async def _around(work: Work, database: "DatabaseSession") -> list[Need]:
    """The dump program, what the account may not read, what can be dumped, and what keeps the server busy."""
    from tuibackup.database.rights.audit import audit, foreseen, long_queries

    found = list(audit(database))
    missing = [joined(": ", (finding.subject, finding.reason)) for finding in found if finding.mark]
    tool, described_tool = await _dump_tool(work, database)
    limits = [finding for finding in found if not finding.mark]
    limits += foreseen(database, tool)
    contents = [str(info) for info in database.databases[:_SHOWN]]
    if len(database.databases) > _SHOWN:
        contents.append(sentence("and {number} more", number=len(database.databases) - _SHOWN))
    told = [joined(": ", (finding.subject, finding.reason)) for finding in limits[:_SHOWN]]
    if len(limits) > _SHOWN:
        told.append(sentence("and {number} more", number=len(limits) - _SHOWN))
    return [
        described_tool,
        (PRIVILEGES, not missing, joined("; ", missing) or sentence("enough for a whole dump")),
        (CONTENTS, True, joined("; ", contents)),
        (LIMITS, not told, joined("; ", told) or sentence("none: every table at one instant, and exact")),
        (LOAD, True, await long_queries(database) or sentence("no query runs for more than a minute")),
    ]


async def _dump_tool(work: Work, database: "DatabaseSession") -> tuple["DumpTool | None", Need]:
    from tuibackup.database.dump.tool import BrokenToolError, ForeignToolError, find_tool

    try:
        tool = await find_tool(work.connected(), work.tools(), database)
    except BrokenToolError as error:
        return None, (
            DUMP_TOOL,
            False,
            sentence("{error}: the databases are read over the connection", error=error),
        )
    except ForeignToolError as error:
        return None, (
            DUMP_TOOL,
            True,
            sentence("{error}: its databases are read over the connection", error=error),
        )
    except DatabaseError:
        return None, (
            DUMP_TOOL,
            True,
            sentence("none on the server: its databases are read over the connection"),
        )
    return tool, (DUMP_TOOL, True, f"{printable(tool.path)} {tool.version}: {' '.join(tool.flags)}")
