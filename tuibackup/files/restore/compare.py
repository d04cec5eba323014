"""Compares a listing of the new folder with what was chosen of the snapshot, name by name; contents come after."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tuibackup.files.restore.target import MARK
from tuibackup.text import count, printable
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.restore.outgoing import above
from tuibackup.words import sentence, sentence_n

_MOST = 10_000  # sentences of one kind that are kept
_NEVER_MADE = (Kind.SOCKET, Kind.BLOCK, Kind.CHARACTER)


class Owned(NamedTuple):
    """Whose a name is there, and whose it was: names are b"" where they are not known."""

    uid: int
    gid: int
    was_uid: int
    was_gid: int
    was_user: bytes
    was_group: bytes


class Sentences:
    """(path, reason) of some names; of many only the first are kept."""

    def __init__(self) -> None:
        self.total = 0
        self.first: list[tuple[str, str]] = []

    def add(self, path: bytes, reason: str) -> None:
        self.total += 1
        if len(self.first) < _MOST:
            self.first.append((printable(path), reason))


class Comparison:
    """Takes the listing. `differences`: what is missing or is not what it was; `modes` are not as they were.

    `times` counts names with another time; `owned` whose what is; `strange` is there, and not from here. `there`: the
    ids of all that is as it was but for owner, mode and time. `right`: of these, files and links that need not be sent
    again, as far as a listing tells.
    """

    def __init__(self, index: Index) -> None:
        self.differences, self.modes, self.strange = Sentences(), Sentences(), Sentences()
        self.times = 0
        self.owned: Counter[Owned] = Counter()
        self.right: set[int] = set()
        self.there: set[int] = set()
        self.files = self.folders = self.links = 0
        self._index = index
        self._missing = set(index.chosen_ids())
        self._above = set(above(index))
        self._roots = {root.folder for root in index.roots}
        self._folders: dict[bytes, IndexEntry] = {}
        self._inodes: dict[
            int, tuple[int, int]
        ] = {}  # of what has several names: where the first of them lies

    def take(self, entries: Iterable[Entry]) -> None:
        """The next of the listing, a folder before what it holds."""
        for entry in entries:
            if entry.path not in (b"", MARK):
                self._take(entry, b"/" + entry.path)

    def close(self, left_out: Iterable[bytes] = ()) -> None:
        """The listing has ended: what was not in it is missing, but for what was not to be made (`left_out`)."""
        for found in self._not_there():
            if found.entry.kind not in _NEVER_MADE and found.path not in left_out and found.path != b"/":
                self.differences.add(found.path, sentence("is missing"))

    def _not_there(self) -> Iterator[IndexEntry]:
        paths = self._index.paths()
        for number in sorted(self._missing):
            if (found := self._index.get(paths(number))) is not None:
                yield found

    def _take(self, entry: Entry, path: bytes) -> None:
        found = self._find(path)
        if found is None or found.id not in self._missing:
            if path not in self._above:
                self.strange.add(path, sentence("is there, and is not from this snapshot"))
            return
        self._missing.discard(found.id)
        if difference := self._difference(found, entry):
            self.differences.add(path, difference)
            return
        self.there.add(found.id)
        self._count(found.entry.kind)
        if self._metadata(found, entry) and found.entry.links <= 1 and found.entry.kind is not Kind.FOLDER:
            self.right.add(found.id)

    def _find(self, path: bytes) -> IndexEntry | None:
        """Its entry: most lie in a folder that was met before."""
        folder, _, name = path.rpartition(b"/")
        known = self._folders.get(folder)
        found = (
            self._index.get(path) if known is None or path in self._roots else self._index.child(known, name)
        )
        if found is not None and found.entry.kind is Kind.FOLDER:
            self._folders[path] = found
        return found

    def _difference(self, found: IndexEntry, entry: Entry) -> str:
        was = found.entry
        if entry.kind is not was.kind:
            return sentence("came back as something else")
        if was.kind is Kind.FILE and entry.size != was.size:
            return sentence(
                "has {bytes}, not {size}",
                bytes=sentence_n("{count} byte", "{count} bytes", entry.size),
                size=count(was.size),
            )
        if was.kind is Kind.SYMLINK and entry.target != (was.target or b""):
            return sentence("leads elsewhere")
        if found.carrier is not None or was.links > 1:
            inode = entry.device, entry.inode
            if (
                was.kind is not Kind.FOLDER
                and self._inodes.setdefault(found.carrier or found.id, inode) != inode
            ):
                return sentence("came back as a file of its own, not as a hard link")
        return ""

    def _metadata(self, found: IndexEntry, entry: Entry) -> bool:
        """Note owner, mode and time; whether mode and time are as they were."""
        was, right = found.entry, True
        self.owned[Owned(entry.uid, entry.gid, was.uid, was.gid, was.user, was.group)] += 1
        if was.kind is not Kind.SYMLINK and entry.mode != was.mode:
            self.modes.add(
                found.path,
                sentence("has mode {mode}, not {mode2}", mode=f"{entry.mode:04o}", mode2=f"{was.mode:04o}"),
            )
            right = False
        if entry.mtime_ns != was.mtime_ns:
            self.times += 1
            right = right and entry.mtime_ns == was.mtime_ns // 10**9 * 10**9
        return right

    def _count(self, kind: Kind) -> None:
        self.files += kind is Kind.FILE
        self.folders += kind is Kind.FOLDER
        self.links += kind not in (Kind.FILE, Kind.FOLDER)
