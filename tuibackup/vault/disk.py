"""What the backup disk is: device, file system, room, and whether it can be trusted with a vault."""

import errno
import os
import pwd
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tuibackup.answering import Probe
from tuibackup.errors import VaultError
from tuibackup.text import size
from tuibackup.vault.output import is_full, vault_errors
from tuibackup.words import sentence

_FAT = {"vfat", "msdos", "umsdos"}
_FLEETING = {"tmpfs", "ramfs", "devtmpfs", "rootfs", "squashfs"}
_SOLID = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2"}
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Room(NamedTuple):
    """The disk below a folder. `free` is what an ordinary account may still write; sizes in bytes."""

    free: int
    total: int
    device: str
    fstype: str
    mount_point: str

    @property
    def on_system_disk(self) -> bool:
        """Whether it is the disk that holds `/`: a full backup would then stop the machine."""
        return self.mount_point == "/"

    @property
    def refusal(self) -> str:
        """Why no vault may lie here; "" when it may."""
        if self.fstype in _FAT:
            return sentence(
                "{device} is FAT: no file over 4 GiB, no permissions; format it with ext4 or XFS",
                device=self.device,
            )
        return ""

    @property
    def warning(self) -> str:
        """What to know about a vault here; "" when nothing."""
        if self.on_system_disk:
            return sentence(
                "the vault lies on the system disk ({device}), not on a disk of its own", device=self.device
            )
        if self.fstype in _FLEETING:
            return sentence(
                "{device} is {fstype}: everything on it is lost after a restart",
                device=self.device,
                fstype=self.fstype,
            )
        if self.fstype not in _SOLID:
            return sentence(
                "{device} is {fstype}: a renamed file may be lost there in a power cut",
                device=self.device,
                fstype=self.fstype,
            )
        return ""


class RoomGuard:
    """Looks at the room below `path` again after every 256 MiB: nothing a server sends may fill the disk."""

    EVERY = 256 << 20

    def __init__(self, path: Path, least_free: int) -> None:
        self._path = path
        self._least_free = least_free
        self._since = 0

    def coming(self, length: int) -> None:
        """So many bytes more are to be written. VaultError when less than `least_free` is free."""
        self._since += length
        if self._since < self.EVERY:
            return
        self._since = 0
        free = room(self._path).free
        if free < self._least_free:
            raise VaultError(
                sentence(
                    "vault nearly full: {free} free, {least_free} are to stay free",
                    free=size(free),
                    least_free=size(self._least_free),
                ),
                sentence("free some room there, or lower min_free"),
            )


def require_room(disk: Room, subject: object, needs: int, least_free: int) -> None:
    """VaultError about `subject` where `needs` bytes more would leave less than `least_free`."""
    if disk.free - needs >= least_free:
        return
    needed = sentence("needs about {needs} in the vault; ", needs=size(needs)) if needs else ""
    raise VaultError(
        sentence(
            "{subject}: {needed}{free} are free, of which {least_free} are to stay free",
            subject=subject,
            needed=needed,
            free=size(disk.free),
            least_free=size(least_free),
        ),
        sentence("free some room there, or lower min_free"),
    )


def require_writable(folder: Path) -> None:
    """VaultError, with the way out, where this account can write no file into the existing `folder`.

    Tried with a file that has no name: it leaves nothing, and tells of quotas and broken disks too.
    """
    try:
        _try_to_write(folder)
    except OSError as error:
        if is_full(error):
            raise VaultError(
                sentence(
                    "{folder}: no room for a single file ({error})", folder=folder, error=error.strerror
                ),
                sentence("free some room there"),
            ) from error
        raise VaultError(
            sentence("{folder}: no file can be written there ({error})", folder=folder, error=error.strerror),
            _way_to_write(folder, error),
        ) from error


def _try_to_write(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # Network and FUSE file systems know no such files; then the rights have to do.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS):
            raise
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
        return
    try:
        os.write(descriptor, bytes(4096))
    finally:
        os.close(descriptor)


def _way_to_write(folder: Path, error: OSError) -> str:
    name = shlex.quote(str(folder))
    if error.errno == errno.EROFS:
        mount_point = shlex.quote(room(folder).mount_point)
        return sentence(
            "it is mounted read-only: sudo mount -o remount,rw {mount_point}; where an error made it "
            "so, see sudo dmesg",
            mount_point=mount_point,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        if os.stat(folder).st_uid == os.geteuid():
            return f"chmod u+rwx {name}"
        return sentence(
            "make it this account's: sudo chown -R {account} {name}", account=account(), name=name
        )
    return sentence("look at the disk: df, sudo dmesg")


def account() -> str:
    """The name of our own account; its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def room(path: Path) -> Room:
    """The disk on which the existing folder `path` lies. Raises VaultError."""
    with vault_errors(path):
        numbers = os.statvfs(path)
        device, fstype, mount_point = _mount(os.path.realpath(path))
    return Room(
        numbers.f_bavail * numbers.f_frsize, numbers.f_blocks * numbers.f_frsize, device, fstype, mount_point
    )


def _mount(path: str) -> tuple[str, str, str]:
    """Device, type and mount point for `path`: the longest that contains it, the last mounted of equals."""
    best = ("?", "?", "")
    wanted = os.fsencode(path)
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        left, _, right = line.partition(b" - ")
        point = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), left.split(b" ")[4])
        if wanted == point or wanted.startswith(point.rstrip(b"/") + b"/"):
            fstype, device = right.split(b" ")[:2]
            if len(point) >= len(os.fsencode(best[2])):
                best = os.fsdecode(device), os.fsdecode(fstype), os.fsdecode(point)
    return best


def require_answer(path: Path, seconds: float = 10.0) -> None:
    """VaultError where the disk below `path` does not answer within `seconds`."""
    probe = Probe(path)
    try:
        if not probe.answered(seconds):
            raise VaultError(
                sentence("the backup disk does not answer: {path}", path=path),
                sentence("see what it hangs on (mount, the server behind it)"),
            )
    finally:
        probe.close()
