"""A snapshot in the making: a run's own folder, written once, proven, and moved into its place.

A run writes only below `<vault>/<server>/.incoming-<run>/`; nothing there is looked at by anybody else. What
is published is complete, read back from the disk, and never changed again.
"""

import hashlib
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec

from tuibackup.errors import VaultError
from tuibackup.progress import OnProgress
from tuibackup.sop import Clock
from tuibackup.vault import summary, unfinished
from tuibackup.vault.archive.archive import ArchiveSummary, ArchiveWriter
from tuibackup.vault.archive.frames import LEVEL
from tuibackup.vault.archive.readback import ReadBack
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.index.read import Index, IndexWriter
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.names import INCOMING, NAME_FORMAT, file_name
from tuibackup.vault.output import OutputFile, Written, rename_new, sync_folder, vault_errors
from tuibackup.vault.removal import remove_tree
from tuibackup.vault.reread import reread
from tuibackup.vault.restore import script
from tuibackup.vault.sums import SUMS, Sum, files_below, read_sums
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.words import sentence


class Incoming:
    """The folder `path` in which a run collects one snapshot; the caller holds the server's lock."""

    def __init__(self, vault: Vault, server: str, run: str, clock: Clock, path: Path) -> None:
        self.vault = vault
        self.server = server
        self.run = run
        self.clock = clock
        self.path = path
        self._written: dict[str, Written] = {}
        self._read_back: dict[str, ReadBack] = {}
        self._taken: dict[str, bytes] = {}  # case-folded file names, and what they are for

    @classmethod
    def create(cls, vault: Vault, server: str, run: str, clock: Clock) -> "Incoming":
        """A new, empty one. Raises VaultError (there already, vault full, not writable)."""
        path = vault.server_folder(server) / f"{INCOMING}{file_name(run)}" / clock
        with vault_errors(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.mkdir(mode=0o700)
        return cls(vault, server, run, clock, path)

    def file_name(self, name: bytes | str) -> str:
        """A file name for a folder or database, distinct from those of others also where case is ignored."""
        raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
        plain = file_name(raw)
        for text in (plain, file_name(raw, distinct=True)):
            if self._taken.setdefault(text.casefold(), raw) == raw:
                return text
        raise VaultError(sentence("two different names would both be {plain} in the vault", plain=plain))

    def archive(self, folder: bytes, *, level: int = LEVEL, threads: int = 1) -> ArchiveWriter:
        """The writer of the next archive of `folder`: each is a further part, `.2`, `.3` and so on.

        Its `close()` result must be given to `wrote`.
        """
        return ArchiveWriter(self.path / self._archive_name(folder), level, threads)

    def _archive_name(self, folder: bytes) -> str:
        """A name that no archive here has; part 2 of `a` must not be called as part 1 of `a.2`."""
        folder = folder.strip(b"/") or b"/"
        for part in count(1):
            for distinct in (False, True):
                text = file_name(folder, distinct=distinct) + (f".{part}" if part > 1 else "")
                owner = self._taken.get(text.casefold())
                if owner is None:
                    self._taken[text.casefold()] = folder
                    return f"{text}.tar.zst"
                if owner == folder:
                    break  # this part is there already
        raise AssertionError("parts have no end")

    def take_over(self, left: UnfinishedRun, index: IndexWriter) -> None:
        """Let `index`, whose inventory is complete, use what an interrupted run left; the archives move here.

        A crash between the two moves loses nothing: each archive is here or there, and both indexes name it.
        """
        names = {part.written.path.name: self._archive_name(part.folder) for part in left.archives}
        used = index.take_over_unfinished(left.index, names)
        for part in left.archives:
            written = part.written
            if written.path.name in used:
                place = self.path / names[written.path.name]
                rename_new(written.path, place)
                self.wrote(written._replace(path=place))
        sync_folder(self.path)

    def dump(self, database: str) -> Path:
        """Where the dump of `database` is to be written (it must not exist; see `output`)."""
        return self.path / f"{self.file_name(database)}.sql.zst"

    def index(self, guard: RoomGuard | None = None) -> IndexWriter:
        """The writer of the index; `guard` looks at the room while it grows."""
        return IndexWriter(self.path / INDEX, guard)

    def wrote(self, written: Written | ArchiveSummary) -> None:
        """A file is finished: publishing will find exactly this hash on the disk, or fail."""
        self._written[written.path.name] = Written(*written[:3])
        if isinstance(written, ArchiveSummary) and written.read_back:
            self._read_back[written.path.name] = written.read_back

    def stored_bytes(self) -> int:
        """What this takes on the disk so far."""
        with vault_errors(self.path):
            return sum((self.path / name).stat().st_size for name in files_below(self.path))

    def publish(
        self, description: summary.SnapshotSummary, on_progress: OnProgress | None = None
    ) -> Snapshot:
        """Complete the snapshot, prove it, and move it to where it will stay for good.

        Fills in name (its start, later than every other of this clock), sequence, stored_bytes, points_into.
        When this raises (VaultError: vault full, reads back wrong), nothing was published; where even that cannot be
        undone, the error says so.
        """
        older = self._write_restore_files(description)
        name = self._free_name(description.started)
        good = self.vault.latest(self.server, self.clock)
        full = self.vault.latest_full(self.server, self.clock)
        described = msgspec.structs.replace(
            description,
            name=name,
            sequence=self.vault.next_sequence(self.server),
            stored_bytes=self.stored_bytes(),
            points_into=tuple(sorted({one.name.split("/")[1] for one in older})),
            good_before=good.name if good else "",
            full_before=full.name if full else "",
        )
        self.write(summary.FILE_NAME, summary.encode(described))
        sums = [Sum(one, self._sha256(one)) for one in files_below(self.path)]
        lines = "".join(f"{sha256.hex()}  {one}\n" for one, sha256 in [*sums, *older])
        self.write(SUMS, lines.encode())
        self._sync()
        reread(self.path, sums, on_progress, self._read_back)
        return self._move(name)

    def discard(self) -> None:
        """Throw away everything written; nothing of it was published."""
        discard(self.path)

    def keep_complete(self) -> UnfinishedRun | None:
        """Throw away all but what the next run can use; None when there is nothing of use. Nobody writes here now."""
        return _kept(self.path)

    def _write_restore_files(self, description: summary.SnapshotSummary) -> list[Sum]:
        """restore.sh and its lists; the sums of the older archives that are needed."""
        older: list[Sum] = []
        if self.clock == Clock.DATABASES:
            script.write_databases(self.path, description.databases)
            return older
        with Index(self.path / INDEX) as index:
            script.write_files(self.path, index, self._older_lists(description, index))
            for archive in index.archives:
                if not archive.snapshot:
                    if archive.name not in self._written:
                        raise VaultError(
                            sentence("{path}: in the index, but not finished", path=self.path / archive.name)
                        )
                    continue
                place = self.path.parent.parent / self.clock / archive.snapshot
                sums = {one.name: one.sha256 for one in read_sums(place)}
                if archive.name not in sums or not (place / archive.name).is_file():
                    raise VaultError(
                        sentence(
                            "{place}: the index points into it, but it is missing", place=place / archive.name
                        )
                    )
                older.append(Sum(f"../{archive.snapshot}/{archive.name}", sums[archive.name]))
        return older

    def _older_lists(self, description: summary.SnapshotSummary, index: Index) -> script.Lists | None:
        """The lists of the snapshot that this one continues, if this program made them; None without one."""
        parent = self.vault.latest(self.server, self.clock) if description.parent else None
        if parent is None or parent.name != description.parent:
            return None
        with suppress(VaultError):  # a damaged one is of no use
            if parent.summary.tools.get("tuibackup") == description.tools.get("tuibackup"):
                return script.Lists(parent.path, parent.name, index)
        return None

    def _free_name(self, started: str) -> str:
        """The start in UTC as a name, at least one second later than the newest of this clock."""
        time = datetime.fromisoformat(started).astimezone(UTC).replace(microsecond=0)
        if names := self.vault.names(self.server, self.clock):
            newest = datetime.strptime(names[-1], NAME_FORMAT).replace(tzinfo=UTC)
            time = max(time, newest + timedelta(seconds=1))
        return time.strftime(NAME_FORMAT)

    def write(self, name: str, data: bytes) -> None:
        """A small file of its own, `name`, beside archives or dumps."""
        output = OutputFile(self.path / name)
        try:
            output.write(data)
            self.wrote(output.close())
        finally:
            output.abandon()

    def _sha256(self, name: str) -> bytes:
        """As it was computed while writing; a file that nobody announced is read."""
        if written := self._written.get(name):
            return written.sha256
        with vault_errors(self.path / name), (self.path / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    def _sync(self) -> None:
        """Everything to the disk: files that were not synced by their writers, then folders."""
        with vault_errors(self.path):
            for name in files_below(self.path):
                if name not in self._written:
                    fd = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                    try:
                        os.fsync(fd)
                    finally:
                        os.close(fd)
        for place, _, _ in os.walk(self.path):
            sync_folder(Path(place))

    def _move(self, name: str) -> Snapshot:
        parent = self.path.parent.parent / self.clock
        with vault_errors(parent):
            if not parent.is_dir():
                parent.mkdir(mode=0o700)
                sync_folder(parent.parent)
        target = parent / name
        try:
            rename_new(self.path, target)
        except FileExistsError as error:
            raise VaultError(sentence("{target}: exists already", target=target)) from error
        try:
            sync_folder(parent)
        except VaultError as error:  # whether the name would outlive a power cut is not known: take it back
            self._take_back(target, error)
            raise
        with suppress(VaultError):  # it is published, with or without write permission; `sweep` tries again
            seal(target)  # only now: a folder without write permission cannot be moved by an ordinary user
        _remove_if_empty(self.path.parent)
        return Snapshot(target, self.server, self.clock, name)

    def _take_back(self, target: Path, cause: VaultError) -> None:
        try:
            rename_new(target, self.path)
        except (VaultError, FileExistsError) as error:
            raise VaultError(
                sentence("{cause}; {target} is there nevertheless; verify it", cause=cause, target=target)
            ) from error


def seal(folder: Path) -> None:
    """Make a published snapshot read-only: files 0400, folders 0500."""
    with vault_errors(folder):
        for place, _, names in os.walk(folder, topdown=False):
            for name in names:
                os.chmod(os.path.join(place, name), 0o400)
            os.chmod(place, 0o500)


def unfinished_runs(vault: Vault, server: str) -> list[UnfinishedRun]:
    """What interrupted runs of `server` left for the next one, the newest first. A run that is alive has none."""
    return [
        left for folder in reversed(_runs(vault, server)) if (left := unfinished.read(folder / Clock.FILES))
    ]


def has_left(vault: Vault, server: str, run: str) -> bool:
    """Whether a dead run left something that the next one can use, as far as that can be seen without its lock."""
    return (
        unfinished.read(vault.path / file_name(server) / f"{INCOMING}{file_name(run)}" / Clock.FILES)
        is not None
    )


def sweep(vault: Vault, server: str, *, keep: str | None = None) -> list[str]:
    """Remove what dead runs left and nobody can use, and finish sealing what they published; the ids of those runs.

    The caller holds the server's lock, so every run but `keep` is dead.
    """
    folder = vault.server_folder(server)
    swept = []
    with vault_errors(folder):
        for run in _runs(vault, server):
            if keep is not None and run.name == f"{INCOMING}{file_name(keep)}":
                continue
            if (run / Clock.DATABASES).exists():
                discard(run / Clock.DATABASES)
            if _kept(run / Clock.FILES) is None:
                remove_tree(run)
                swept.append(run.name.removeprefix(INCOMING))
        for clock in Clock:
            for published in vault.newest(server, clock):
                if not published.path.stat().st_mode & 0o200:
                    break  # all before it were looked at when it was the newest
                seal(published.path)
    return swept


def discard(incoming: Path) -> None:
    """Throw away what one clock of a run left."""
    remove_tree(incoming)
    _remove_if_empty(incoming.parent)


def _runs(vault: Vault, server: str) -> list[Path]:
    """The incoming folders of a server, oldest first."""
    folder = vault.path / file_name(server)
    return [folder / name for name in vault.incoming(server)]


def _kept(incoming: Path) -> UnfinishedRun | None:
    """What the next run can use of an incoming folder; the rest of it is removed."""
    left = unfinished.read(incoming, mend=True)
    if left is None:
        discard(incoming)
    else:
        left.trim()
    return left


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # the run's other clock is in it
        folder.rmdir()
