"""Reads a file of frames back from the disk while it is still being written, in a thread beside its writer.

What is published must have been read back (see `vault.reread`). Begun this early, the end of a run waits for the last
part of an archive only, not for all of it: over a slow line the disk and the processor have time.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import zstandard

from tuibackup.durable import let_go
from tuibackup.vault.archive.frames import unpacked_frame

STEP = 16 << 20  # bytes on the disk that are read back together: each step syncs the file once
_PAGE = 4096


class ReadBack(NamedTuple):
    """How far a file was read back and found right: bytes from its beginning, whole frames, and their SHA-256."""

    bytes: int
    frames: int
    sha256: "hashlib._Hash"


NOTHING = ReadBack(0, 0, hashlib.sha256())


class Reader:
    """Follows one file. Used by its writer's thread; never raises for what it finds.

    Where something is wrong (an I/O error, another content), nothing counts as read back: whoever reads the whole file
    later finds it and says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._step: Future[None] | None = None
        self._done = NOTHING
        self._wrong = False

    def grew(self, stored_bytes: int, frames: Sequence[tuple[int, int]]) -> None:
        """The file has these bytes and these frames (packed and unpacked size) by now."""
        if self._step is not None and not self._step.done():
            return
        if self._wrong or stored_bytes - self._done.bytes < STEP:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-back")
        self._step = self._thread.submit(self._read, list(islice(frames, self._done.frames, None)))

    def back_to(self, stored_bytes: int) -> None:
        """The file is about to be cut back to `stored_bytes`."""
        self._wait()
        if self._done.bytes > stored_bytes:
            self._wrong = True  # the state of a hash cannot be taken back

    def end(self) -> ReadBack | None:
        """How far it came, once the thread has ended; None: nothing counts."""
        self._wait()
        self.abandon()
        return None if self._wrong or not self._done.frames else self._done

    def abandon(self) -> None:
        """Stop. May be called twice, and after `end`."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)

    def _wait(self) -> None:
        if self._step is not None:
            self._step.result()

    def _read(self, frames: Sequence[tuple[int, int]]) -> None:
        try:
            self._done = read_back(self._path, self._done, frames)
        except (OSError, ValueError, zstandard.ZstdError):
            self._wrong = True


def read_back(path: Path, done: ReadBack, frames: Sequence[tuple[int, int]]) -> ReadBack:
    """Go on from `done` over `frames`, as far as they lie in pages that will not be written to any more.

    Raises OSError, ValueError (a frame of another size), zstandard.ZstdError (a frame's checksum).
    """
    sha256 = done.sha256.copy()
    at, read = done.bytes, done.frames
    decompressor = zstandard.ZstdDecompressor()
    # A descriptor of our own: an error of the disk that we are told is told to the writer as well.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        settled = os.fstat(fd).st_size // _PAGE * _PAGE
        os.fdatasync(fd)  # a page that is not on the disk yet would stay in the cache
        start = at // _PAGE * _PAGE
        os.posix_fadvise(fd, start, settled - start, os.POSIX_FADV_DONTNEED)
        for packed, unpacked in frames:
            if at + packed > settled:
                break
            data = os.pread(fd, packed, at)
            unpacked_frame(decompressor, data, unpacked)
            sha256.update(data)
            at += packed
            read += 1
    finally:
        let_go(fd)
    return ReadBack(at, read, sha256)
