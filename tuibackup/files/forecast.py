"""What step 2 would fetch, for a dry run: the inventory is taken and compared as a download does, nothing is fetched.

The index is made in a place of the caller's and thrown away with it; the vault is only read.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tuibackup.config import Server
from tuibackup.files.choose import choose_source
from tuibackup.files.contract import Listed, Source, ToolFailedError
from tuibackup.files.findings import Findings
from tuibackup.files.links_out import places_outside, tell_of_places
from tuibackup.files.reuse import Reuse, reusable
from tuibackup.files.tally import Tally
from tuibackup.files.verdict import comparable_folders, storage_ratio, why_poor
from tuibackup.files.workers import in_thread
from tuibackup.progress import Finding, Progress
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.text import printable
from tuibackup.vault.index.read import IndexWriter
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.words import sentence


@dataclass(frozen=True, slots=True)
class FolderForecast:
    """A configured folder: what was listed, each inode once, and what of it is to be fetched.

    `fault` says why it would keep the clock from being reset.
    """

    folder: str
    files: int
    bytes: int
    changed: int
    changed_bytes: int
    fault: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """A download that was not made. `needs_room`: about so many bytes more in the vault. `seconds`: of the inventory.

    `resumed` files, of `resumed_bytes`, are there already from an interrupted run. `parent` is the snapshot that holds
    what did not change.
    """

    folders: tuple[FolderForecast, ...]
    findings: tuple[Finding, ...]
    parent: str | None
    resumed: int
    resumed_bytes: int
    needs_room: int
    seconds: float
    notes: tuple[str, ...] = ()  # what links lead to outside of the folders, and the like, a line each

    @property
    def changed_bytes(self) -> int:
        """To be fetched."""
        return sum(one.changed_bytes for one in self.folders)


async def forecast(
    session: Session,
    probe: Probe,
    server: Server,
    place: Path,
    previous: Snapshot | None,
    unfinished: Sequence[UnfinishedRun],
    *,
    full: bool,
    damaged: Collection[str] = (),
) -> Forecast:
    """List the folders of `server`, and compare with `previous` and `unfinished`; `place` is an empty folder. `damaged`
    and `full` as in `download`.

    Raises DownloadError, ConnectionLostError, VaultError.
    """
    began = time.monotonic()
    source = choose_source(session, probe, server)
    with IndexWriter(place / INDEX) as index:
        findings = Findings(index, _Silent())
        source, listed, notes = await _listed(source, server, index, findings)
        found = await in_thread(lambda: places_outside(index.symlinks(), listed))
        uncovered = await tell_of_places(
            found, listed, partial(source.resolve, identities=False), source.session.gone
        )
        older = None if full or previous is None else await in_thread(reusable, previous, damaged)
        seconds = time.monotonic() - began
        compared = await in_thread(
            _compared, index, findings, server, listed, previous, older, unfinished, seconds
        )
        return replace(compared, notes=(*notes, *uncovered))


async def _listed(
    source: Source, server: Server, index: IndexWriter, findings: Findings
) -> tuple[Source, list[Listed], list[str]]:
    """The way that was gone, the folders, and what is worth knowing: as in a run, a packer there is done without."""
    try:
        return source, await source.list_folders(server, index, findings, Tally()), []
    except ToolFailedError as error:
        plainer = source.without_packer()
        if plainer is None or await source.session.gone(error):
            raise
        await in_thread(index.restart)
        findings.forget()
        note = sentence("{error}: trying again without compression on the server", error=error.message)
        return plainer, await plainer.list_folders(server, index, findings, Tally()), [note]


def _compared(
    index: IndexWriter,
    findings: Findings,
    server: Server,
    listed: list[Listed],
    previous: Snapshot | None,
    older: Reuse | None,
    unfinished: Sequence[UnfinishedRun],
    seconds: float,
) -> Forecast:
    before = index.wanted_totals()
    for number, left in enumerate(unfinished):
        names = {one.written.path.name: f"{number}.{one.written.path.name}" for one in left.archives}
        index.take_over_unfinished(left.index, names)
    after = index.wanted_totals()
    unchanged = 0
    if older is not None:
        unchanged = index.take_over(older.snapshot.path / INDEX, older.snapshot.name, older.damaged)
    summaries = comparable_folders(previous, server)
    folders = []
    for one in listed:
        name = printable(one.folder)
        held = index.totals(one.root)._replace(content_bytes=one.bytes)
        fault = one.fault or why_poor(one, held, summaries.get(name), server)
        if fault:
            findings.folder(one.root, one.folder, fault, mark=True)
        changed, changed_bytes = index.wanted_totals(one.root)
        folders.append(FolderForecast(name, one.files, one.bytes, changed, changed_bytes, fault))
    findings.close()
    allocated = min(sum(one.changed_bytes for one in folders), sum(one.allocated for one in listed))
    return Forecast(
        tuple(folders),
        tuple(findings.shown),
        previous.name if previous and unchanged else None,
        before[0] - after[0],
        before[1] - after[1],
        int(allocated * storage_ratio(previous)),
        seconds,
    )


class _Silent:
    """A reporter that nobody listens to."""

    def progress(self, progress: Progress) -> None:
        """Nobody looks."""

    def finding(self, finding: Finding) -> None:
        """They are told at the end."""

    def output(self, line: str) -> None:
        """Nobody listens."""
