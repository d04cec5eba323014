"""Reads stored files from the disk again and hashes them: the last step before publishing, and the ground of verify."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import IO, cast

import zstandard

from tuibackup.errors import VaultError
from tuibackup.progress import OnProgress, Progress
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.archive.readback import NOTHING, ReadBack
from tuibackup.vault.output import vault_errors
from tuibackup.vault.sums import SUMS, Sum
from tuibackup.words import joined, sentence

THREADS = 2
_CHUNK = 1 << 20


def reread(
    folder: Path,
    sums: Sequence[Sum],
    on_progress: OnProgress | None = None,
    begun: Mapping[str, ReadBack] | None = None,
) -> None:
    """Read back what was just written, from the disk and not from the cache; of files in `begun` only the rest.

    It has to be what was written, byte for byte. That it can be unpacked, too, `verify` looks at. Raises VaultError.
    """
    if problems := Reading(folder, sums, on_progress, begun).run(lambda name: None):
        raise VaultError(
            sentence("what was written reads back wrong: {problems}", problems=problems[0]),
            sentence("the backup disk may be failing"),
        )


def amount(folder: Path, sums: Iterable[Sum]) -> int:
    """The bytes of these files as they lie on the disk."""
    return sum(_size(folder / one.name) for one in sums)


class Inspector:
    """Looks at the unpacked stream of a zstd file, part by part; `end` says what is wrong."""

    files = 0
    seekable = False

    def feed(self, part: bytes) -> None:
        """The next part."""

    def end(self) -> Iterator[str]:
        """Sentences about what is wrong."""
        return iter(())


class Unpacked(Inspector):
    """Contents do not matter: unpacking has checked each frame's own checksum."""


class Reading:
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
        self._total = amount(folder, sums)

    def run(self, inspector: Callable[[str], Inspector | None]) -> list[str]:
        """Problems of all files."""
        return [problem for problems in self.each(inspector).values() for problem in problems]

    def each(self, inspector: Callable[[str], Inspector | None]) -> dict[str, list[str]]:
        """The problems of each file; large files first, so that the threads end together."""
        order = sorted(self._sums, key=lambda one: -_size(self._folder / one.name))
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="unpack") as self._unpackers,
            ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as pool,
        ):
            found = pool.map(lambda one: self._file(one, inspector(one.name)), order)
            return {one.name: problems for one, problems in zip(order, found, strict=True)}

    def _file(self, one: Sum, inspector: Inspector | None) -> list[str]:
        path = self._folder / one.name
        problems = []
        try:
            with vault_errors(path):
                sha256 = self._read(path, one.name, inspector)
            if sha256 != one.sha256:
                problems.append(sentence("{path}: has another hash than {sums} says", path=path, sums=SUMS))
            problems += [joined(": ", (str(path), text)) for text in (inspector.end() if inspector else ())]
        except VaultError as error:
            problems.append(str(error))
        with self._lock:
            self.files += 1 + (inspector.files if inspector else 0)
        return problems

    def _read(self, path: Path, name: str, inspector: Inspector | None) -> bytes:
        """Read the file once, from the disk; its SHA-256. Raises OSError, VaultError."""
        begun = self._begun.get(name, NOTHING)
        sha256 = begun.sha256.copy()

        def raw(part: bytes) -> None:
            sha256.update(part)
            self._advance(len(part), name)

        if path.is_symlink() or not path.is_file():
            raise VaultError(
                sentence("{path}: is missing", path=path)
                if not path.exists()
                else sentence("{path}: is no regular file", path=path)
            )
        if begun.bytes:
            self._advance(begun.bytes, name)
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if inspector is None:
                file.seek(begun.bytes)
                while part := file.read(_CHUNK):
                    raw(part)
            elif inspector.seekable:
                with ArchiveReader(path) as archive:
                    for part in archive.frames(raw, self._unpackers):
                        inspector.feed(part)
            else:
                _unpack(path, file, raw, inspector)
        return sha256.digest()

    def _advance(self, count: int, name: str) -> None:
        with self._lock:
            self.bytes += count
            if self._on_progress:
                self._on_progress(Progress(self.files, len(self._sums), self.bytes, self._total, name))


def _unpack(path: Path, file: IO[bytes], raw: Callable[[bytes], None], inspector: Inspector) -> None:
    """Feed the content of a zstd file to `inspector` in bounded parts."""
    source = cast("IO[bytes]", _Source(file, raw))
    reader = zstandard.ZstdDecompressor().stream_reader(source, read_size=_CHUNK, read_across_frames=True)
    try:
        while part := reader.read(_CHUNK):
            inspector.feed(part)
    except zstandard.ZstdError as error:
        raise VaultError(sentence("{path} is damaged: {error}", path=path, error=error)) from error
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
