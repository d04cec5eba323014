"""The archives that a files snapshot needs: its own, and those of older snapshots that its index points into."""

from pathlib import Path

from tuibackup.errors import VaultError
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.index.read import Archive, Index
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.names import NAME
from tuibackup.words import sentence


class Archives:
    """Where they lie; may be asked when the index is closed again. VaultError for an index that leads elsewhere."""

    def __init__(self, snapshot: Snapshot, index: Index) -> None:
        self._folder = snapshot.path
        self._index = index.path
        self._by_number = {one.id: one for one in index.archives}

    def require(self) -> None:
        """VaultError if the index leads elsewhere. One that is missing is said of each file that lay in it."""
        for archive in self._by_number.values():
            self._place(archive)

    def open(self, number: int) -> ArchiveReader:
        """The archive with this number in the index, to be closed by the caller. Raises VaultError."""
        place = self._place(self._by_number[number])
        if not place.is_file():
            raise VaultError(sentence("{place}: the archive is missing", place=place))
        return ArchiveReader(place)

    def _place(self, archive: Archive) -> Path:
        if "/" in archive.name or (archive.snapshot and not NAME.fullmatch(archive.snapshot)):
            raise VaultError(
                sentence("{index} is damaged: it points out of the server's snapshots", index=self._index)
            )
        return (self._folder.parent / archive.snapshot if archive.snapshot else self._folder) / archive.name
