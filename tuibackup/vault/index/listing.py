"""The inventory as the server wrote it, kept in the snapshot: most of the next one is the same, byte by byte.

Only a help for the next run (`files.shell.compare`): a snapshot without it, or with one that is of no use, lacks
nothing.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import zstandard

from tuibackup.vault.archive.frames import FRAME, CompressedFile, content
from tuibackup.vault.disk import RoomGuard

_LONGEST_HEADER = 1 << 20


def file_name(root: int) -> str:
    return f"listing-{root}.zst"


def header(folder: bytes, resolved: bytes, told: bytes, excludes: Sequence[str]) -> bytes:
    """The first line: two listings can be compared where it is the same. `told` says what a record holds."""
    words = [one.decode("utf-8", "surrogateescape") for one in (folder, resolved, told)]
    return json.dumps([*words, list(excludes)]).encode() + b"\n"


class KeptListing:
    """The listing of one folder while it comes. Raises VaultError."""

    def __init__(self, path: Path, first: bytes, guard: RoomGuard | None = None) -> None:
        self.path = path
        self._guard = guard
        self._skip = len(first)
        self._file = CompressedFile(path, level=1)
        self._file.write(first)

    def write(self, data: bytes) -> None:
        """The next part."""
        if self._guard is not None:
            self._guard.coming(len(data))
        self._file.write(data)

    def replay(self) -> Iterator[bytes]:
        """All that came so far, from its beginning."""
        skip = self._skip
        for piece in self._file.replay():
            yield piece[skip:] if skip else piece
            skip = 0

    def close(self) -> None:
        """Everything came; it is on the disk."""
        self._file.close()

    def abandon(self) -> None:
        """Stop without finishing the file. May be called twice, and after `close`."""
        self._file.abandon()


def older(path: Path, first: bytes) -> Iterator[bytes] | None:
    """The listing that an older snapshot keeps, in pieces; None without one that begins in `first`.

    A damaged one ends early: the comparison finds that the rest is new.
    """
    assert len(first) <= _LONGEST_HEADER < FRAME
    pieces = _pieces(path)
    begin = next(pieces, b"")
    if not begin.startswith(first):
        return None
    return chain([begin[len(first) :]], pieces)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        yield from content(path)
    except (OSError, zstandard.ZstdError):
        return
