"""The head of the chain, kept in a file beside the ledger: so a ledger that lost its end, or was replaced by an older
copy of itself, shows, and no number is given twice.

It is written after each entry, and never waited for: the entry is what counts. Whoever can write here can forge it;
against him there are seals, and what lies elsewhere.
"""

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

import msgspec

from tuibackup.durable import let_go
from tuibackup.ledger.entries import GENESIS

_LINE = re.compile(
    rb"(\d{20}) ([0-9a-f]{64})\n"
)  # as `dd` and a person read it; of one length, so it is never torn


class Head(msgspec.Struct, frozen=True):
    """The last entry of a chain: its number (0: there is none) and its hash, SHA-256 in hex."""

    seq: int = 0
    hash: str = GENESIS


def place(ledger: Path) -> Path:
    """The file of the ledger that lies there."""
    return ledger.with_suffix(".head")


def remember(ledger: Path, head: Head) -> None:
    """Keep `head`, unless another process already kept a later one."""
    with suppress(OSError):  # a full disk: the entry is safe, and the next one is kept again
        descriptor = os.open(place(ledger), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _parsed(os.pread(descriptor, 100, 0)).seq < head.seq:
                os.pwrite(descriptor, f"{head.seq:020} {head.hash}\n".encode(), 0)
        finally:
            let_go(descriptor)


def remembered(ledger: Path) -> Head:
    """The head that was kept; that of an empty chain where none was, or nobody can read it."""
    try:
        with place(ledger).open("rb") as file:
            return _parsed(file.read(100))
    except OSError:
        return Head()


def _parsed(line: bytes) -> Head:
    match = _LINE.match(line)
    return Head(int(match[1]), match[2].decode()) if match else Head()
