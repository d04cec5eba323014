"""A small tree with everything that a listing has to tell, and what lstat tells of it."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from tuibackup.vault.archive.entry import Entry, Kind


class OddTree:
    """The tree, made in `top`; a link to `target` is called `dangling`, and a file with odd times `odd`."""

    def __init__(self, top: Path, *, dangling: bytes, target: bytes, odd: bytes) -> None:
        self._top = top
        self._target = target
        self._kinds = {
            b"": Kind.FOLDER, b"empty": Kind.FOLDER, b"file": Kind.FILE, b"second name": Kind.FILE,
            dangling: Kind.SYMLINK, b"fifo": Kind.FIFO, b"socket": Kind.SOCKET, odd: Kind.FILE,
        }  # fmt: skip
        (top / "empty").mkdir(mode=0o700, parents=True)
        (top / "file").write_bytes(b"12345")
        os.link(top / "file", top / "second name")
        (top / os.fsdecode(dangling)).symlink_to(os.fsdecode(target))
        os.mkfifo(top / "fifo")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(top / "socket"))
        (top / os.fsdecode(odd)).write_bytes(b"")
        os.utime(top / os.fsdecode(odd), ns=(0, 1_234_567_890_123_456_789))
        os.utime(top / "file", ns=(0, -1_500_000_001))
        (top / "file").chmod(0o4751)

    def is_listed_as_lstat_sees_it(self, found: Sequence[Entry]) -> None:
        """AssertionError if `found`, the listing, is anything else than this tree."""
        assert found[0].path == b""
        assert {entry.path: entry.kind for entry in found} == self._kinds
        for entry in found:
            seen = os.lstat(os.path.join(os.fsencode(self._top), entry.path))
            assert entry.mode == seen.st_mode & 0o7777
            assert (entry.uid, entry.gid, entry.size) == (seen.st_uid, seen.st_gid, seen.st_size)
            assert (entry.mtime_ns, entry.ctime_ns) == (seen.st_mtime_ns, seen.st_ctime_ns)
            assert (entry.device, entry.inode, entry.links) == (seen.st_dev, seen.st_ino, seen.st_nlink)
            assert entry.target == (self._target if entry.kind is Kind.SYMLINK else None)
