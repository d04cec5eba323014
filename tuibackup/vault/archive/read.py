"""Archives are read: one file alone, or everything in order; damage is found. How they are made: `archive`."""

import hashlib
import os
import struct
import tarfile
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self, cast

import zstandard

from tuibackup.errors import VaultError
from tuibackup.vault.archive.frames import (
    FOOTER,
    SEEK_ENTRY,
    SEEKABLE,
    SKIPPABLE,
    unpacked_frame,
)
from tuibackup.vault.output import vault_errors
from tuibackup.words import sentence

_AHEAD = 2  # frames that are unpacked while one is looked at
_ZEROS_PACKED = 500  # times that zstd makes zeros smaller, at least
_MAX_FRAME = 64 << 20  # more than we ever write; a reader refuses to unpack a bigger one


class Member(NamedTuple):
    """Where a file's bytes lie: in the unpacked tar from `offset` (of the content, not its header) on."""

    offset: int
    length: int
    sha256: bytes


class ArchiveReader:
    """Reads an archive: one member alone, or everything in order. Raises VaultError when it is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._decompressors = threading.local()
        self._cached: tuple[int, bytes] = (-1, b"")
        with vault_errors(path):
            self._file = path.open("rb", buffering=0)
        try:
            self._read_seek_table()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, member: Member) -> Iterator[bytes]:
        """The content of `member`, in parts of at most one frame; only the frames it lies in are read.

        The SHA-256 is checked: VaultError after the last part when it differs.
        """
        sha256 = hashlib.sha256()
        for part in self.part(member.offset, member.length):
            sha256.update(part)
            yield part
        if sha256.digest() != member.sha256:
            raise self._damaged(sentence("the content of a file has another hash than the index says"))

    def may_have_holes(self, member: Member) -> bool:
        """Whether some of it is packed so well that it may be nothing but zeros."""
        first = bisect_right(self._starts, member.offset) - 1
        last = bisect_right(self._starts, member.offset + member.length - 1)
        return any(
            (self._places[number + 1] - self._places[number]) * _ZEROS_PACKED < self._sizes[number]
            for number in range(first, min(last, len(self._sizes)))
        )

    def part(self, offset: int, length: int) -> Iterator[bytes]:
        """`length` unpacked bytes from `offset`; only the frames they lie in are read, each one's checksum checked."""
        position, end = offset, offset + length
        while position < end:
            number = bisect_right(self._starts, position) - 1
            if number >= len(self._sizes):
                raise self._damaged(sentence("a file lies past its end"))
            frame = self._frame(number)
            start = position - self._starts[number]
            piece = frame[start : start + end - position]
            yield piece
            position += len(piece)

    def frames(
        self,
        raw: Callable[[bytes], object] | None = None,
        unpackers: Executor | None = None,
    ) -> Iterator[bytes]:
        """The unpacked tar, frame by frame, every checksum checked.

        `raw` is called with every part of the file as it lies on the disk, the seek table included. With `unpackers`
        the next frames are unpacked in these threads meanwhile.
        """
        if unpackers is None:
            for number in range(len(self._sizes)):
                yield self._frame(number, raw)
        else:
            waiting: deque[Future[bytes]] = deque()
            for number in range(len(self._sizes)):
                waiting.append(unpackers.submit(self._unpacked, number, self._packed(number, raw)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        if raw:
            raw(self._table)

    def members(self) -> Iterator[tarfile.TarInfo]:
        """The tar's own headers, in order (slow: for tests and for looking into a strange archive)."""
        stream = cast("IO[bytes]", _Stream(self.frames()))
        with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as tar:
            yield from tar

    def _read_seek_table(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        with vault_errors(self.path):
            footer = os.pread(self._file.fileno(), FOOTER.size, max(0, size - FOOTER.size))
        if len(footer) < FOOTER.size:
            raise self._damaged(sentence("it is too short"))
        count, descriptor, magic = FOOTER.unpack(footer)
        length = count * SEEK_ENTRY.size + FOOTER.size
        if magic != SEEKABLE or descriptor != 0 or length + 8 > size:
            raise self._damaged(
                sentence("its seek table is missing: it was cut off, or is no archive of tuibackup")
            )
        with vault_errors(self.path):
            self._table = table = os.pread(self._file.fileno(), length + 8, size - length - 8)
        if struct.unpack_from("<II", table) != (SKIPPABLE, length):
            raise self._damaged(sentence("its seek table is broken"))
        self._starts = [0]
        self._places = [0]
        self._sizes: list[int] = []
        for packed, unpacked in SEEK_ENTRY.iter_unpack(table[8 : -FOOTER.size]):
            self._sizes.append(unpacked)
            self._starts.append(self._starts[-1] + unpacked)
            self._places.append(self._places[-1] + packed)
        if self._places[-1] != size - length - 8 or any(size > _MAX_FRAME for size in self._sizes):
            raise self._damaged(sentence("its seek table is broken"))

    def _frame(self, number: int, raw: Callable[[bytes], object] | None = None) -> bytes:
        """Frame `number`, unpacked; the last one read is kept, small files lie side by side in it."""
        if self._cached[0] == number and not raw:
            return self._cached[1]
        frame = self._unpacked(number, self._packed(number, raw))
        self._cached = number, frame
        return frame

    def _packed(self, number: int, raw: Callable[[bytes], object] | None) -> bytes:
        packed = self._places[number + 1] - self._places[number]
        with vault_errors(self.path):
            data = os.pread(self._file.fileno(), packed, self._places[number])
        if raw:
            raw(data)
        return data

    def _unpacked(self, number: int, data: bytes) -> bytes:
        try:
            decompressor: zstandard.ZstdDecompressor = self._decompressors.zstd
        except AttributeError:  # the first frame of this thread
            decompressor = self._decompressors.zstd = zstandard.ZstdDecompressor()
        try:
            return unpacked_frame(decompressor, data, self._sizes[number])
        except ValueError as error:
            raise self._damaged(
                sentence("frame {number} has another size than the seek table says", number=number + 1)
            ) from error
        except zstandard.ZstdError as error:
            raise self._damaged(
                sentence("frame {number}: {error}", number=number + 1, error=error)
            ) from error

    def _damaged(self, what: str) -> VaultError:
        return VaultError(sentence("archive {path} is damaged: {what}", path=self.path, what=what))


class _Stream:
    """Frames as the file object that `tarfile` reads from."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames = frames
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (frame := next(self._frames, b"")):
            self._rest += frame
        part, self._rest = self._rest[:size], self._rest[size:]
        return part
