"""The folder that is restored into: makes files, links and folders below it, and never leaves it.

Names in a snapshot came from a server: every folder is entered by descriptor and without following symbolic
links, so nothing is ever written outside.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.archive import acl
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.output import is_full, vault_errors

_HOLE = 1 << 20  # a part of so many zeros is not written, so that a sparse file stays sparse
_XATTR = b"SCHILY.xattr."


class Target:
    """The folder below which everything is written; never through a symbolic link.

    Methods raise OSError for what cannot be made; `listing` turns that into a problem of one path.
    """

    def __init__(self, path: Path, overwrite: bool, numeric_owner: bool, index: Index) -> None:
        self.path = path
        # Above the configured folders, where the snapshot knows no modes: as restore.sh makes them.
        self._above = {
            bytes(one)
            for root in index.roots
            for one in PurePosixPath(os.fsdecode(root.folder)).parents
            if index.get(bytes(one)) is None
        }
        self.problems: list[tuple[str, str]] = []
        self.damaged = 0  # of these, what the vault does not hold whole
        self._overwrite = overwrite
        self._root = os.geteuid() == 0
        self._numeric = numeric_owner
        self._existing: set[bytes] = set()  # folders that were there before
        self._made: set[bytes] = set()
        with vault_errors(path):
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._last: tuple[bytes, int] = b"", self._fd  # the folder entered last

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        os.close(self._fd)

    @contextmanager
    def listing(self, path: bytes) -> Iterator[None]:
        """What goes wrong with one name is listed, the rest is still restored; a full disk ends it."""
        try:
            yield
        except FileExistsError:
            self.problems.append((printable(path), "exists already, left as it is"))
        except VaultError as error:  # of what the vault holds
            self.damaged += 1
            self.problems.append((printable(path), str(error)))
        except OSError as error:
            if is_full(error):
                raise VaultError(f"{self.path}: no room left for {printable(path)}") from error
            self.problems.append((printable(path), error.strerror or str(error)))

    def file(self, found: IndexEntry, content: Iterator[bytes], extra: dict[bytes, bytes]) -> None:
        """Make a regular file."""
        folder, name = self._enter(found.path)
        self._make_room(folder, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            hole = False
            for part in content:
                hole = _write(fd, part) if part else hole
            if hole:
                os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_CUR))
            self._finish(fd, found.entry, extra)
        except BaseException:
            os.unlink(name, dir_fd=folder)  # nothing half restored looks whole
            raise
        finally:
            os.close(fd)

    def link(self, first: bytes, path: bytes) -> None:
        """Make `path` a further name of `first`, which was made just before."""
        source, source_name = self._enter(first)
        source = os.dup(source)
        try:
            folder, name = self._enter(path)
            self._make_room(folder, name)
            os.link(source_name, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(source)

    def symlink(self, found: IndexEntry) -> None:
        folder, name = self._enter(found.path)
        self._make_room(folder, name)
        os.symlink(found.entry.target or b"", name, dir_fd=folder)
        self._finish_special(found.entry, folder, name)

    def fifo(self, found: IndexEntry) -> None:
        folder, name = self._enter(found.path)
        self._make_room(folder, name)
        os.mkfifo(name, 0o600, dir_fd=folder)
        self._finish_special(found.entry, folder, name)
        os.chmod(name, found.entry.mode, dir_fd=folder)

    def finish_folder(self, found: IndexEntry, extra: dict[bytes, bytes]) -> bool:
        """Give a folder (made when nothing is in it) owner, mode and times; whether it was made here."""
        self._leave()
        _refuse_dots(found.path)
        folder = self._open(found.path)
        try:
            made = found.path not in self._existing
            if made or self._overwrite:
                self._finish(folder, found.entry, extra)
        finally:
            if folder != self._fd:
                os.close(folder)
        return made

    def _finish(self, fd: int, entry: Entry, extra: dict[bytes, bytes]) -> None:
        """Owner first (it clears setuid), then attributes, mode, access lists, times.

        An ordinary owner may give what is read-only no attributes; an access list is part of the mode.
        """
        if self._root:
            os.chown(fd, *self._owner(entry))
        lists = [key for key in extra if key in acl.ATTRIBUTES]
        for key in extra.keys() - lists:
            self._set_xattr(fd, entry, key, extra[key])
        os.fchmod(fd, entry.mode)
        for key in lists:
            self._set_xattr(fd, entry, key, extra[key])
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def _finish_special(self, entry: Entry, folder: int, name: bytes) -> None:
        if self._root:
            uid, gid = self._owner(entry)
            os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _set_xattr(self, fd: int, entry: Entry, key: bytes, value: bytes) -> None:
        if key.startswith(_XATTR):
            name = key[len(_XATTR) :].replace(b"%3D", b"=").replace(b"%25", b"%")
        elif key in acl.ATTRIBUTES:
            name = acl.ATTRIBUTES[key]
        else:
            return
        try:
            os.setxattr(fd, name, acl.encode(value) if key in acl.ATTRIBUTES else value)
        except (OSError, ValueError, KeyError) as error:
            why = error.strerror if isinstance(error, OSError) else "is damaged"
            self.problems.append((printable(entry.path), f"attribute {printable(name)}: {why}"))

    def _owner(self, entry: Entry) -> tuple[int, int]:
        if self._numeric:
            return entry.uid, entry.gid
        return _uid(entry.user, entry.uid), _gid(entry.group, entry.gid)

    def _make_room(self, folder: int, name: bytes) -> None:
        """With `overwrite` take away what is there (no folder); else leave it for O_EXCL to find."""
        if self._overwrite:
            try:
                if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass

    def _enter(self, path: bytes) -> tuple[int, bytes]:
        """The folder of `path`, made when it is not there, and the last part of the name."""
        _refuse_dots(path)
        folder, _, name = path.rpartition(b"/")
        if self._last[0] != folder:
            self._leave()
            self._last = folder, self._open(folder)
        return self._last[1], name

    def _leave(self) -> None:
        if self._last[1] != self._fd:
            os.close(self._last[1])
        self._last = b"", self._fd

    def _open(self, path: bytes) -> int:
        """A descriptor of the folder, part by part; missing ones are made."""
        fd = self._fd
        done = b""
        for part in path.split(b"/"):
            if not part:
                continue
            done += b"/" + part
            try:
                os.mkdir(part, 0o755 if done in self._above else 0o700, dir_fd=fd)
                self._made.add(done)
            except FileExistsError:
                if done not in self._made:
                    self._existing.add(done)
            try:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            finally:
                if fd != self._fd:
                    os.close(fd)
            fd = below
        return fd


def _refuse_dots(path: bytes) -> None:
    """No index of ours has such a path; one that was tampered with leads nowhere."""
    if b".." in path and b".." in path.split(b"/"):
        raise OSError(errno.EINVAL, "is no possible path")


def _write(fd: int, part: bytes) -> bool:
    """Write all of `part`, long runs of zeros as a hole; whether it ends in one."""
    hole = False
    view = memoryview(part)
    for start in range(0, len(part), _HOLE):
        piece = view[start : start + _HOLE]
        hole = len(piece) == _HOLE and piece[0] == 0 and not piece.tobytes().strip(b"\0")
        if hole:
            os.lseek(fd, _HOLE, os.SEEK_CUR)
        while piece and not hole:
            piece = piece[os.write(fd, piece) :]
    return hole


@cache
def _uid(name: bytes, number: int) -> int:
    """The account of that name here, else the number."""
    try:
        return pwd.getpwnam(os.fsdecode(name)).pw_uid
    except (KeyError, ValueError):
        return number


@cache
def _gid(name: bytes, number: int) -> int:
    try:
        return grp.getgrnam(os.fsdecode(name)).gr_gid
    except (KeyError, ValueError):
        return number
