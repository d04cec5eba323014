"""What a snapshot holds, page by page from its index, for a screen that lists one folder at a time.

Everything here blocks while the backup disk does not answer: a helper process calls it (`jobs/browsing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tuibackup.config import Config
from tuibackup.errors import VaultError
from tuibackup.run.places import open_vault
from tuibackup.sop import Clock, Outcome
from tuibackup.text import count, printable, size
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


@dataclass(frozen=True, slots=True)
class Version:
    """A version of one path, and the snapshots that hold it, the newest first."""

    snapshots: tuple[str, ...]
    started: datetime  # of the newest of them
    size: int | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class About:
    """All that a snapshot knows of one name: (what, its value) in words, problems, and the versions of that path."""

    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    versions: tuple[Version, ...]


class Browser:
    """Reads the snapshots of one server."""

    def __init__(self, config: Config, server: str) -> None:
        self._config = config
        self._server = server
        self._snapshots: dict[str, Snapshot] = {}
        self._index: tuple[str, Index] | None = None
        self._problems: dict[bytes, list[str]] = {}

    def snapshots(self) -> tuple[SnapshotLine, ...]:
        """All of them, the newest first. Raises VaultError."""
        vault = open_vault(self._config, create=False)
        found = sorted(vault.snapshots(self._server), key=lambda one: (one.started, one.clock), reverse=True)
        self._snapshots = {_key(one): one for one in found}
        return tuple(map(_line, found))

    def snapshot(self, line: SnapshotLine) -> Snapshot:
        """The snapshot of a line. Raises VaultError: it is not there any more."""
        key = f"{line.clock}/{line.name}"
        if key not in self._snapshots or not self._snapshots[key].path.is_dir():
            self.snapshots()
        if key not in self._snapshots:
            raise VaultError(
                _("{snapshot} is not there any more").format(snapshot=spec_of(self._server, line)),
                _("somebody removed it: go back to the list of snapshots"),
            )
        return self._snapshots[key]

    def page(self, line: SnapshotLine, path: bytes, offset: int, most: int) -> Page:
        """At most `most` rows of a folder; b"" is the top. Raises VaultError."""
        if line.clock is Clock.DATABASES:
            rows = self._tables(line, path) if path else self._databases(line)
            return Page(line, path, len(rows), offset, tuple(rows[offset : offset + most]))
        index = self.index(line)
        total, found = index.page(path, offset, most)
        return Page(line, path, total, offset, tuple(self._row(one, path) for one in found))

    def row(self, line: SnapshotLine, path: bytes) -> Row:
        """A row of its own for what lies at `path`, with the whole path as its words. Raises VaultError."""
        found = self.index(line).get(path)
        if found is None:
            raise VaultError(_("{path} is not in this snapshot").format(path=printable(path)))
        return self._row(found, b"")

    def locate(self, line: SnapshotLine, path: bytes) -> tuple[bytes, int]:
        """The folder in which `path` is listed, and its number there. Raises VaultError."""
        if line.clock is Clock.DATABASES:
            database, _nul, table = path.partition(b"\0")
            rows = self._tables(line, database) if table else self._databases(line)
            number = next((at for at, row in enumerate(rows) if row.path == path), 0)
            return (database if table else b""), number
        index = self.index(line)
        folder = parent_of(path, tuple(root.folder for root in index.roots))
        return folder, index.position(path) if folder else _position(index, path)

    def amount(self, line: SnapshotLine, path: bytes) -> int:
        """The bytes of all files below a folder, or of a file. Raises VaultError."""
        if line.clock is Clock.DATABASES:
            rows = self._tables(line, path.partition(b"\0")[0]) if b"\0" in path else self._databases(line)
            return next((row.size or 0 for row in rows if row.path == path), 0)
        return self.index(line).choose([path])[1]

    def about(self, line: SnapshotLine, path: bytes) -> About:
        """Raises VaultError."""
        if line.clock is Clock.DATABASES:
            return About(self._about_dump(line, path), (), self._versions(line, path))
        found = self.index(line).get(path)
        if found is None:
            raise VaultError(_("{path} is not in this snapshot").format(path=printable(path)))
        return About(_facts(found), tuple(self._problems.get(path, ())), self._versions(line, path))

    def _about_dump(self, line: SnapshotLine, path: bytes) -> tuple[tuple[str, str], ...]:
        rows = self._tables(line, path.partition(b"\0")[0]) if b"\0" in path else self._databases(line)
        row = next((one for one in rows if one.path == path), None)
        if row is None:
            return ()
        facts = [(_("name"), row.words), (_("SQL"), size(row.size or 0))]
        return (*facts, (_("rows"), count(row.rows))) if row.rows is not None else tuple(facts)

    def _versions(self, line: SnapshotLine, path: bytes) -> tuple[Version, ...]:
        """The versions in all snapshots of that clock, the newest first."""
        same = [one for one in self._snapshots.values() if one.clock is line.clock]
        found: dict[tuple[object, ...], list[Snapshot]] = {}
        for one in sorted(same, key=_started, reverse=True):
            if (mark := self._mark(one, path)) is not None:
                found.setdefault(mark, []).append(one)
        return tuple(
            Version(tuple(one.name for one in held), held[0].started, *_size_and_time(mark))
            for mark, held in found.items()
        )

    def other(self, line: SnapshotLine, path: bytes, by: int) -> SnapshotLine | None:
        """The nearest older (`by` -1) or newer (1) snapshot in which `path` differs, or is there or not; None: none."""
        self.snapshot(line)
        same = sorted((one for one in self._snapshots.values() if one.clock is line.clock), key=_started)
        at = next(number for number, one in enumerate(same) if one.name == line.name)
        mark = self._mark(same[at], path)
        ahead = same[:at][::-1] if by < 0 else same[at + 1 :]
        return next((_line(one) for one in ahead if self._mark(one, path) != mark), None)

    def close(self) -> None:
        """Let go of the index."""
        if self._index:
            self._index[1].close()
            self._index = None

    def index(self, line: SnapshotLine) -> Index:
        """That of a snapshot; it stays open until another one is asked for. Raises VaultError."""
        if self._index is None or self._index[0] != line.name:
            self.close()
            index = Index(self.snapshot(line).path / FILE_NAME)
            self._index, self._problems = (line.name, index), {}
            for problem in index.problems():
                self._problems.setdefault(problem.path, []).append(printable(problem.reason))
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
            problem=_(next(iter(self._problems.get(found.path, ())), "")),
        )

    def _databases(self, line: SnapshotLine) -> list[Row]:
        snapshot = self.snapshot(line)
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
        snapshot = self.snapshot(line)
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


def _facts(found: IndexEntry) -> tuple[tuple[str, str], ...]:
    entry = found.entry
    facts = [(_("path"), printable(found.path))]
    if entry.kind is Kind.FILE:
        facts.append((_("size"), f"{size(entry.size)} ({count(entry.size)} B)"))
    if entry.target is not None:
        facts.append((_("leads to"), printable(entry.target)))
    owner = f"{printable(entry.user or b'?')}:{printable(entry.group or b'?')} ({entry.uid}:{entry.gid})"
    moment = datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC).astimezone()
    facts += [
        (_("mode"), f"{entry.mode:04o}"),
        (_("owner"), owner),
        (_("time"), f"{moment:%Y-%m-%d %H:%M:%S %z}"),
    ]
    if found.member is not None:
        facts.append((_("SHA-256"), found.member.sha256.hex()))
    if entry.links > 1:
        facts.append((_("names of this file"), count(entry.links)))
    return tuple(facts)


def _size_and_time(mark: tuple[object, ...]) -> tuple[int | None, datetime | None]:
    """Out of a `_mark`."""
    if len(mark) == 1:
        return int(str(mark[0])), None
    _kind, length, mtime_ns, *_rest = mark
    return int(str(length)), datetime.fromtimestamp(int(str(mtime_ns)) // 10**9, UTC)


def _position(index: Index, path: bytes) -> int:
    """The number of a configured folder among those."""
    return next((at for at, one in enumerate(index.listing()) if one.path == path), 0)


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
