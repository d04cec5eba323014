"""Restores a snapshot, or some paths of it, to a local folder; the layout is that of restore.sh.

So is the order: regular files as they lie in the archives, then links, then folders with modes and times.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tuibackup.durable import sync_filesystem
from tuibackup.errors import UsageError, VaultError
from tuibackup.progress import OnProgress, Progress
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import rename_new, vault_errors
from tuibackup.vault.restore.archives import Archives
from tuibackup.vault.restore.dumps import dumps_of
from tuibackup.vault.restore.existing import Existing
from tuibackup.vault.restore.folder import Target
from tuibackup.vault.restore.place import make_place
from tuibackup.words import joined, sentence

_OTHER_CONTENT = sentence("the disk that it was restored to gives back other content than was written")
_LARGE = 8 << 20  # of a file that is worth progress of its own


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what was not with the reason: (printable path, sentence).

    `damaged`: how many of these are files whose content in the vault is damaged.
    """

    files: int
    folders: int
    links: int
    bytes: int
    problems: tuple[tuple[str, str], ...]
    damaged: int = 0


def restore_files(
    snapshot: Snapshot,
    paths: Sequence[bytes],
    to: Path,
    *,
    existing: Existing = Existing.NEVER,
    numeric_owner: bool = False,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Restore `paths` (absolute, as on the server; none: everything) of a files snapshot below `to`.

    `/var/www/siakad` becomes `to/var/www/siakad`. What is there already as it should be counts as restored: a restore
    that was ended goes on so. What is there otherwise is left alone and listed, or replaced (`existing`); folders that
    were there keep their owner, mode and time unless something may be replaced. In the end every file is brought to
    the disk, read again and compared with its hash; one that differs is a problem, and *damaged*.

    Root gives owners back, by name where that name exists here, else by number (`numeric_owner`: always). Sockets
    and devices are listed, never made; so is a file whose archive is damaged there, or missing. Raises VaultError: the
    index is damaged, a path is not in the snapshot, the disk is full; BusyError: another restore writes into the
    folder.
    """
    if snapshot.clock != Clock.FILES:
        raise UsageError(sentence("{spec}: holds databases, not files", spec=snapshot.spec))
    make_place(to)
    with (
        Index(snapshot.path / INDEX) as index,
        Target(to, existing, numeric_owner, index, snapshot.spec) as target,
    ):
        return _Restore(snapshot, index, target, on_progress).run(paths)


def restore_dumps(
    snapshot: Snapshot,
    databases: Sequence[str],
    to: Path,
    *,
    existing: Existing = Existing.NEVER,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Write the SQL of `databases` (none: all) of a databases snapshot into the folder `to`, as NAME.sql.

    A dump that is damaged, or missing, is a problem, and the others are restored. Raises UsageError for an unknown
    database, VaultError when a file exists that is another one (and is not to be replaced). A file that is there and
    equal counts as restored.
    """
    if snapshot.clock != Clock.DATABASES:
        raise UsageError(sentence("{spec}: holds files, not databases", spec=snapshot.spec))
    known = {one.name: one for one in snapshot.summary.databases}
    if unknown := [name for name in databases if name not in known]:
        raise UsageError(
            sentence("{spec}: has no database {unknown}", spec=snapshot.spec, unknown=printable(unknown[0]))
        )
    make_place(to)
    wanted = [known[name] for name in databases] or list(known.values())
    dumps = dumps_of(snapshot, tables=False)
    total = sum(one.bytes for one in wanted)
    done = 0
    damaged: list[tuple[str, str]] = []
    for number, one in enumerate(wanted):
        dump = dumps[one.name]
        target = to / one.file.removesuffix(".zst")

        def told(part: bytes, number: int = number, name: str = printable(one.name)) -> bytes:
            nonlocal done
            done += len(part)
            if on_progress:
                on_progress(Progress(number, len(wanted), done, total, name, "databases"))
            return part

        before = done
        try:
            if existing is not Existing.ALWAYS and _holds(target, _stored(dump.sql())):
                done += one.bytes
            else:
                _write(target, map(told, _stored(dump.sql())), existing)
        except _DamagedError as error:
            damaged.append((printable(one.name), str(error)))
            done = before
    return Restored(len(wanted) - len(damaged), 0, 0, done, tuple(damaged), len(damaged))


def restore_sql(
    pieces: Iterator[bytes],
    size: int,
    to: Path,
    name: str,
    existing: Existing,
    on_progress: OnProgress | None,
) -> Restored:
    """Write `pieces`, `size` bytes of SQL, into the file `name` of the folder `to`. Raises VaultError."""
    make_place(to)
    done = 0

    def told(part: bytes) -> bytes:
        nonlocal done
        done += len(part)
        if on_progress:
            on_progress(Progress(0, 1, done, size, printable(name), "tables"))
        return part

    _write(to / name, map(told, pieces), existing)
    return Restored(1, 0, 0, done, ())


def _write(target: Path, pieces: Iterator[bytes], existing: Existing) -> None:
    with _whole_or_not(target, existing) as output:
        sha256 = hashlib.sha256()
        for part in pieces:
            output.write(part)
            sha256.update(part)
        _require(target, output, sha256.digest())


class _DamagedError(VaultError):
    """The vault does not hold what is to be restored; nothing is wrong with the folder."""


def _stored(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces of a dump. Raises _DamagedError."""
    try:
        yield from pieces
    except VaultError as error:
        raise _DamagedError(str(error)) from error


def _holds(target: Path, content: Iterator[bytes]) -> bool:
    """Whether `target` is a file with exactly this content."""
    try:
        with open(os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return all(file.read(len(part)) == part for part in content) and not file.read(1)
    except OSError:
        return False


def _require(target: Path, output: IO[bytes], sha256: bytes) -> None:
    """Bring what was written to the disk and read it again. Raises VaultError where it is not the same."""
    output.flush()
    os.fsync(output.fileno())
    os.posix_fadvise(output.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(f"/proc/self/fd/{output.fileno()}", "rb") as written:
        if hashlib.file_digest(written, "sha256").digest() != sha256:
            raise VaultError(
                joined(": ", (str(target), _OTHER_CONTENT)), sentence("check that disk: see dmesg")
            )


@contextmanager
def _whole_or_not(target: Path, existing: Existing) -> Iterator[IO[bytes]]:
    """A file that has its name only when all of it was written: nothing half restored looks whole, and what is
    there already stays until its successor is proven. Raises VaultError when there is one that is to stay.
    """
    draft = target.with_name(f".{target.name}.new")
    with vault_errors(target):
        if existing is Existing.NEVER and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        draft.unlink(missing_ok=True)
    try:
        with vault_errors(draft), draft.open("xb") as output:
            os.fchmod(output.fileno(), 0o600)
            yield output
        with vault_errors(target):
            if existing is not Existing.NEVER:
                draft.replace(target)
            else:
                rename_new(draft, target)
    finally:
        draft.unlink(missing_ok=True)


class _Restore:
    """One restore of files: what was done so far."""

    def __init__(
        self, snapshot: Snapshot, index: Index, target: Target, on_progress: OnProgress | None
    ) -> None:
        self._index = index
        self._archives = Archives(snapshot, index)
        self._target = target
        self._on_progress = on_progress
        self._xattrs = index.has_xattrs()
        self._written: list[int] = []  # files that this restore wrote, by their ids
        self._symlinks: dict[int, bytes] = {}  # of links with several names: inode, first name here
        self._files = self._links = self._folders = self._bytes = 0

    def run(self, paths: Sequence[bytes]) -> Restored:
        self._total, self._total_bytes = self._index.choose(paths)
        self._archives.require()
        self._restore_files()
        self._compare_files()
        for found in self._index.chosen_links():
            self._restore_link(found)
        for found in self._index.chosen_folders():
            with self._target.listing(found.path):
                self._folders += self._target.finish_folder(found, self._extra(found))
        problems, damaged = tuple(self._target.problems), self._target.damaged
        return Restored(self._files, self._folders, self._links, self._bytes, problems, damaged)

    def _restore_files(self) -> None:
        archive: tuple[int, ArchiveReader] | None = None
        first: tuple[int, bytes] | None = None  # the inode restored last, and the name it has there
        try:
            for found in self._index.chosen_files():
                if found.member is None or found.archive is None:
                    raise VaultError(
                        sentence(
                            "{path}: {path2} has no content",
                            path=self._index.path,
                            path2=printable(found.path),
                        )
                    )
                inode = found.carrier or found.id
                with self._target.listing(found.path):
                    if first and first[0] == inode:
                        self._target.link(first[1], found.path)
                    else:
                        if archive is None or archive[0] != found.archive:
                            if archive:
                                archive[1].close()
                            archive = None
                            archive = found.archive, self._archives.open(found.archive)
                        if self._target.has(found):
                            self._bytes += found.entry.size
                        else:
                            content = self._counted(found, archive[1].read(found.member))
                            self._target.file(found, content, self._extra(found))
                            self._written.append(found.id)
                        first = inode, found.path
                    self._files += 1
                if self._files % 100 == 0:
                    self._report(found.path)
        finally:
            if archive:
                archive[1].close()
        self._report(b"")

    def _compare_files(self) -> None:
        """Bring what was written to the disk, read it again, and compare it with the index."""
        with vault_errors(self._target.path):
            sync_filesystem(self._target.path)
        written = set(self._written)
        done = 0
        for found in self._index.chosen_files():
            if found.id not in written:
                continue
            with self._target.listing(found.path):
                if not self._target.holds(found):
                    raise VaultError(_OTHER_CONTENT)
            done += found.entry.size
            if self._on_progress and found.entry.size > _LARGE:
                what = sentence("comparing {path}", path=printable(found.path))
                self._on_progress(Progress(self._files, self._total, done, self._total_bytes, what))

    def _counted(self, found: IndexEntry, content: Iterator[bytes]) -> Iterator[bytes]:
        for part in content:
            self._bytes += len(part)
            if found.entry.size > _LARGE:
                self._report(found.path)
            yield part

    def _restore_link(self, found: IndexEntry) -> None:
        kind = found.entry.kind
        with self._target.listing(found.path):
            if kind == Kind.SYMLINK:
                inode = found.carrier or found.id
                if inode in self._symlinks:
                    self._target.link(self._symlinks[inode], found.path)
                else:
                    self._target.symlink(found)
                    if found.entry.links > 1:
                        self._symlinks[inode] = found.path
                self._links += 1
            elif kind == Kind.FIFO:
                self._target.fifo(found)
            else:
                word = sentence("a socket") if kind == Kind.SOCKET else sentence("a device")
                self._target.problems.append(
                    (printable(found.path), sentence("{what}: recorded, not restored", what=word))
                )

    def _extra(self, found: IndexEntry) -> dict[bytes, bytes]:
        return self._index.xattrs(found.carrier or found.id) if self._xattrs else {}

    def _report(self, path: bytes) -> None:
        if self._on_progress:
            progress = Progress(self._files, self._total, self._bytes, self._total_bytes, printable(path))
            self._on_progress(progress)
