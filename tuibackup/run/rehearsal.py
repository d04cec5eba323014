"""A dry run: it connects, lists and compares as a run does, and tells what that run would fetch, need and find.

It asks the same questions as a run. It writes nothing into vault, ledger or journals; only a host key that the operator
accepts is kept, as always.
"""

import asyncio
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config, Server
from tuibackup.errors import LedgerError, TuibackupError
from tuibackup.files.forecast import Forecast, forecast
from tuibackup.progress import Finding
from tuibackup.remote.probe import Probe, probe
from tuibackup.remote.questions import Answers
from tuibackup.remote.session import Session
from tuibackup.run.access import log_in, open_session
from tuibackup.run.healing import not_to_be_used
from tuibackup.run.places import open_ledger, open_vault
from tuibackup.run.plan import HISTORY, Plan
from tuibackup.run.publish import dump_needs, full_is_due
from tuibackup.run.questions import RememberedAnswers
from tuibackup.run.unfinished import usable
from tuibackup.sop import Clock, Outcome, Step
from tuibackup.text import size
from tuibackup.vault.disk import room
from tuibackup.vault.incoming import unfinished_runs
from tuibackup.vault.layout import NoVaultYetError, Snapshot, Vault
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.database.inventory import DatabaseInfo
    from tuibackup.remote.connect.hostkeys import Told

_TELLING = 1_000_000  # bytes that a download must have stored to show how fast this server is


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run by `plan` would do. `error`: why it would fail; the other fields hold what was learned before.

    `seconds` by step as far as they are known, `needs_room` bytes in the vault.
    """

    plan: Plan
    error: str = ""
    full: bool = False
    files: Forecast | None = None
    databases: "tuple[DatabaseInfo, ...] | None" = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    needs_room: int = 0
    seconds: dict[Step, float] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """How such a run would end, as far as that can be told now."""
        if self.error:
            return Outcome.FAILED
        return Outcome.WARNINGS if self.findings else Outcome.DONE


async def rehearse(plan: Plan, config: Config, answers: Answers, told: "Told | None") -> Rehearsal:
    """Try `plan` without doing it. What goes wrong is in the result. `told` records host keys that are accepted."""
    found = _Found(plan, config, RememberedAnswers(answers), told)
    try:
        await found.look()
    except TuibackupError as error:
        found.error = str(error)
    return found.result()


async def list_folders(
    config: Config, vault: Vault | None, session: Session, tools: Probe, server: Server, *, full: bool
) -> tuple[Forecast, bool]:
    """What step 2 of a run would find and fetch, and whether it would fetch everything."""
    previous, left, full = None, [], full or vault is None
    damaged: Collection[str] = ()
    if vault is not None:
        previous = await asyncio.to_thread(vault.latest, server.name, Clock.FILES)
        full = full or await asyncio.to_thread(full_is_due, vault, server.name, config.vault.full_every)
        left = usable(await asyncio.to_thread(unfinished_runs, vault, server.name), full=full)
        damaged = await asyncio.to_thread(_damaged, config, vault, server.name, previous)
    with tempfile.TemporaryDirectory(prefix="tuibackup-") as place:
        found = await forecast(
            session, tools, server, Path(place), previous, left, full=full, damaged=damaged
        )
    return found, full


def _damaged(config: Config, vault: Vault, server: str, previous: Snapshot | None) -> Collection[str]:
    """What a run would not use; nothing where there is no ledger that says so."""
    with suppress(LedgerError), open_ledger(config, read_only=True) as ledger:
        return not_to_be_used(vault, ledger, server, previous)
    return ()


def room_fault(config: Config, found: Sequence[Rehearsal]) -> str:
    """Why the backup disk has too little room for all of them; "" if it has enough."""
    needs = sum(one.needs_room for one in found)
    disk = room(config.vault.path)
    least = config.vault.least_free(disk.total)
    if not needs or disk.free - needs >= least:
        return ""
    return sentence(
        "{path}: {free} free, about {needs} needed; min_free keeps {least}",
        path=config.vault.path,
        free=size(disk.free),
        needs=size(needs),
        least=size(least),
    )


class _Found:
    """Collects what is known so far."""

    def __init__(self, plan: Plan, config: Config, answers: RememberedAnswers, told: "Told | None") -> None:
        self.error = ""
        self._plan = plan
        self._config = config
        self._server = config.servers[plan.server]
        self._answers = answers
        self._told = told
        self._vault: Vault | None = None
        self._full = True  # unless there is a vault
        self._files: Forecast | None = None
        self._databases: tuple[DatabaseInfo, ...] | None = None
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._room = 0
        self._seconds: dict[Step, float] = {}

    def result(self) -> Rehearsal:
        return Rehearsal(
            self._plan,
            self.error,
            self._full,
            self._files,
            self._databases,
            tuple(self._findings),
            tuple(dict.fromkeys(self._notes)),
            self._room,
            self._seconds,
        )

    async def look(self) -> None:
        with suppress(NoVaultYetError):
            self._vault = await asyncio.to_thread(open_vault, self._config, create=False)
        began = time.monotonic()
        opening = open_session(self._config, self._server, self._answers, self._notes.append, self._told)
        async with await opening as session:
            tools = await probe(session)
            self._seconds[Step.CONNECT] = time.monotonic() - began
            if Clock.FILES in self._plan.clocks:
                await self._look_at_files(session, tools)
            if Clock.DATABASES in self._plan.clocks:
                await self._look_at_databases(session)

    async def _look_at_files(self, session: Session, tools: Probe) -> None:
        files, self._full = await list_folders(
            self._config, self._vault, session, tools, self._server, full=self._plan.full
        )
        self._files = files
        self._findings += files.findings
        self._notes += files.notes
        self._room += files.needs_room
        seconds = await asyncio.to_thread(self._expected, files)
        if seconds is not None:
            self._seconds[Step.DOWNLOAD] = files.seconds + seconds

    def _expected(self, files: Forecast) -> float | None:
        """Seconds to fetch what is to be fetched, at the speed of earlier downloads and the limit of this hour."""
        if not files.changed_bytes:
            return 0.0
        past = self._past(Clock.FILES)
        telling = [(stored, took) for stored, took in past if stored >= _TELLING and took > 0]
        if telling:
            rate = sum(stored for stored, _took in telling) / sum(took for _stored, took in telling)
            limit = self._config.run.bytes_per_second(datetime.now().astimezone())
            return files.needs_room / (min(rate, limit) if limit else rate)
        return self._usual(Step.DOWNLOAD, past)

    def _usual(self, step: Step, past: list[tuple[int, float]]) -> float | None:
        """The seconds that the step usually takes, or that it took last time."""
        return self._plan.expected.get(step, past[-1][1] if past else None)

    def _past(self, clock: Clock) -> list[tuple[int, float]]:
        """For the newest snapshots: bytes stored, and seconds that fetching them took."""
        past = []
        newest = self._vault.newest(self._plan.server, clock) if self._vault else iter(())
        for snapshot in reversed(list(islice(newest, HISTORY))):
            with suppress(TuibackupError):
                summary = snapshot.summary
                took = datetime.fromisoformat(summary.finished) - datetime.fromisoformat(summary.started)
                past.append((summary.stored_bytes, took.total_seconds()))
        return past

    async def _look_at_databases(self, session: Session) -> None:
        from tuibackup.database.rights.audit import audit

        began = time.monotonic()
        async with await log_in(self._server, session, self._answers) as database:
            self._seconds[Step.LOGIN] = time.monotonic() - began
            self._databases = tuple(database.databases)
            self._findings += audit(database)
        total = sum(one.bytes for one in self._databases)
        self._room += await asyncio.to_thread(dump_needs, self._vault, self._plan.server, total)
        seconds = self._usual(Step.DUMP, await asyncio.to_thread(self._past, Clock.DATABASES))
        if seconds is not None:
            self._seconds[Step.DUMP] = seconds
