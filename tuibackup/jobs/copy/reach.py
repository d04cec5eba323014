"""Opens the place of a copy, whatever kind it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.config.copies import CopySettings
from tuibackup.copies.folder import FolderTarget
from tuibackup.copies.known import Known
from tuibackup.copies.target import AwayError, CopyError, Target
from tuibackup.copies.throttle import Throttle
from tuibackup.jobs.copy.way import Way
from tuibackup.run.bandwidth import share, transferring
from tuibackup.vault.disk import room
from tuibackup.words import joined, sentence

if TYPE_CHECKING:
    from tuibackup.copies.crypt import Opener


# Where disks are mounted by custom → how many folders below it.
_AREAS = {Path("/run/media"): 2, Path("/media"): 2, Path("/mnt"): 1}


@contextmanager
def reached(config: Config, copy: CopySettings, way: Way) -> Iterator[Target]:
    """The place, open for the block. Raises CopyError, AwayError: it cannot be reached now."""
    with transferring(config):
        target = _target(config, copy, way)
        try:
            yield target
        finally:
            target.close()


def _target(config: Config, copy: CopySettings, way: Way) -> Target:
    throttle = Throttle(lambda: share(config), way.halt)
    match copy.to.scheme:
        case "":
            return _folder(copy.to.folder, first=not Known(config.state, copy.name).notes().id)
        case "sftp":
            from tuibackup.jobs.copy.sftp import sftp_target

            return sftp_target(config, copy, way, throttle)
        case _:
            from tuibackup.copies.objectstore.bucket import Bucket
            from tuibackup.copies.objectstore.target import ObjectTarget

            return ObjectTarget(Bucket.of(copy), throttle)


def _folder(path: Path, *, first: bool) -> FolderTarget:
    """Raises AwayError: no such folder, or a disk belongs there and is not mounted."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise AwayError(joined(": ", (str(path), error.strerror or str(error)))) from error
    if point := _unmounted(path):
        raise AwayError(sentence("nothing is mounted at {path}", path=point))
    if first and (empty := _empty_mount_point(path)):
        raise CopyError(
            sentence("nothing is mounted at {path}", path=empty),
            sentence(
                "mount the disk; for a folder of the system disk name one that is not below /mnt or /media"
            ),
        )
    if exists and not is_folder:
        raise CopyError(sentence("{path}: is not a folder", path=path), sentence("name a folder"))
    if not is_folder:
        if first:
            raise CopyError(
                sentence("{path}: no such folder", path=path),
                sentence("plug the disk in, or make it: mkdir -p {path}", path=path),
            )
        raise AwayError(sentence("{path}: no such folder", path=path))
    if refusal := room(path).refusal:
        raise CopyError(joined(": ", (str(path), refusal)))
    return FolderTarget(path)


def _unmounted(path: Path, fstab: Path = Path("/etc/fstab")) -> str:
    """The mount point that /etc/fstab names for `path` and where nothing is mounted; "" where there is none."""
    try:
        lines = fstab.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = path.resolve()
    for line in lines:
        fields = line.split()
        if len(fields) > 1 and not line.startswith("#") and fields[1].startswith("/") and fields[1] != "/":
            point = Path(fields[1].replace("\\040", " "))
            if (real == point or point in real.parents) and not point.is_mount():
                return str(point)
    return ""


def _empty_mount_point(path: Path) -> Path | None:
    """Where by custom a disk belongs, at `path` or above, while nothing is mounted there; None: it is no such place.

    What somebody made there by hand lies on the system disk, under the name of another.
    """
    real = path.resolve()
    for area, below in _AREAS.items():
        if not real.is_relative_to(area):
            continue
        parts = real.relative_to(area).parts
        places = [area.joinpath(*parts[:number]) for number in range(len(parts) + 1)]
        if any(place.is_mount() for place in places):
            return None
        return places[min(below, len(parts))]
    return None


def shared_disk(copy: CopySettings, vault: Path) -> str:
    """That a copy lies on the vault's own file system; "" where it does not, or nobody can tell."""
    if copy.to.scheme:
        return ""
    path = copy.to.folder
    try:
        if path.stat().st_dev != vault.stat().st_dev:
            return ""
    except OSError:
        return ""
    return sentence(
        "{path} lies on the disk of the vault itself ({device}); if a disk of its own belongs there, it is not mounted",
        path=path,
        device=room(path).device,
    )


def opener(identity: Path | None) -> "Opener | None":
    """What opens encrypted copies; None where no identity was named. Raises UsageError."""
    if identity is None:
        return None
    from tuibackup.copies.crypt import Opener

    return Opener(identity)
