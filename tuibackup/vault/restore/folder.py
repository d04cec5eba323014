"""The folder that is restored into: makes files, links and folders below it, and never leaves it.

Names in a snapshot came from a server: every folder is entered by descriptor and without following symbolic
links, so nothing is ever written outside.
"""

import errno
import grp
import hashlib
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.archive import acl
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.output import is_full, vault_errors
from tuibackup.vault.restore.existing import Existing, Made
from tuibackup.words import sentence

_CHUNK = 1 << 20
_HOLE = 1 << 20  # a part of so many zeros is not written, so that a sparse file stays sparse
_XATTR = b"SCHILY.xattr."


class Target:
    """The folder below which everything is written; never through a symbolic link.

    Methods raise OSError for what cannot be made; `listing` turns that into a problem of one path.
    """

    def __init__(
        self, path: Path, existing: Existing, numeric_owner: bool, index: Index, snapshot: str
    ) -> None:
        """`snapshot`: its name. Raises VaultError, BusyError: another restore writes into it."""
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
        self._replace = existing
        self._root = os.geteuid() == 0
        self._numeric = numeric_owner
        self._existing: set[bytes] = set()  # folders that were there before
        with vault_errors(path):
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._made = Made(self._fd, snapshot)
            except BaseException:
                os.close(self._fd)
                raise
        self._last: tuple[bytes, int] = b"", self._fd  # the folder entered last

    def __enter__(self) -> "Target":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        self._made.__exit__(kind, error, trace)
        os.close(self._fd)

    @contextmanager
    def listing(self, path: bytes) -> Iterator[None]:
        """What goes wrong with one name is listed, the rest is still restored; a full disk ends it."""
        try:
            yield
        except FileExistsError:
            self.problems.append((printable(path), sentence("exists already and differs; left as it is")))
        except VaultError as error:  # of what the vault holds
            self.damaged += 1
            self.problems.append((printable(path), str(error)))
        except OSError as error:
            if is_full(error):
                raise VaultError(
                    sentence("{path}: no room left for {path2}", path=self.path, path2=printable(path))
                ) from error
            self.problems.append((printable(path), error.strerror or str(error)))

    def has(self, found: IndexEntry) -> bool:
        """Whether a regular file is there already, with the same content, mode and time, and is left as it is."""
        if self._replace is Existing.ALWAYS:
            return False
        folder, name = self._enter(found.path)
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        entry = found.entry
        return (
            stat.S_ISREG(status.st_mode)
            and (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
            and stat.S_IMODE(status.st_mode) == entry.mode
            and self.holds(found)
        )

    def holds(self, found: IndexEntry) -> bool:
        """Whether the content of a regular file that is there is that of the snapshot. Raises OSError."""
        folder, name = self._enter(found.path)
        return found.member is not None and sha256_of(name, folder) == found.member.sha256

    def file(self, found: IndexEntry, content: Iterator[bytes], extra: dict[bytes, bytes]) -> None:
        """Make a regular file. It has its name only when it is whole, where the file system can do that."""
        folder, name = self._enter(found.path)
        self._refuse_existing(folder, name)
        with _Draft(folder, name) as draft:
            hole = False
            for part in content:
                hole = _write(draft.fd, part) if part else hole
            if hole:
                os.ftruncate(draft.fd, os.lseek(draft.fd, 0, os.SEEK_CUR))
            self._finish(draft.fd, found.entry, extra)
            self._make_room(folder, name)
            draft.name_it()

    def link(self, first: bytes, path: bytes) -> None:
        """Make `path` a further name of `first`, which was made just before."""
        source, source_name = self._enter(first)
        source = os.dup(source)
        try:
            folder, name = self._enter(path)
            if self._is_one(source, source_name, folder, name):
                return
            self._make_room(folder, name)
            os.link(source_name, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(source)

    def symlink(self, found: IndexEntry) -> None:
        folder, name = self._enter(found.path)
        if self._leads_there(found, folder, name):
            return
        self._make_room(folder, name)
        os.symlink(found.entry.target or b"", name, dir_fd=folder)
        self._finish_special(found.entry, folder, name)

    def fifo(self, found: IndexEntry) -> None:
        folder, name = self._enter(found.path)
        if self._is_fifo(folder, name):
            return
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
            if made or self._replace is not Existing.NEVER:
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
            why = error.strerror if isinstance(error, OSError) else sentence("is damaged")
            self.problems.append(
                (printable(entry.path), sentence("attribute {name}: {why}", name=printable(name), why=why))
            )

    def _owner(self, entry: Entry) -> tuple[int, int]:
        if self._numeric:
            return entry.uid, entry.gid
        return _uid(entry.user, entry.uid), _gid(entry.group, entry.gid)

    def _is_one(self, source: int, source_name: bytes, folder: int, name: bytes) -> bool:
        """Whether two names are one file already, and are left as they are."""
        found = _status(folder, name) if self._replace is not Existing.ALWAYS else None
        return found is not None and found.st_ino == os.stat(source_name, dir_fd=source).st_ino

    def _leads_there(self, found: IndexEntry, folder: int, name: bytes) -> bool:
        there = _status(folder, name) if self._replace is not Existing.ALWAYS else None
        return (
            there is not None
            and stat.S_ISLNK(there.st_mode)
            and os.readlink(name, dir_fd=folder) == (found.entry.target or b"")
        )

    def _is_fifo(self, folder: int, name: bytes) -> bool:
        there = _status(folder, name) if self._replace is not Existing.ALWAYS else None
        return there is not None and stat.S_ISFIFO(there.st_mode)

    def _refuse_existing(self, folder: int, name: bytes) -> None:
        """Before anything is read for it: FileExistsError where something stays that is there."""
        there = _status(folder, name)
        if there is not None and (self._replace is Existing.NEVER or stat.S_ISDIR(there.st_mode)):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _make_room(self, folder: int, name: bytes) -> None:
        """Take away what is there (no folder) if it is to be replaced; else leave it for the kernel to find."""
        there = _status(folder, name) if self._replace is not Existing.NEVER else None
        if there is not None and not stat.S_ISDIR(there.st_mode):
            os.unlink(name, dir_fd=folder)

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
            if done not in self._existing:
                self._make(fd, part, done)
            try:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            finally:
                if fd != self._fd:
                    os.close(fd)
            fd = below
        return fd

    def _make(self, folder: int, name: bytes, path: bytes) -> None:
        """Make a folder that is not there."""
        if path not in self._made:
            if _status(folder, name) is not None:
                self._existing.add(path)
                return
            self._made.add(path)
        with suppress(FileExistsError):
            os.mkdir(name, 0o755 if path in self._above else 0o700, dir_fd=folder)


class _Draft:
    """A file without a name, that gets one when it is whole; a kill in the middle leaves nothing.

    Where the file system has no such files (network and FUSE ones), it has its name from the beginning.
    """

    def __init__(self, folder: int, name: bytes) -> None:
        self._folder = folder
        self._name = name
        self._named = False
        self._whole = False
        try:
            self.fd = os.open(b".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS):
                raise
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self.fd = os.open(name, flags, 0o600, dir_fd=folder)
            self._named = True

    def name_it(self) -> None:
        """Give it its name. Raises FileExistsError."""
        if not self._named:
            os.link(f"/proc/self/fd/{self.fd}", self._name, dst_dir_fd=self._folder, follow_symlinks=True)
            self._named = True
        self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._named and not self._whole:
            os.unlink(self._name, dir_fd=self._folder)  # nothing half restored looks whole
        os.close(self.fd)


def sha256_of(name: bytes, folder: int) -> bytes:
    """The hash of a regular file of ours, from the disk where the kernel lets go of what it holds. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, dir_fd=folder)
    except PermissionError:  # our own, with a mode that keeps us from reading it
        mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        os.chmod(name, mode | 0o400, dir_fd=folder)
        try:
            fd = os.open(name, flags, dir_fd=folder)
        finally:
            os.chmod(name, mode, dir_fd=folder)
    sha256 = hashlib.sha256()
    with open(fd, "rb", buffering=0) as file:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        while part := file.read(_CHUNK):
            sha256.update(part)
    return sha256.digest()


def _status(folder: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _refuse_dots(path: bytes) -> None:
    """No index of ours has such a path; one that was tampered with leads nowhere."""
    if b".." in path and b".." in path.split(b"/"):
        raise OSError(errno.EINVAL, sentence("is no possible path"))


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
