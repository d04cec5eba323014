"""What this host keeps of a copy, in its state folder: the place's id, since when it is away, every manifest it sent.

Lost, it is made again out of what lies in the place; only what is encrypted is then sent once more where it is needed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tuibackup.copies import manifest as mf
from tuibackup.copies.manifest import Manifest
from tuibackup.copies.target import CopyError
from tuibackup.durable import replace_file
from tuibackup.errors import BusyError
from tuibackup.filelock import try_lock, unlock
from tuibackup.vault.names import file_name
from tuibackup.words import joined, sentence

_POLL = 0.5  # seconds


class Notes(msgspec.Struct, frozen=True):
    """`id` of the place ("" before its first use); `seen`, and `away` since when it is not there: ISO 8601, or "".

    `clean`: the last copy to it came to its end and left nothing that belongs to no copy. `strays`: objects there that
    do, with their `stray_bytes`, which this host did not put there or may not remove.
    """

    id: str = ""
    seen: str = ""
    away: str = ""
    clean: bool = False
    strays: int = 0
    stray_bytes: int = 0


class Known:
    """The folder of one copy."""

    def __init__(self, state: Path, name: str) -> None:
        self.path = state / "copies" / name
        self._name = name
        self._place = self.path / "place.json"

    def notes(self) -> Notes:
        """Raises CopyError: they cannot be read, so that nobody knows which place it is."""
        try:
            return msgspec.json.decode(self._place.read_bytes(), type=Notes)
        except FileNotFoundError:
            return Notes()
        except (OSError, msgspec.MsgspecError) as error:
            raise CopyError(
                sentence("{file}: is damaged ({error})", file=self._place, error=error)
            ) from error

    def seen(self, identity: str) -> None:
        """The place answered, and is this one. Raises CopyError."""
        self._keep(msgspec.structs.replace(self.notes(), id=identity, seen=_now(), away=""))

    def begin(self) -> bool:
        """Something may change there from now on: whether it was clean before. Raises CopyError."""
        notes = self.notes()
        self._keep(msgspec.structs.replace(notes, clean=False))
        return notes.clean

    def end(self, strays: int, stray_bytes: int) -> None:
        """All was done, and so much is left there that belongs to no copy. Raises CopyError."""
        left = {"clean": not strays, "strays": strays, "stray_bytes": stray_bytes}
        self._keep(msgspec.structs.replace(self.notes(), **left))

    def missed(self) -> Notes:
        """The place is away: since when. Raises CopyError."""
        notes = self.notes()
        if not notes.away:
            notes = msgspec.structs.replace(notes, away=_now())
            self._keep(notes)
        return notes

    def _keep(self, notes: Notes) -> None:
        self._write(self._place, msgspec.json.encode(notes))

    def keep(self, spec: str, manifest: Manifest) -> None:
        """Remember what a snapshot's copy consists of. Raises CopyError."""
        self._write(self._manifest(spec), mf.encode(manifest))

    def manifest(self, spec: str) -> Manifest | None:
        """None where it is not known, or what is known cannot be read."""
        try:
            return mf.decode(self._manifest(spec).read_bytes(), str(self._manifest(spec)))
        except (OSError, CopyError):
            return None

    def forget(self, spec: str) -> None:
        """It does not lie there any more."""
        for path in (self._manifest(spec), self._manifest(spec).with_suffix("").with_suffix(".jsonl")):
            path.unlink(missing_ok=True)

    def _manifest(self, spec: str) -> Path:
        server, clock, name = spec.split("/")
        return self.path / file_name(server) / clock / f"{name}{mf.SUFFIX}"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, data)
        except OSError as error:
            raise CopyError(
                sentence(
                    "{path}: what was copied already cannot be noted ({error})",
                    path=path,
                    error=error.strerror,
                )
            ) from error

    @contextmanager
    def alone(self, *, wait: bool = False) -> Iterator[None]:
        """Be the only one of this host who writes to the copy, once that is so. Raises BusyError, CopyError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CopyError(joined(": ", (str(self.path), error.strerror or str(error)))) from error
        try:
            while not try_lock(descriptor):
                if wait:
                    time.sleep(_POLL)
                    continue
                raise BusyError(
                    sentence("{copy} is being copied to already", copy=self._name),
                    sentence("tuibackup follow shows it"),
                )
            yield
        finally:
            unlock(descriptor)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
