"""A folder as a place for copies: another disk, perhaps one that is not always plugged in.

An object is written under a name that is nobody's, synced, and renamed to its key, which must not exist.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tuibackup import durable
from tuibackup.copies.target import AlreadyThereError, AwayError, CopyError, MissingError, Object
from tuibackup.vault.output import is_full
from tuibackup.words import joined, sentence

DRAFT = ".tuibackup-draft-"  # in front of a name: an object that is being written, or never was whole
_CHUNK = 1 << 20


class FolderTarget:
    """Objects below `path`, which exists. Files get mode 0600 and folders 0700."""

    parallel = 1
    may_be_unmounted = True
    reads_back = True

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return str(self.path)

    def create(self, key: str, data: bytes | memoryview, sha256: str = "") -> str:
        place = self.path / key
        try:
            self._folders(place.parent)
            if os.path.lexists(place):
                raise _already(place)
            self._write(place, data)
        except OSError as error:
            raise self._fault(place, error) from error
        return ""

    def _folders(self, folder: Path) -> None:
        """Make the folders above an object; one that is a link leads elsewhere and is refused."""
        missing = []
        while folder != self.path:
            if folder.is_symlink():
                raise CopyError(
                    sentence("{folder} is a link; nothing is written through it", folder=folder),
                    sentence("see who made it, and remove it"),
                )
            if folder.is_dir():
                break
            missing.append(folder)
            folder = folder.parent
        else:
            if not folder.is_dir():
                raise AwayError(sentence("{folder} is not there any more", folder=folder))
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
            durable.sync_folder(one.parent)

    def _write(self, place: Path, data: bytes | memoryview) -> None:
        draft = place.with_name(DRAFT + secrets.token_hex(8))
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)  # a network disk may tell only now that it did not take everything
            try:
                durable.rename_new(draft, place)
            except FileExistsError:
                raise _already(place) from None
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        durable.sync_folder(place.parent)

    def objects(self, prefix: str = "") -> Iterator[Object]:
        folder, _, _ = prefix.rpartition("/")
        try:
            yield from (one for one in self._below(folder) if one.key.startswith(prefix))
        except OSError as error:
            raise self._fault(self.path / folder, error) from error

    def _below(self, folder: str) -> Iterator[Object]:
        try:
            entries = sorted(os.scandir(self.path / folder), key=lambda one: one.name)
        except (FileNotFoundError, NotADirectoryError):
            if not self.path.is_dir():
                raise AwayError(sentence("{folder} is not there any more", folder=self.path)) from None
            return
        for entry in entries:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or entry.name == "lost+found":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(key)
            elif entry.is_file(follow_symlinks=False):
                yield Object(key, entry.stat(follow_symlinks=False).st_size)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        place = self.path / key
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if not self.path.is_dir():
                raise AwayError(sentence("{folder} is not there any more", folder=self.path)) from error
            raise MissingError(sentence("{place} is missing", place=place)) from error
        except OSError as error:
            raise self._fault(place, error) from error
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            left = length
            while left is None or left > 0:
                part = os.pread(descriptor, _CHUNK if left is None else min(_CHUNK, left), start)
                if not part:
                    return
                start += len(part)
                left = None if left is None else left - len(part)
                yield part
        except OSError as error:
            raise self._fault(place, error) from error
        finally:
            durable.let_go(descriptor)

    def delete(self, key: str) -> None:
        place = self.path / key
        try:
            place.unlink(missing_ok=True)
            for folder in place.parents:  # those that are empty now
                if folder == self.path or not folder.is_dir() or any(folder.iterdir()):
                    return
                folder.rmdir()
        except OSError as error:
            raise self._fault(place, error) from error

    def tidy(self) -> None:
        try:
            for folder, _, names in os.walk(self.path):
                for name in names:
                    if name.startswith(DRAFT):
                        os.unlink(os.path.join(folder, name))
        except OSError as error:
            raise self._fault(self.path, error) from error

    def close(self) -> None:
        """Nothing is open."""

    def _fault(self, place: Path, error: OSError) -> CopyError:
        if isinstance(error, FileNotFoundError) and not self.path.is_dir():
            return AwayError(sentence("{folder} is not there any more", folder=self.path))
        if is_full(error):
            return CopyError(
                sentence("{folder} is full: no room for {place}", folder=self.path, place=place.name),
                sentence("free some room there, or take a larger disk"),
            )
        return CopyError(joined(": ", (str(place), error.strerror or str(error))))


def _already(place: Path) -> AlreadyThereError:
    return AlreadyThereError(sentence("{place} exists already", place=place))
