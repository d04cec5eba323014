"""Reads a file of frames back from the disk while it is still being written, in a thread beside its writer.

What is published must have been read back (see `vault.reread`). Begun this early, the end of a run waits for the last
part of an archive only, not for all of it: over a slow line the disk and the processor have time. What was written is
kept until then and compared byte for byte, which costs less than any hash of it.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tuibackup.durable import let_go
from tuibackup.vault.output import Mark

STEP = 8 << 20  # bytes on the disk that are read back together: each step syncs the file once
_PAGE = 4096


class ReadBack(NamedTuple):
    """How far a file was read back and found right: bytes from its beginning, and their SHA-256."""

    bytes: int
    sha256: "hashlib._Hash"


NOTHING = ReadBack(0, hashlib.sha256())


class Frame(NamedTuple):
    """A frame as it was written, and the file up to its end."""

    packed: bytes | bytearray
    end: Mark


class Reader:
    """Follows one file. Used by its writer's thread; never raises for what it finds.

    Where something is wrong (an I/O error, another content), nothing counts as read back: whoever reads the whole file
    later finds it and says so. A writer that is faster than the disk waits for it: what is kept has an end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._step: Future[None] | None = None
        self._frames: list[Frame] = []  # that were not found right yet, as far as we know
        self._new = 0  # bytes of those that came after the last step began
        self._done = NOTHING
        self._wrong = False

    def wrote(self, packed: bytes | bytearray, end: Mark) -> None:
        """The file has one more frame, up to `end`."""
        if self._wrong:
            self._frames.clear()
            return
        self._frames.append(Frame(packed, end))
        self._new += len(packed)
        if self._new < STEP:
            return
        self._wait()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-back")
        self._step = self._thread.submit(self._read, tuple(self._frames))
        self._new = 0

    def back_to(self, stored_bytes: int) -> None:
        """The file is about to be cut back to `stored_bytes`."""
        self._wait()
        if self._done.bytes > stored_bytes:
            self._wrong = True  # what was found right is gone again
        self._frames = [frame for frame in self._frames if frame.end.stored_bytes <= stored_bytes]

    def end(self) -> ReadBack | None:
        """How far it came, once the thread has ended; None: nothing counts."""
        self._wait()
        self.abandon()
        return None if self._wrong or not self._done.bytes else self._done

    def abandon(self) -> None:
        """Stop. May be called twice, and after `end`."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)

    def _wait(self) -> None:
        if self._step is not None:
            self._step.result()
        self._frames = [frame for frame in self._frames if frame.end.stored_bytes > self._done.bytes]

    def _read(self, frames: Sequence[Frame]) -> None:
        try:
            self._done = read_back(self._path, self._done, frames)
        except (OSError, ValueError):
            self._wrong = True


def read_back(path: Path, done: ReadBack, frames: Sequence[Frame]) -> ReadBack:
    """Go on from `done` over `frames`, as far as they lie in pages that will not be written to any more.

    Raises OSError, ValueError where the disk gives something else.
    """
    # A descriptor of our own: an error of the disk that we are told is told to the writer as well.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        settled = os.fstat(fd).st_size // _PAGE * _PAGE
        os.fdatasync(fd)  # a page that is not on the disk yet would stay in the cache
        start = done.bytes // _PAGE * _PAGE
        os.posix_fadvise(fd, start, settled - start, os.POSIX_FADV_DONTNEED)
        for packed, end in frames:
            if end.stored_bytes > settled:
                break
            if os.pread(fd, len(packed), done.bytes) != packed:
                raise ValueError(path)
            done = ReadBack(*end)
    finally:
        let_go(fd)
    return done
