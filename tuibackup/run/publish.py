"""A snapshot while a step fills it: it is published whole, or removed except for what the next run can use."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from tuibackup import __version__
from tuibackup.errors import LedgerError, VaultError
from tuibackup.ledger.witness import Head
from tuibackup.progress import Finding, Progress
from tuibackup.run.journal import events as ev
from tuibackup.run.record import clock_of
from tuibackup.run.reporter import StepReporter
from tuibackup.run.state import Work
from tuibackup.sop import Clock, Outcome, Period
from tuibackup.text import size
from tuibackup.vault import facts
from tuibackup.vault.disk import require_room
from tuibackup.vault.incoming import Incoming
from tuibackup.vault.layout import Vault
from tuibackup.vault.summary import FindingSummary, SnapshotSummary
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.words import sentence, sentence_n


class _StoppedError(Exception):
    """Raised inside the publishing thread when the run is to stop."""


@asynccontextmanager
async def incoming(work: Work, clock: Clock) -> AsyncIterator[Incoming]:
    """A new incoming folder. When the block fails, only its complete archives are kept, for the next run."""
    plan = work.plan
    creating = asyncio.create_task(
        asyncio.to_thread(Incoming.create, work.vault, plan.server, plan.run, clock)
    )
    try:
        yield await asyncio.shield(creating)
    except BaseException:
        await asyncio.wait((creating,))  # a stop may have come while the thread was making it
        if creating.exception() is None:
            try:
                if (left := await asyncio.to_thread(_let_go, creating.result())) is not None:
                    work.unfinished = True
                    files = sentence_n("{count} file", "{count} files", left.files)
                    work.note(
                        sentence(
                            "kept for the next run: {files}, {stored_bytes}",
                            files=files,
                            stored_bytes=size(left.stored_bytes),
                        )
                    )
            except VaultError as error:  # the error to report is the one that made the block fail
                work.note(sentence("what this run had stored could not be removed: {error}", error=error))
        raise


def _let_go(place: Incoming) -> UnfinishedRun | None:
    """Remove a dump, which cannot be continued; keep files in complete archives, which need not be fetched again."""
    if place.clock is Clock.FILES:
        return place.keep_complete()
    place.discard()
    return None


def least_free(work: Work) -> int:
    """What `min_free` keeps on the vault's disk, in bytes."""
    return work.config.vault.least_free(work.vault.room().total)


def dump_needs(vault: Vault | None, server: str, database_bytes: int) -> int:
    """Bytes that a dump takes: a fifth more than the last one; for the first, the size of the databases."""
    previous = vault.latest(server, Clock.DATABASES) if vault else None
    return int(previous.summary.stored_bytes * 1.2) if previous else database_bytes


def check_room(work: Work, database_bytes: int) -> None:
    """Refuse a dump that would leave less than `min_free`, before its first byte. Raises VaultError."""
    needed = dump_needs(work.vault, work.plan.server, database_bytes)
    require_room(work.vault.room(), work.plan.server, needed, least_free(work))


def full_is_due(vault: Vault, server: str, every: Period) -> bool:
    """Whether the last full download is `every` ago: then everything is fetched anew."""
    whole = vault.latest_full(server, Clock.FILES)
    if whole is None:
        return True
    last = datetime.fromisoformat(whole.summary.started).astimezone().date()
    return datetime.now().astimezone().date() >= every.after(last)


def describe(
    work: Work,
    clock: Clock,
    started: str,
    outcome: Outcome,
    *,
    whole: bool,
    findings: Iterable[Finding],
    tools: dict[str, str],
    **stored: Any,
) -> SnapshotSummary:
    """snapshot.json's content: what was `stored` (its own fields), and where, how and by whom."""
    key, head = work.connected().host_key, Head()
    with suppress(LedgerError):  # the record of the run says so; what was fetched is none the worse
        head = work.ledger.head()
    return SnapshotSummary(
        server=work.plan.server,
        clock=clock,
        run=work.plan.run,
        started=started,
        finished=ev.now(),
        operator=work.plan.operator.name,
        outcome=outcome,
        whole=whole,
        findings=tuple(FindingSummary(one.subject, one.reason, one.mark) for one in findings),
        host_key=f"{key.algorithm} {key.fingerprint}",
        ledger_entry=head.seq,
        ledger_hash=head.hash,
        tools={"tuibackup": __version__, "os": work.tools().os, **tools},
        **stored,
    )


async def publish(
    work: Work,
    place: Incoming,
    description: SnapshotSummary,
    report: StepReporter,
    detail: str,
    *,
    changed: int | None = None,
    new: int | None = None,
) -> None:
    """Complete, prove and publish the snapshot, which becomes the clock's result. Shows how far the proof is.

    `changed` files with `new` bytes were fetched; None where all were.

    A thread cannot be cancelled: when the run is stopped meanwhile, the thread is told and waited for. If it
    has published by then, the snapshot counts.
    """
    stopped = threading.Event()

    def on_progress(progress: Progress) -> None:
        if stopped.is_set():
            raise _StoppedError
        report.progress(replace(progress, current=sentence("checking {current}", current=progress.current)))

    if work.facts is not None:
        await asyncio.to_thread(place.write, facts.FILE_NAME, facts.encode(work.facts))
    report.output(sentence("checking what was written"))
    thread = asyncio.ensure_future(asyncio.to_thread(place.publish, description, on_progress))
    try:
        snapshot = await asyncio.shield(thread)
    except asyncio.CancelledError:
        stopped.set()
        while not thread.done():  # even if cancelled twice: nobody may sweep what the thread still moves
            with suppress(asyncio.CancelledError):
                await asyncio.wait((thread,))
        if thread.exception() is None:
            work.clocks[description.clock] = clock_of(thread.result(), detail, changed=changed, new=new)
        raise
    work.clocks[description.clock] = clock_of(snapshot, detail, changed=changed, new=new)
