"""The procedure's four steps, in the words and the order of the SOP's page. `engine` carries them out.

Each takes the run's `Work` and its own reporter, and returns its result in one line; what it raises is its
failure. Steps 2 and 4 publish what they stored before they end. What serves folders or databases alone is loaded by
`load`, while the first step waits for the server.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from functools import partial

from tuibackup.errors import VaultError
from tuibackup.run import access, facts
from tuibackup.run.bandwidth import transferring
from tuibackup.run.healing import not_to_be_used
from tuibackup.run.journal import events as ev
from tuibackup.run.publish import check_room, describe, full_is_due, incoming, least_free, publish
from tuibackup.run.reconnect import connect_again
from tuibackup.run.reporter import StepReporter
from tuibackup.run.state import Work
from tuibackup.sop import Clock
from tuibackup.text import count, printable, size
from tuibackup.vault.incoming import sweep, unfinished_runs
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.words import joined, sentence, sentence_n


def load(clocks: Collection[Clock]) -> None:
    """Import what the steps for `clocks` need, while the connection is being made."""
    if Clock.FILES in clocks:
        import tuibackup.files.download
    if Clock.DATABASES in clocks:
        import tuibackup.database.dump.dump  # noqa: F401


async def connect(work: Work, report: StepReporter) -> str:
    """Step 1, *menghubungkan koneksi*: jump hosts, host keys, keys or passwords; then the server's tools."""
    await access.reach(work)
    key = work.connected().host_key
    return f"{key.algorithm} {key.fingerprint}"


async def download(work: Work, report: StepReporter) -> str:
    """Step 2, *mendownload folder aplikasi yang aktif*: into a new snapshot; nothing is ever replaced."""
    from tuibackup.files.download import download as download_folders
    from tuibackup.files.shell.tools import missing_tools

    started, tools = ev.now(), work.tools()
    async with incoming(work, Clock.FILES) as place:
        previous = await asyncio.to_thread(work.vault.latest, work.plan.server, Clock.FILES)
        full = work.plan.full or await asyncio.to_thread(
            full_is_due, work.vault, work.plan.server, work.config.vault.full_every
        )
        damaged = await asyncio.to_thread(not_to_be_used, work.vault, work.ledger, work.plan.server, previous)
        with transferring(work.config):
            fetched = await download_folders(
                work.connected(),
                tools,
                work.server,
                place,
                previous,
                report,
                full=full,
                damaged=damaged,
                least_free=least_free(work),
                unfinished=await asyncio.to_thread(_unfinished, work),
                reconnect=partial(connect_again, work, report),
                listed=partial(facts.gathered, work),
            )
        parts = (
            sentence_n("{count} file", "{count} files", fetched.files),
            size(fetched.bytes),
            sentence("{changed} new or changed", changed=count(fetched.changed)) if fetched.parent else "",
            sentence("{resumed} of an interrupted run", resumed=count(fetched.resumed))
            if fetched.resumed
            else "",
            _times(fetched.reconnected),
            sentence("stored {size}", size=size(fetched.stored_bytes)),
        )
        detail = joined(" · ", filter(None, parts))
        description = describe(
            work,
            Clock.FILES,
            started,
            fetched.outcome,
            whole=fetched.whole,
            findings=fetched.findings,
            tools={"sftp": "version 3"}
            if missing_tools(tools)
            else {"find": tools.find or "", "tar": f"{tools.tar or ''} {tools.tar_version}".strip()},
            folders=fetched.folders,
            files=fetched.files,
            bytes=fetched.bytes,
            parent=fetched.parent,
            limits=fetched.limits,
        )
        for text in fetched.uncovered:
            work.note(text)
        since = bool(fetched.parent)
        await publish(
            work,
            place,
            description,
            report,
            detail,
            changed=fetched.changed if since else None,
            new=fetched.changed_bytes if since else None,
        )
    return detail


async def login(work: Work, report: StepReporter) -> str:
    """Step 3, *membuka aplikasi db dan login*: log in, and list what can be dumped."""
    from tuibackup.database.inventory import tables

    database = work.database = await access.open_database(work)
    for one in database.databases:
        report.output(
            sentence(
                "{name}: {tables}, about {size}",
                name=printable(one.name),
                tables=tables(len(one.tables)),
                size=size(one.bytes),
            )
        )
    return access.described(database)


async def dump(work: Work, report: StepReporter) -> str:
    """Step 4, *melakukan dump SQL pada semua database aktif*: into a new snapshot of its own."""
    from tuibackup.database.dump.dump import dump as dump_databases
    from tuibackup.run.dry_load import dry_load

    database = work.database
    assert database is not None
    started = ev.now()
    async with database, incoming(work, Clock.DATABASES) as place:
        await asyncio.to_thread(check_room, work, sum(one.bytes for one in database.databases))
        await facts.of_database(work, database)
        least = least_free(work)
        with transferring(work.config):
            dumped = await dump_databases(
                work.connected(),
                work.tools(),
                database,
                work.server,
                place,
                report,
                least_free=least,
                before=await asyncio.to_thread(_last_sizes, work),
            )
        dumped = await dry_load(work.config, work.server, database.server_version, dumped, place, report)
        number = len(dumped.databases)
        lock = "" if dumped.lock_ms is None else sentence("lock {time} ms", time=f"{dumped.lock_ms:.0f}")
        detail = joined(
            " · ",
            (
                sentence_n("{count} database", "{count} databases", number),
                size(dumped.bytes),
                joined(", ", filter(None, (dumped.instant, lock))),
                sentence("rows {rows}", rows=dumped.rows),
                sentence("stored {size}", size=size(dumped.stored_bytes)),
            ),
        )
        description = describe(
            work,
            Clock.DATABASES,
            started,
            dumped.outcome,
            whole=dumped.whole,
            findings=dumped.findings,
            tools={"dump": dumped.tool, "database": access.described(database)},
            databases=dumped.databases,
            files=number,
            bytes=dumped.bytes,
            instant=dumped.instant,
            lock_ms=None if dumped.lock_ms is None else round(dumped.lock_ms, 1),
            longest_wait_ms=round(dumped.longest_ms, 1) or None,
            no_barrier=dumped.no_barrier,
            position=dumped.position,
            rows=dumped.rows,
        )
        await publish(work, place, description, report, detail)
    return detail


def _unfinished(work: Work) -> list[UnfinishedRun]:
    """What interrupted runs left; a run that died while the vault was away, or locked, is cleaned up first."""
    with suppress(VaultError):  # what cannot be removed does no harm here
        sweep(work.vault, work.plan.server, keep=work.plan.run)
    return unfinished_runs(work.vault, work.plan.server)


def _times(reconnected: int) -> str:
    """How often the connection was lost during the step."""
    if not reconnected:
        return ""
    return (
        sentence("reconnected once")
        if reconnected == 1
        else sentence("reconnected {reconnected} times", reconnected=count(reconnected))
    )


def _last_sizes(work: Work) -> dict[str, int]:
    """Bytes of SQL by database, as of the last good dump."""
    previous = work.vault.latest(work.plan.server, Clock.DATABASES)
    return {one.name: one.bytes for one in previous.summary.databases} if previous else {}
