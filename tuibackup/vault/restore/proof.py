"""Compares a restored folder with the index, name by name: kind, mode, time, content, where links lead.

It reads what lies on the disk and knows nothing of how it came there.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tuibackup.text import count, printable
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.words import sentence, sentence_n

_CHUNK = 1 << 20
_FAR_NS = 1_000_000_000 << 31  # from here on, before 1970 as after it, many file systems have no times
_FORMATS = {
    Kind.FILE: stat.S_IFREG,
    Kind.FOLDER: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.FIFO: stat.S_IFIFO,
}
_NOT_RESTORED = {
    Kind.SOCKET: sentence("a socket"),
    Kind.BLOCK: sentence("a device"),
    Kind.CHARACTER: sentence("a device"),
}


class Compared(NamedTuple):
    """One name. `hashed`: its content was read and agreed. `difference` and `incomparable` are "" where all is well."""

    path: str
    hashed: bool
    bytes: int
    difference: str
    incomparable: str


def compare(index: Index, target: Path) -> Iterator[Compared]:
    """Every name in `index` as it lies below `target`, folders before what they hold.

    Without root's rights folders and files are made readable for us as they come, after their modes were compared.
    """
    top = os.fsencode(target)
    paths = index.paths()
    root = os.geteuid() == 0
    for found in index.walk():
        path = printable(found.path)
        if found.entry.kind in _NOT_RESTORED:
            what = sentence("{what}: recorded, not restored", what=_NOT_RESTORED[found.entry.kind])
            yield Compared(path, False, 0, "", what)
            continue
        place = top + found.path
        carrier = top + paths(found.carrier) if found.carrier is not None else None
        try:
            difference = _difference(found, place, carrier, root)
        except OSError as error:
            difference = (
                sentence("is missing")
                if isinstance(error, FileNotFoundError)
                else error.strerror or str(error)
            )
        is_file = found.entry.kind == Kind.FILE
        incomparable = ""
        if not difference and os.lstat(place).st_mtime_ns != found.entry.mtime_ns:
            incomparable = sentence("this file system cannot store its time; everything else is as it was")
        hashed = is_file and not difference
        yield Compared(path, hashed, found.entry.size if is_file else 0, difference, incomparable)


def _difference(found: IndexEntry, place: bytes, carrier: bytes | None, root: bool) -> str:
    entry, status = found.entry, os.lstat(place)
    if stat.S_IFMT(status.st_mode) != _FORMATS[entry.kind]:
        return sentence("came back as something else")
    if why := _metadata(entry, status, root):
        return why
    if carrier is not None and os.lstat(carrier).st_ino != status.st_ino:
        return sentence("came back as a file of its own, not as a hard link")
    if entry.kind == Kind.SYMLINK:
        return "" if os.readlink(place) == (entry.target or b"") else sentence("leads elsewhere")
    if entry.kind == Kind.FOLDER and not root and status.st_mode & 0o500 != 0o500:
        os.chmod(place, 0o700)
    if entry.kind == Kind.FILE and carrier is None:
        if status.st_size != entry.size:
            return sentence(
                "has {bytes}, not {size}",
                bytes=sentence_n("{count} byte", "{count} bytes", status.st_size),
                size=count(entry.size),
            )
        if found.member is None or _sha256(place, status.st_mode) != found.member.sha256:
            return sentence("has another content")
    return ""


def _metadata(entry: Entry, status: os.stat_result, root: bool) -> str:
    if entry.kind != Kind.SYMLINK and stat.S_IMODE(status.st_mode) != entry.mode:
        return sentence(
            "has mode {s_imode}, not {mode}",
            s_imode=f"{stat.S_IMODE(status.st_mode):04o}",
            mode=f"{entry.mode:04o}",
        )
    if status.st_mtime_ns != entry.mtime_ns and abs(entry.mtime_ns) < _FAR_NS:
        return sentence("has another time")
    if root and (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
        return sentence(
            "belongs to {st_uid}:{st_gid}, not to {uid}:{gid}",
            st_uid=status.st_uid,
            st_gid=status.st_gid,
            uid=entry.uid,
            gid=entry.gid,
        )
    return ""


def _sha256(place: bytes, mode: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(place, flags)
    except PermissionError:
        os.chmod(place, stat.S_IMODE(mode) | 0o400)
        fd = os.open(place, flags)
    sha256 = hashlib.sha256()
    with open(fd, "rb", buffering=0) as file:
        while part := file.read(_CHUNK):
            sha256.update(part)
    return sha256.digest()
