"""What a snapshot holds, page by page from its index, for a screen that lists one folder at a time.

Everything here blocks while the backup disk does not answer: call it in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from tuibackup.config import Config
from tuibackup.errors import VaultError
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock, Outcome
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Kind
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.index.schema import FILE_NAME
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.restore.dumps import dumps_of
from tuibackup.words import _


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """One snapshot of a server."""

    name: str
    clock: Clock
    started: datetime
    outcome: Outcome | None  # None: it cannot be read
    items: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One name in a folder: `path` as the snapshot has it, `words` for people; likewise a database, or a table."""

    path: bytes
    words: str
    opens: bool  # whether there is something below it
    size: int | None = None
    owner: str = ""
    time: datetime | None = None
    rows: int | None = None  # of a table
    problem: str = ""  # what was listed about it when the snapshot was made


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` of the folder `path` of a snapshot, from the one numbered `offset` on, of `total`."""

    snapshot: SnapshotLine
    path: bytes
    total: int
    offset: int
    rows: tuple[Row, ...]


class Browser:
    """Reads the snapshots of one server. May be called from several threads, one at a time."""

    def __init__(self, config: Config, server: str) -> None:
        self._config = config
        self._server = server
        self._lock = Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._index: tuple[str, Index] | None = None
        self._problems: dict[bytes, str] = {}

    def snapshots(self) -> tuple[SnapshotLine, ...]:
        """All of them, the newest first. Raises VaultError."""
        with self._lock:
            vault = open_vault(self._config, create=False)
            found = sorted(
                vault.snapshots(self._server), key=lambda one: (one.started, one.clock), reverse=True
            )
            self._snapshots = {_key(one): one for one in found}
            return tuple(map(_line, found))

    def page(self, line: SnapshotLine, path: bytes, offset: int, most: int) -> Page:
        """At most `most` rows of a folder; b"" is the top. Raises VaultError."""
        with self._lock:
            if line.clock is Clock.DATABASES:
                rows = self._tables(line, path) if path else self._databases(line)
                return Page(line, path, len(rows), offset, tuple(rows[offset : offset + most]))
            index = self._opened(line)
            total, found = index.page(path, offset, most)
            return Page(line, path, total, offset, tuple(self._row(one, path) for one in found))

    def other(self, line: SnapshotLine, path: bytes, by: int) -> SnapshotLine | None:
        """The nearest older (`by` -1) or newer (1) snapshot in which `path` differs, or is there or not; None: none."""
        with self._lock:
            same = sorted((one for one in self._snapshots.values() if one.clock is line.clock), key=_started)
            at = next((number for number, one in enumerate(same) if one.name == line.name), None)
            if at is None:
                return None
            mark = self._mark(same[at], path)
            ahead = same[:at][::-1] if by < 0 else same[at + 1 :]
            for one in ahead:
                if self._mark(one, path) != mark:
                    return _line(one)
            return None

    def close(self) -> None:
        with self._lock:
            if self._index:
                self._index[1].close()
                self._index = None

    def _opened(self, line: SnapshotLine) -> Index:
        if self._index is None or self._index[0] != line.name:
            if self._index:
                self._index[1].close()
                self._index = None
            snapshot = self._snapshots[f"{line.clock}/{line.name}"]
            index = Index(snapshot.path / FILE_NAME)
            self._index = line.name, index
            self._problems = {one.path: one.reason for one in index.problems()}
        return self._index[1]

    def _mark(self, snapshot: Snapshot, path: bytes) -> tuple[object, ...] | None:
        """A value that differs where what is at `path` does; None if nothing is."""
        if snapshot.clock is Clock.DATABASES:
            dumps = dumps_of(snapshot)
            name, _, table = path.decode(errors="surrogateescape").partition("\0")
            if name not in dumps or (table and table not in dumps[name].tables):
                return None
            known = dumps[name]
            return (known.tables[table].length,) if table else (known.length,)
        try:
            with Index(snapshot.path / FILE_NAME) as index:
                found = index.get(path)
                if found is None:
                    return None
                sha256 = found.member.sha256 if found.member else None
                total = index.page(path, 0, 0)[0] if found.entry.kind is Kind.FOLDER else 0
                return found.entry.kind, found.entry.size, found.entry.mtime_ns, sha256, total
        except VaultError:
            return None

    def _row(self, found: IndexEntry, folder: bytes) -> Row:
        entry = found.entry
        below = folder.rstrip(b"/") + b"/"
        name = found.path[len(below) :] if folder and found.path.startswith(below) else found.path
        words = printable(name)
        if entry.target is not None:
            words += f" → {printable(entry.target)}"
        return Row(
            found.path,
            words,
            entry.kind is Kind.FOLDER,
            entry.size if entry.kind is Kind.FILE else None,
            printable(entry.user or str(entry.uid).encode()),
            datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC),
            problem=_(printable(self._problems.get(found.path, ""))),
        )

    def _databases(self, line: SnapshotLine) -> list[Row]:
        snapshot = self._snapshots[f"{line.clock}/{line.name}"]
        return [
            Row(
                one.name.encode(errors="surrogateescape"),
                printable(one.name),
                one.tables > 0,
                one.bytes,
                rows=one.rows,
                problem="" if one.whole else _("not whole"),
            )
            for one in snapshot.summary.databases
        ]

    def _tables(self, line: SnapshotLine, path: bytes) -> list[Row]:
        snapshot = self._snapshots[f"{line.clock}/{line.name}"]
        dump = dumps_of(snapshot).get(path.decode(errors="surrogateescape"))
        if dump is None:
            return []
        return [
            Row(
                path + b"\0" + name.encode(errors="surrogateescape"),
                printable(name),
                False,
                table.length,
                rows=table.rows,
            )
            for name, table in dump.tables.items()
        ]


def spec_of(server: str, line: SnapshotLine) -> str:
    """As people write it: "siakad/files/2026-11-22T013000Z"."""
    return f"{server}/{line.clock}/{line.name}"


def parent_of(path: bytes, tops: Sequence[bytes]) -> bytes:
    """The folder above; b"" above one of the configured folders, and above a database."""
    if path in tops or b"/" not in path:
        return b""
    return path.rpartition(b"/")[0]


def _key(snapshot: Snapshot) -> str:
    return f"{snapshot.clock}/{snapshot.name}"


def _started(snapshot: Snapshot) -> datetime:
    return snapshot.started


def _line(snapshot: Snapshot) -> SnapshotLine:
    try:
        summary = snapshot.summary
    except VaultError:
        return SnapshotLine(snapshot.name, snapshot.clock, snapshot.started, None, 0, 0)
    return SnapshotLine(
        snapshot.name, snapshot.clock, snapshot.started, summary.outcome, summary.files, summary.bytes
    )
