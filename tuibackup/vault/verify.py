"""Proves a snapshot by reading all of it from the disk again and comparing every hash.

The same reading, without the look into the archives, is the last step before a snapshot is published.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple, cast

import zstandard

from tuibackup.errors import VaultError
from tuibackup.progress import Progress
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.archive.archive import ArchiveReader, Member
from tuibackup.vault.archive.readback import NOTHING, ReadBack
from tuibackup.vault.index.read import Archive, Index
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import NAME, Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.vault.presence import SUMS as SUMS

THREADS = 2
OnProgress = Callable[[Progress], None]

_CHUNK = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  ((?:\.\./[^/]+/)?[A-Za-z0-9._%/-]+)")
_TRAILER = re.compile(rb"(?:\A|\n)-- Dump completed(?: on [^\n]{1,40})?\s{0,8}\Z")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found. `files` counts files of the vault and of its archives, `bytes` what was
    read."""

    ok: bool
    files: int
    bytes: int
    problems: tuple[str, ...]


class Sum(NamedTuple):
    """A line of SHA256SUMS: a file, relative to the snapshot, and its hash."""

    name: str
    sha256: bytes


def read_sums(folder: Path) -> list[Sum]:
    """SHA256SUMS of the snapshot in `folder`. Raises VaultError: missing, damaged, leads elsewhere."""
    path = folder / SUMS
    sums = []
    with vault_errors(path):
        text = path.read_bytes().decode("ascii", "replace")
    if not text.endswith("\n"):
        raise VaultError(f"{path} is damaged: it was cut off")
    for line in text[:-1].split("\n"):
        match = _LINE.fullmatch(line)
        parts = match[2].split("/") if match else []
        if (
            match is None
            or "" in parts
            or ".." in parts[1:]
            or (parts[0] == ".." and not NAME.fullmatch(parts[1]))
        ):
            raise VaultError(f"{path} is damaged: {printable(line)}")
        sums.append(Sum(match[2], bytes.fromhex(match[1])))
    return sums


def verify(snapshot: Snapshot, on_progress: OnProgress | None = None) -> Verdict:
    """Read the whole snapshot, and the older archives that it needs, and compare every hash.

    Never raises for what it finds: problems are sentences that name the file.
    """
    problems: list[str] = []
    try:
        sums = read_sums(snapshot.path)
    except VaultError as error:
        return Verdict(False, 0, 0, (str(error),))
    try:
        if snapshot.summary.name != snapshot.name or snapshot.summary.clock != snapshot.clock:
            problems.append(f"{snapshot.path}: snapshot.json is another snapshot's")
    except VaultError as error:
        problems.append(str(error))
    problems += _strangers(snapshot.path, sums)
    index, contents = None, {}
    if snapshot.clock == Clock.FILES:
        try:
            index = Index(snapshot.path / INDEX)
            index.check()
            contents = {_place(archive): archive for archive in index.archives}
        except VaultError as error:
            problems.append(str(error))
            index = None
    reading = _Reading(snapshot.path, sums, on_progress)
    try:
        for name in contents.keys() - {one.name for one in sums}:
            problems.append(f"{snapshot.path / name}: is in the index, not in {SUMS}")
        problems += reading.run(lambda name: _look_inside(name, index, contents.get(name)))
    finally:
        if index is not None:
            index.close()
    return Verdict(not problems, reading.files, reading.bytes, tuple(problems))


def reread(
    folder: Path,
    sums: Sequence[Sum],
    on_progress: OnProgress | None = None,
    begun: Mapping[str, ReadBack] | None = None,
) -> None:
    """Read back what was just written, from the disk and not from the cache; of files in `begun` only the rest.

    Raises VaultError.
    """

    def inspector(name: str) -> _Inspector | None:
        if not name.endswith(".zst"):
            return None
        return _Frames() if name.endswith(".tar.zst") and "/" not in name else _Unpacked()

    if problems := _Reading(folder, sums, on_progress, begun).run(inspector):
        raise VaultError(
            f"what was written reads back wrong: {problems[0]}", "the backup disk may be failing"
        )


def unsound(folder: Path, sums: Sequence[Sum], on_progress: OnProgress | None = None) -> dict[str, str]:
    """Those of a dead run's archives in `folder` that are not what its index says, down to each file, and why.

    Raises VaultError when the index itself cannot be read.
    """
    with Index(folder / INDEX) as index:
        archives = {archive.name: archive for archive in index.archives if not archive.snapshot}
        found = _Reading(folder, sums, on_progress).each(lambda name: _Members(index, archives[name]))
    return {name: problems[0] for name, problems in found.items() if problems}


class _Inspector:
    """Looks at the unpacked stream of a zstd file, part by part; `end` says what is wrong."""

    files = 0
    seekable = False

    def feed(self, part: bytes) -> None:
        """The next part."""

    def end(self) -> Iterator[str]:
        """Sentences about what is wrong."""
        return iter(())


class _Unpacked(_Inspector):
    """Contents do not matter: unpacking has checked each frame's own checksum."""


class _Frames(_Unpacked):
    """The same for an archive, whose frames the seek table tells."""

    seekable = True


class _Dump(_Inspector):
    """A dump must end in its dumper's last line."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, part: bytes) -> None:
        self._tail = (self._tail + part[-512:])[-512:]

    def end(self) -> Iterator[str]:
        if not _TRAILER.search(self._tail):
            yield "the dump does not end in its last line"


class _Members(_Inspector):
    """Every member of an archive must have the hash that the index says."""

    seekable = True

    def __init__(self, index: Index, archive: Archive) -> None:
        self._members = index.contents(archive.id)
        self._paths = index.paths()
        self._bad: list[bytes] = []
        self._position = 0
        self._entry = 0
        self._member: Member | None = None
        self._next()

    def _next(self) -> None:
        self._entry, self._member = next(self._members, (0, None))
        self._sha256 = hashlib.sha256()

    def feed(self, part: bytes) -> None:
        view = memoryview(part)
        end = self._position + len(part)
        while (member := self._member) is not None and member.offset <= end:
            stop = member.offset + member.length
            start = max(member.offset, self._position)
            self._sha256.update(view[start - self._position : stop - self._position])
            if stop > end:
                break
            self.files += 1
            if self._sha256.digest() != member.sha256:
                self._bad.append(self._paths(self._entry))
            self._next()
        self._position = end

    def end(self) -> Iterator[str]:
        if self._member is not None:
            self._bad.append(self._paths(self._entry))
        for path in self._bad:
            yield f"{printable(path)} has another hash than the index says"


class _Reading:
    """Reads files in a few threads: hashes, unpacks, reports progress."""

    def __init__(
        self,
        folder: Path,
        sums: Sequence[Sum],
        on_progress: OnProgress | None,
        begun: Mapping[str, ReadBack] | None = None,
    ) -> None:
        self.files = 0
        self.bytes = 0
        self._folder = folder
        self._sums = sums
        self._on_progress = on_progress
        self._begun = begun or {}
        self._lock = Lock()
        self._unpackers: ThreadPoolExecutor  # while `run` goes on
        self._total = sum(_size(folder / one.name) for one in sums)

    def run(self, inspector: Callable[[str], _Inspector | None]) -> list[str]:
        """Problems of all files."""
        return [problem for problems in self.each(inspector).values() for problem in problems]

    def each(self, inspector: Callable[[str], _Inspector | None]) -> dict[str, list[str]]:
        """The problems of each file; large files first, so that the threads end together."""
        order = sorted(self._sums, key=lambda one: -_size(self._folder / one.name))
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="unpack") as self._unpackers,
            ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool,
        ):
            found = pool.map(lambda one: self._file(one, inspector(one.name)), order)
            return {one.name: problems for one, problems in zip(order, found, strict=True)}

    def _file(self, one: Sum, inspector: _Inspector | None) -> list[str]:
        path = self._folder / one.name
        problems = []
        try:
            with vault_errors(path):
                sha256 = self._read(path, one.name, inspector)
            if sha256 != one.sha256:
                problems.append(f"{path}: has another hash than {SUMS} says")
            problems += [f"{path}: {text}" for text in (inspector.end() if inspector else ())]
        except VaultError as error:
            problems.append(str(error))
        with self._lock:
            self.files += 1 + (inspector.files if inspector else 0)
        return problems

    def _read(self, path: Path, name: str, inspector: _Inspector | None) -> bytes:
        """Read the file once, from the disk; its SHA-256. Raises OSError, VaultError."""
        begun = self._begun.get(name, NOTHING)
        sha256 = begun.sha256.copy()

        def raw(part: bytes) -> None:
            sha256.update(part)
            self._advance(len(part), name)

        if path.is_symlink() or not path.is_file():
            raise VaultError(f"{path}: is missing" if not path.exists() else f"{path}: is no regular file")
        if begun.bytes:
            self._advance(begun.bytes, name)
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if inspector is None:
                while part := file.read(_CHUNK):
                    raw(part)
            elif inspector.seekable:
                with ArchiveReader(path) as archive:
                    for part in archive.frames(raw, self._unpackers, begun.frames):
                        inspector.feed(part)
            else:
                _unpack(path, file, raw, inspector)
        return sha256.digest()

    def _advance(self, count: int, name: str) -> None:
        with self._lock:
            self.bytes += count
            if self._on_progress:
                self._on_progress(Progress(self.files, len(self._sums), self.bytes, self._total, name))


def _unpack(path: Path, file: IO[bytes], raw: Callable[[bytes], None], inspector: _Inspector) -> None:
    """Feed the content of a zstd file to `inspector` in bounded parts."""
    source = cast("IO[bytes]", _Source(file, raw))
    reader = zstandard.ZstdDecompressor().stream_reader(source, read_size=_CHUNK, read_across_frames=True)
    try:
        while part := reader.read(_CHUNK):
            inspector.feed(part)
    except zstandard.ZstdError as error:
        raise VaultError(f"{path} is damaged: {error}") from error
    while part := file.read(_CHUNK):
        raw(part)


class _Source:
    """A file for zstandard that shows what was read to `raw`."""

    def __init__(self, file: IO[bytes], raw: Callable[[bytes], None]) -> None:
        self._file = file
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self._raw(part)
        return part


def _look_inside(name: str, index: Index | None, archive: Archive | None) -> _Inspector | None:
    if index is not None and archive is not None:
        return _Members(index, archive)
    if name.endswith(".sql.zst"):
        return _Dump()
    return _Unpacked() if name.endswith(".zst") else None


def _place(archive: Archive) -> str:
    """An archive's file as SHA256SUMS names it."""
    return f"../{archive.snapshot}/{archive.name}" if archive.snapshot else archive.name


def _strangers(folder: Path, sums: Sequence[Sum]) -> list[str]:
    """Files in the snapshot that SHA256SUMS does not know."""
    known = {one.name for one in sums} | {SUMS}
    try:
        with vault_errors(folder):
            found = files_below(folder)
    except VaultError as error:
        return [str(error)]
    return [f"{folder / name}: is not in {SUMS}" for name in found if name not in known]


def files_below(folder: Path) -> list[str]:
    """Everything in `folder` that is no folder, as relative names, sorted. Raises OSError."""

    def fail(error: OSError) -> None:
        raise error

    return sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder, onerror=fail)
        for name in names
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
