"""What this host knows of the objects that it sent: so an interrupted copy goes on, and nothing is sent twice.

A file of JSON Lines for each snapshot, appended to while its files are sent. It may be lost: then what lies in the
place is read and compared, or, encrypted, sent once more under other keys.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tuibackup.copies.manifest import Stored
from tuibackup.copies.target import CopyError
from tuibackup.vault.names import file_name
from tuibackup.words import sentence

_SUFFIX = ".jsonl"


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """`stage`: "intent" before it is sent, "stored" once it is known to lie there; `parts` that its file has.

    `to`: for whom it is encrypted (a hash), "" where it is not.
    """

    stage: str
    file: str
    number: int
    parts: int
    to: str
    object: Stored


def keys_sent(folder: Path) -> Iterator[str]:
    """The key of every object that was ever begun, out of all that this host keeps of a copy in `folder`.

    Raises CopyError.
    """
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        for line in _lines(path):
            yield line.object.key


class Sent:
    """The objects of the files that lie in one snapshot's folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        """`folder`: where this host keeps what it knows of a copy. Raises CopyError."""
        server, clock, name = owner.split("/")
        self._path = folder / file_name(server) / clock / f"{name}{_SUFFIX}"
        self._known: dict[tuple[str, str, int], _Line] = {}
        self._file: BinaryIO | None = None
        for line in _lines(self._path):
            self._known[line.file, line.to, line.number] = line

    def part(self, file: str, to: str, number: int) -> tuple[Stored, bool] | None:
        """The object that was to hold this part, and whether it is known to lie there; None: none was begun."""
        line = self._known.get((file, to, number))
        return None if line is None else (line.object, line.stage == "stored")

    def whole(self, file: str, to: str) -> tuple[Stored, ...] | None:
        """The objects of a file that was sent to its end; None where it was not."""
        first = self._known.get((file, to, 1))
        if first is None:
            return None
        lines = [self._known.get((file, to, number)) for number in range(1, first.parts + 1)]
        found = [line.object for line in lines if line is not None and line.stage == "stored"]
        return tuple(found) if len(found) == first.parts else None

    def keys(self, to: str) -> frozenset[str]:
        """The objects that the next try may use, encrypted `to` them."""
        return frozenset(line.object.key for line in self._known.values() if line.to == to)

    def intend(self, file: str, to: str, number: int, parts: int, wanted: Stored) -> None:
        """Remember what is sent next."""
        self._add(_Line("intent", file, number, parts, to, wanted))

    def stored(self, file: str, to: str, number: int, parts: int, stored: Stored) -> None:
        """Remember that it lies there."""
        self._add(_Line("stored", file, number, parts, to, stored))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, line: _Line) -> None:
        self._known[line.file, line.to, line.number] = line
        try:
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                self._file.write(b"\n")  # after a line that was cut off
            self._file.write(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise _fault(self._path, error) from error


def _lines(path: Path) -> Iterator[_Line]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _fault(path, error) from error
    for text in data.splitlines():
        try:
            yield msgspec.json.decode(text, type=_Line)
        except msgspec.MsgspecError:  # cut off by a crash
            continue


def _fault(path: Path, error: OSError) -> CopyError:
    return CopyError(
        sentence("{path}: what was copied already cannot be noted ({error})", path=path, error=error.strerror)
    )
