"""What a restore does with what exists already, and which folders an earlier one, that was ended, made there."""

import os
from enum import StrEnum
from types import TracebackType
from typing import Self

from tuibackup.errors import BusyError
from tuibackup.filelock import try_lock
from tuibackup.words import sentence

FILE_NAME = b".tuibackup-restore"
"""In the folder restored into, while a restore goes on or after it was ended: the snapshot, then each folder made."""


class Existing(StrEnum):
    """When to replace what has the name of something that is restored. What is equal already is never touched."""

    NEVER = "never"
    CHANGED = "changed"
    ALWAYS = "always"  # also what is equal


class Made:
    """The folders that this restore made, or an earlier one of the same snapshot that did not come to its end.

    Without this, whoever goes on could not tell folders that still lack their owner and mode from folders that were
    there before. In its block no other restore writes into the same folder; raises BusyError if one does, OSError.
    """

    def __init__(self, folder: int, snapshot: str) -> None:
        """`folder`: the open folder that is restored into."""
        self._folder = folder
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(FILE_NAME, flags, 0o600, dir_fd=folder)
        if not try_lock(self._fd):
            os.close(self._fd)
            raise BusyError(
                sentence("another restore writes into this folder now"),
                sentence("wait for its end, or choose another"),
            )
        header = snapshot.encode()
        first, *paths = _read(self._fd).split(b"\0")[:-1] or [b""]
        self._paths = set(paths) if first == header else set()
        if first != header:
            os.ftruncate(self._fd, 0)
            os.write(self._fd, header + b"\0")

    def __contains__(self, path: bytes) -> bool:
        return path in self._paths

    def add(self, path: bytes) -> None:
        """Note a folder before it is made."""
        os.write(self._fd, path + b"\0")
        self._paths.add(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            os.unlink(FILE_NAME, dir_fd=self._folder)
        os.close(self._fd)


def _read(fd: int) -> bytes:
    with open(os.dup(fd), "rb") as file:
        file.seek(0)
        return file.read()
