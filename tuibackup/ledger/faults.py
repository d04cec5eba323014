"""What SQLite and the system say when the ledger cannot be used, in words of ours, with the way out."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuibackup.answering import GONE
from tuibackup.errors import LedgerError, LedgerHeldError
from tuibackup.text import printable
from tuibackup.words import joined, sentence


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into a LedgerError of one line."""
    name = printable(os.fspath(path))
    try:
        yield
    except OSError as error:
        way_out = GONE.get(error.errno or 0, sentence("check the state folder's owner and mode"))
        way_out = _READ_ONLY if _is_read_only(path) else way_out
        raise LedgerError(
            sentence("the ledger {name} cannot be opened: {error}", name=name, error=error.strerror), way_out
        ) from error
    except sqlite3.Error as error:
        said = printable(str(error))
        if "locked" in said:
            raise LedgerHeldError(
                sentence("the ledger is held by {held_by}", held_by=_held_by(path)),
                sentence("wait until that is done, or end it"),
            ) from error
        if "disk I/O" in said and _is_full(path):  # the word that SQLite has for its index beside the file
            said = sentence("the disk is full")
        way_out = _READ_ONLY if "readonly" in said and _is_read_only(path) else _way_out(said)
        raise LedgerError(sentence("the ledger {name}: {said}", name=name, said=said), way_out) from error


def _is_read_only(path: Path) -> bool:
    """Whether its file system is mounted so."""
    try:
        there = next((parent for parent in path.parents if parent.exists()), path)
        return bool(os.statvfs(there).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _held_by(path: Path) -> str:
    """The other processes that have a lock on the ledger or its index, as the kernel lists them."""
    names: dict[str, str] = {}
    with suppress(OSError):
        files = {f"{os.stat(one).st_ino}" for one in (path, f"{path}-shm") if os.path.exists(one)}
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()  # "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 1073741824 1073742335"
            if "WRITE" in words and words[5].rpartition(":")[2] in files and words[4] != str(os.getpid()):
                with suppress(OSError):
                    names[words[4]] = Path(f"/proc/{words[4]}/comm").read_text().strip()
    told = joined(
        ", ",
        (
            sentence("{name} (process {number})", name=printable(name), number=number)
            for number, name in names.items()
        ),
    )
    return told or sentence("another process")


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


_READ_ONLY = sentence(
    "its file system is mounted read-only: mount it writable again (sudo mount -o "
    "remount,rw); where an error made it so, see sudo dmesg"
)
_WAYS_OUT = {
    "readonly": sentence("it, its -wal file and its folder must be writable for this account"),
    "unable to open": sentence("it and its folder must be writable for this account"),
    "is full": sentence("make room on the disk of the state folder"),
    "malformed": sentence("the file is damaged: keep it, move it away, and put back a copy"),
    "not a database": sentence(
        "the file is damaged or something else: keep it, move it away, and put back a copy"
    ),
    "disk I/O": sentence("look at the disk of the state folder (dmesg, df)"),
    "append-only": sentence("entries are never changed; a correction is a new entry"),
}


def _way_out(said: str) -> str:
    return next((way for sign, way in _WAYS_OUT.items() if sign in said), "")
