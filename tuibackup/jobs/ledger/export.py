"""Export: the ledger as JSON Lines that anybody can check without this program; docs/ledger.md has the script."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from tuibackup.errors import TuibackupError, UsageError
from tuibackup.ledger.store import Ledger
from tuibackup.ledger.witness import Head
from tuibackup.text import printable
from tuibackup.words import sentence


@dataclass(frozen=True, slots=True)
class Exported:
    """How many entries were written, and the first and the last of them (0: none)."""

    entries: int
    first: int
    head: Head


def export(ledger: Ledger, file: IO[str], *, after: int = 0, since: datetime | None = None) -> Exported:
    """Write every entry after number `after`, or since a moment, the oldest first, a line each. Raises LedgerError."""
    number = first = last = 0
    for seq, line in ledger.lines(after, since=since):
        file.write(f"{line}\n")
        number, first, last = number + 1, first or seq, seq
    return Exported(number, first, Head(last, ledger.hash_of(last)) if last else Head())


def export_to(ledger: Ledger, path: Path, *, after: int = 0, since: datetime | None = None) -> Exported:
    """Write them into a new file, 0600, whole or not at all. Raises UsageError: something is there; LedgerError."""
    with _new(path) as file:
        return export(ledger, file, after=after, since=since)


@contextmanager
def _new(path: Path) -> Iterator[IO[str]]:
    """A new file, which is gone again where the block fails."""
    name = printable(str(path))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            try:
                yield file
                file.flush()
                os.fsync(descriptor)
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise UsageError(
            sentence("{path} is there already", path=name), sentence("name a new file")
        ) from None
    except OSError as error:
        raise TuibackupError(
            sentence("{path} cannot be written: {error}", path=name, error=error.strerror)
        ) from error
