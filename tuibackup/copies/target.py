"""What every place for copies can do: keep objects by key, each created whole and only if it is not there yet.

`folder.py`, `sftp.py` and `objectstore/` are such places; one set of tests holds for all:
`tests/copies/conformance.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from tuibackup.errors import TuibackupError
from tuibackup.words import sentence

PART = 32 << 20  # bytes of a file that one object takes; encrypted it is a little longer


class CopyError(TuibackupError):
    """The place of a copy refused, is full, foreign or damaged; the message says which place and why."""


def refuse_newer(where: str, version: int, known: int) -> None:
    """Raises CopyError where the file `where` has a later format than the `known` one."""
    if version > known:
        raise CopyError(
            sentence(
                "{file}: has format {version}, this program knows {format}",
                file=where,
                version=version,
                format=known,
            ),
            sentence("install a newer tuibackup"),
        )


class AwayError(CopyError):
    """The place cannot be reached now: the disk is not plugged in, or the host or the network is down."""


class AlreadyThereError(CopyError):
    """An object of that key exists. It was not changed; whoever asked reads and compares it."""


class MissingError(CopyError):
    """There is no object of that key."""


class TakenError(CopyError):
    """Where an object of ours belongs lies something else. It was not changed."""


class DamagedError(CopyError):
    """An object is not what was stored."""


class Object(NamedTuple):
    """An object as the place lists it."""

    key: str
    size: int


class Target(Protocol):
    """A place for objects. Keys are parts of `[A-Za-z0-9._%-]` with slashes between, none empty, ".", or "..".

    Calls block, and may come from several threads at once. All raise CopyError, and AwayError where the place cannot
    be reached (any more). No message holds a secret.
    """

    @property
    def name(self) -> str:
        """What messages call it: a path, or a URL without anything secret."""

    @property
    def parallel(self) -> int:
        """How many calls at once are of use; each holds one part in memory."""

    @property
    def may_be_unmounted(self) -> bool:
        """Whether the copy may lie on a disk that is not mounted now, where the place itself answers."""

    @property
    def reads_back(self) -> bool:
        """Whether what was created has to be read again to know that it is stored as sent.

        False where the place has compared a hash of ours before it said that it has it.
        """

    def create(self, key: str, data: bytes | memoryview, sha256: str = "") -> str:
        """Store an object of that key: whole, on the disk, and only if there is none. Returns its version id, or "".

        `sha256` of `data` in hex, where the caller knows it.

        What is cut short by a crash or a lost connection is no object. An answer that was lost may come back as
        AlreadyThereError about our own object. Raises AlreadyThereError.
        """

    def objects(self, prefix: str = "") -> Iterator[Object]:
        """All objects whose keys begin so, in any order; nothing that is not whole, nothing of other programs."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of an object from `start` on, as the place keeps them and not from a cache.

        Fewer bytes than asked for, or others, may come: the reader counts and hashes them. Raises MissingError.
        """

    def delete(self, key: str) -> None:
        """Remove an object; none is there: that is all right."""

    def tidy(self) -> None:
        """Remove what attempts that were cut off left, where that is not an object: nobody else sends now."""

    def close(self) -> None:
        """Let go of connections. May be called twice."""
