"""Where fetched files go, whichever way they came: into archives of one folder and into the index.

An archive is closed when it is large enough or some minutes old, and at a cut: what lies in a closed one is not
fetched again, by this run or, should it die, by the next.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from tuibackup.files.contract import Destination, Listed
from tuibackup.files.tally import Tally
from tuibackup.vault.archive.archive import ArchiveWriter, Came
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.disk import RoomGuard
from tuibackup.vault.index.read import Wanted

PART_BYTES = 2 << 30  # of an archive on the disk, after which the next part is begun …
PART_SECONDS = 600.0  # … or after so long: what may be lost to a power cut
_LAG = 0.5  # seconds by which a complaint may come later than the file that it is about
_HANDED = 200  # files in one batch for the second look


class FileStore:
    """Stores the files of one stream of `folder`; used by one thread at a time.

    Complete files go to `hand_over` in batches, to be looked at a second time. Files whose ids are in `again` are
    stored a second time, as they are now; `stored_again` tells which of them came. `record` brings what is known
    against files into the index, before an archive with them counts as written. Raises VaultError.
    """

    def __init__(
        self,
        destination: Destination,
        folder: Listed,
        tally: Tally,
        hand_over: Callable[[list[Wanted]], None],
        again: frozenset[int] = frozenset(),
        record: Callable[[], None] = lambda: None,
    ) -> None:
        self.stored_again: set[int] = set()
        self._destination = destination
        self._folder = folder
        self._tally = tally
        self._hand_to_second_look = hand_over
        self._again = again
        self._record = record
        self._archive: ArchiveWriter | None = None
        self._archive_id = 0
        self._begun = 0.0
        self._handing: list[Wanted] = []
        self._room = RoomGuard(destination.incoming.path, destination.least_free)

    def store(
        self,
        wanted: Wanted,
        entry: Entry,
        content: Iterable[bytes | bytearray | memoryview],
        attributes: Mapping[bytes, bytes],
        *,
        head: bytes = b"",
        at: int | None = None,
    ) -> None:
        """Store one file as `entry`, which is the inventory's unless its size is another by now.

        `head`: its header, if that is not the usual one. `at`: where its content begins in the stream whose pieces
        `came`.
        When `content` raises, or has another length than `entry` says (ValueError), call `cut`.
        """
        tally, archive = self._tally, self._archive or self._open()
        tally.current = wanted.path
        before = tally.bytes
        try:
            archive.begin(wanted.name, entry, attributes, head=head, at=at)
            for part in content:
                archive.write(part)
                tally.bytes += len(part)
                self._room.coming(len(part))
            place = archive.end()
        except BaseException:
            tally.bytes = before
            raise
        tally.items += 1
        with self._destination.lock:
            self._destination.index.stored(wanted.id, self._archive_id, *place)
            if wanted.id in self._again or entry is not wanted.entry:
                self._destination.index.seen_again(wanted.id, entry)
            if attributes:
                self._destination.index.xattrs(wanted.id, attributes)
        if wanted.id in self._again:
            self.stored_again.add(wanted.id)
        # its size as it was read: where the second look finds another, it changed
        self._stored(archive, wanted if entry is wanted.entry else wanted._replace(entry=entry))

    def store_whole(self, wanted: Wanted, head: bytes, content: memoryview, at: int) -> None:
        """As `store`, for a file that is just as the inventory said, comes for the first time and is here whole."""
        tally, archive = self._tally, self._archive or self._open()
        tally.current = wanted.path
        place = archive.add_same(head, content, at)
        tally.bytes += len(content)
        tally.items += 1
        self._room.coming(len(content))
        with self._destination.lock:
            self._destination.index.stored(wanted.id, self._archive_id, *place)
        self._stored(archive, wanted)

    def _stored(self, archive: ArchiveWriter, wanted: Wanted) -> None:
        """One more is in the archive: is it time for the second look, or for the next archive?"""
        self._handing.append(wanted)
        if len(self._handing) >= _HANDED:
            self._hand_over()
        if archive.stored_bytes >= PART_BYTES or time.monotonic() - self._begun >= PART_SECONDS:
            time.sleep(_LAG)
            self._close()

    def came(self, piece: Came) -> None:
        """A piece of the stream came whole (see `ArchiveWriter`)."""
        if self._archive is not None:
            self._archive.came(piece)

    def store_attributes(self, entry: int, attributes: Mapping[bytes, bytes]) -> None:
        """Extended attributes of something that has no content."""
        with self._destination.lock:
            self._destination.index.xattrs(entry, attributes)

    def close(self) -> None:
        """Everything came: the archive is closed, the last files are handed over."""
        self._hand_over()
        self._close()

    def cut(self) -> None:
        """No more comes: what is whole stays, the file under way is taken out again."""
        self._hand_over()
        if self._archive is not None:
            self._archive.cut()
        self._close()

    def abandon(self) -> None:
        """Let go of what is open. May be called twice, and after `close`."""
        if self._archive is not None:
            self._archive.abandon()

    def _open(self) -> ArchiveWriter:
        """An archive is made with its first member: an empty one says nothing."""
        archive = self._archive = self._destination.incoming.archive(self._folder.folder)
        self._begun = time.monotonic()
        with self._destination.lock:
            self._archive_id = self._destination.index.add_archive(archive.path.name)
        return archive

    def _close(self) -> None:
        archive, self._archive = self._archive, None
        if archive is None:
            return
        try:
            summary = archive.close()
        finally:
            archive.abandon()
        self._destination.incoming.wrote(summary)
        self._record()
        with self._destination.lock:
            self._destination.index.archive_written(
                self._archive_id, self._folder.root, summary.stored_bytes, summary.sha256
            )

    def _hand_over(self) -> None:
        files, self._handing = self._handing, []
        if files:
            self._hand_to_second_look(files)
