"""The content of one thing in a snapshot: a file's bytes, a database's or a table's SQL. Only read, never recorded.

Nothing is followed out of the snapshot: a symbolic link's target is looked up in the index, never on this machine.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuibackup.errors import UsageError
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.archive.entry import Kind
from tuibackup.words import sentence

if TYPE_CHECKING:
    from tuibackup.vault.index.read import Index, IndexEntry
    from tuibackup.vault.layout import Snapshot
    from tuibackup.vault.restore.archives import Archives
    from tuibackup.vault.restore.dumps import Dump, StoredTable

_MOST_LINKS = 40  # that one path may lead over, as on Linux
_HEAD = 1 << 20  # bytes: the settings of a dump are in its first lines
# What a table alone needs as well: it may come before those that it refers to.
_BEFORE = b"SET SESSION foreign_key_checks = 0, unique_checks = 0;\n"


@dataclass(frozen=True, slots=True)
class Content:
    """What `parts` gives: `size` bytes of the file at `path`, which is where links led to, or of a database's SQL.

    `parts` may be taken once. It raises VaultError for what is damaged, at the latest after the last part: a file is
    proven by its hash, a database by that of its dump, a table by the checksums of the frames it lies in. `sha256` is
    None for a table, which has none of its own, and of a database it is that of its packed dump: None, too.
    """

    snapshot: "Snapshot"
    parts: Iterator[bytes]
    size: int
    path: bytes = b""
    sha256: bytes | None = None
    database: str | None = None
    table: str | None = None

    @property
    def name(self) -> str:
        """As a person reads it."""
        if self.database is None:
            return printable(self.path)
        return printable(self.database if self.table is None else f"{self.database}.{self.table}")


def content_of(snapshot: "Snapshot", word: str, *, follow: bool = False) -> Content:
    """The file at the absolute path `word` of a files snapshot, or the DATABASE or DATABASE.TABLE of the other kind.

    `follow`: symbolic links are followed inside the snapshot. Raises UsageError: there is no such thing, or it has no
    content; VaultError.
    """
    if snapshot.clock is Clock.DATABASES:
        return _sql(snapshot, word)
    return _file(snapshot, os.fsencode(word), follow=follow)


def _file(snapshot: "Snapshot", path: bytes, *, follow: bool) -> Content:
    from tuibackup.vault.index.read import Index
    from tuibackup.vault.index.schema import FILE_NAME
    from tuibackup.vault.restore.archives import Archives

    if not path.startswith(b"/"):
        raise UsageError(
            sentence("{path}: paths are absolute, as on the server", path=printable(path)),
            sentence("tuibackup ls {snapshot} shows its folders", snapshot=snapshot.spec),
        )
    with Index(snapshot.path / FILE_NAME) as index:
        found = _Way(snapshot, index, follow=follow).to(path)
        archives = Archives(snapshot, index)
    if found.entry.kind is not Kind.FILE:
        raise _no_file(snapshot, found)
    size = found.member.length if found.member else 0
    sha256 = found.member.sha256 if found.member else None
    return Content(snapshot, _bytes(archives, found), size, found.path, sha256)


def _bytes(archives: "Archives", found: "IndexEntry") -> Iterator[bytes]:
    from tuibackup.errors import VaultError

    if found.member is None or found.archive is None:
        raise VaultError(sentence("{path} has no content in the index", path=printable(found.path)))
    with archives.open(found.archive) as archive:
        yield from archive.read(found.member)


def _no_file(snapshot: "Snapshot", found: "IndexEntry") -> UsageError:
    name = printable(found.path)
    match found.entry.kind:
        case Kind.FOLDER:
            return UsageError(
                sentence("{path} is a folder", path=name),
                sentence(
                    "tuibackup ls {snapshot} {path} lists it, and restore --to DIR gets it back",
                    snapshot=snapshot.spec,
                    path=name,
                ),
            )
        case Kind.FIFO | Kind.SOCKET:
            return UsageError(sentence("{path} is a pipe or socket: it has no content", path=name))
        case _:
            return UsageError(sentence("{path} is a device: it has no content", path=name))


class _Way:
    """From a path to what is there, over symbolic links or up to the first one."""

    def __init__(self, snapshot: "Snapshot", index: "Index", *, follow: bool) -> None:
        self._snapshot = snapshot
        self._index = index
        self._follow = follow

    def to(self, path: bytes) -> "IndexEntry":
        """Raises UsageError: nothing is there, or a link that is not followed."""
        here, left, links = b"", path.split(b"/")[::-1], 0
        found = None
        while left:
            part = left.pop()
            if part == b"..":
                here = here.rpartition(b"/")[0]
            elif part not in (b"", b"."):
                here += b"/" + part
            found = self._index.get(here or b"/")
            if found is not None and found.entry.kind is Kind.SYMLINK:
                links += 1
                target = self._target(found, links)
                here = b"" if target.startswith(b"/") else here.rpartition(b"/")[0]
                left += target.split(b"/")[::-1]
                found = None
        if found is None:
            raise self._nothing(path, here or b"/", followed=links > 0)
        return found

    def _target(self, link: "IndexEntry", links: int) -> bytes:
        target = link.entry.target or b""
        if not self._follow:
            raise UsageError(
                sentence(
                    "{path} is a symbolic link to {target}",
                    path=printable(link.path),
                    target=printable(target),
                ),
                sentence("-L follows it inside the snapshot"),
            )
        if links > _MOST_LINKS:
            raise UsageError(
                sentence("{path}: the symbolic links there lead in a circle", path=printable(link.path))
            )
        for root in self._index.roots:  # a folder that is a link on the server lies here under its own name
            if root.resolved != root.folder and (target + b"/").startswith(root.resolved + b"/"):
                return root.folder + target[len(root.resolved) :]
        return target

    def _nothing(self, path: bytes, there: bytes, *, followed: bool) -> UsageError:
        spec = self._snapshot.spec
        if followed:
            return UsageError(
                sentence(
                    "{path} leads to {target}, which is not in {snapshot}",
                    path=printable(path),
                    target=printable(there),
                    snapshot=spec,
                )
            )
        return not_there(spec, path)


def not_there(spec: str, path: bytes) -> UsageError:
    """What is said of a path that the files snapshot `spec` does not hold."""
    return UsageError(
        sentence("{snapshot} has no {path}", snapshot=spec, path=printable(path)),
        sentence("tuibackup ls {snapshot} shows its folders", snapshot=spec),
    )


def _sql(snapshot: "Snapshot", word: str) -> Content:
    from tuibackup.vault.restore.dumps import dumps_of

    dumps = dumps_of(snapshot)
    if (dump := dumps.get(word)) is not None:
        return Content(snapshot, dump.sql(), dump.length, database=dump.name)
    for dot in (position for position, letter in enumerate(word) if letter == "."):
        dump, name = dumps.get(word[:dot]), word[dot + 1 :]
        if dump is not None and (table := dump.tables.get(name)) is not None:
            settings = _settings(dump)
            size = len(settings) + table.length
            return Content(
                snapshot, _table(dump, table, settings), size, database=dump.name, table=table.name
            )
    raise UsageError(
        sentence("{snapshot} has no database or table {name}", snapshot=snapshot.spec, name=printable(word)),
        sentence("tuibackup find {snapshot} {pattern} lists them", snapshot=snapshot.spec, pattern="'*'"),
    )


def _settings(dump: "Dump") -> bytes:
    """The settings under which a table's SQL means what it should; the database is up to whoever loads it."""
    from tuibackup.database.sql.statements import Statements, kind, left_out

    first = min((one.offset for one in dump.tables.values()), default=0)
    head = Statements(dump.part(0, min(first, _HEAD)))
    lines = [bytes(one) + b";\n" for one in head if kind(one) == b"SET" and not left_out(one)]
    return b"".join((*lines, _BEFORE))


def _table(dump: "Dump", table: "StoredTable", settings: bytes) -> Iterator[bytes]:
    yield settings
    yield from dump.part(table.offset, table.length)
