"""The SQL of a snapshot's dumps as it comes off the disk: the whole of one, proven by its hash, or a part alone.

tables.json says where in the SQL a table lies; docs/vault-format.md describes it. What an older program did not
record there is None here.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from tuibackup.errors import VaultError
from tuibackup.vault.archive.read import ArchiveReader
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.vault.summary import DatabaseSummary
from tuibackup.vault.sums import SUMS, read_sums
from tuibackup.words import sentence, sentence_n

TABLES = "tables.json"
_PIECE = 1 << 20
_SMALL = 256 << 10  # bytes of a table's SQL that are read whole for what they define
_ROWS = re.compile(rb"\n(?:/\*!40000 ALTER TABLE|INSERT INTO|set autocommit=|SET @tb_autocommit)")


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table in a dump: `offset` and `length` of its statements in the SQL, its rows, and the CHECKSUM TABLE that the
    server gave at the dump's instant."""

    name: str
    offset: int
    length: int
    rows: int | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Dump:
    """One database's dump. `length` is that of its SQL, in bytes; `recorded` its part of tables.json.

    `late`: where in the SQL the views begin that look into other databases; None where there are none.
    """

    path: Path
    name: str
    length: int
    whole: bool
    sha256: bytes
    tables: Mapping[str, StoredTable]
    recorded: Mapping[str, Any] = field(default_factory=dict)
    late: int | None = None

    def begin(self) -> Iterator[bytes]:
        """All of it but the late views and what follows them. Raises as `sql`: the rest is read, too."""
        left = self.length if self.late is None else self.late
        for piece in self.sql():
            if left:
                yield piece[:left]
            left = max(0, left - len(piece))

    def definitions(self) -> Iterator[bytes]:
        """As `begin`, but of the larger tables only what makes them: neither rows nor triggers. Raises VaultError."""
        end, at = self.length if self.late is None else self.late, 0
        with ArchiveReader(self.path) as frames:
            for table in sorted(self.tables.values(), key=lambda one: one.offset):
                yield from frames.part(at, table.offset - at)
                whole = table.length <= _SMALL
                piece = b"".join(frames.part(table.offset, min(table.length, _SMALL)))
                yield piece if whole else _ROWS.split(piece, maxsplit=1)[0] + b"\n"
                at = table.offset + table.length
            yield from frames.part(at, end - at)

    def sql(self) -> Iterator[bytes]:
        """All of it, in pieces. Raises VaultError when it is damaged, at the latest after the last piece."""
        sha256 = hashlib.sha256()
        came = 0
        with vault_errors(self.path), self.path.open("rb", buffering=0) as file:
            source = cast("IO[bytes]", _Hashed(file, sha256))
            reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
            try:
                while piece := reader.read(_PIECE):
                    came += len(piece)
                    yield piece
            except zstandard.ZstdError as error:
                raise VaultError(
                    sentence("{path} is damaged: {error}", path=self.path, error=error)
                ) from error
            while source.read(_PIECE):
                pass
        # zstandard says nothing of a file that was cut off: it just ends early.
        if came != self.length:
            raise VaultError(
                sentence(
                    "{path} is damaged: it holds {bytes} of SQL, not {length}",
                    path=self.path,
                    bytes=sentence_n("{count} byte", "{count} bytes", came),
                    length=self.length,
                )
            )
        if sha256.digest() != self.sha256:
            raise VaultError(
                sentence("{path} is damaged: it has another hash than {sums} says", path=self.path, sums=SUMS)
            )

    def part(self, offset: int, length: int) -> Iterator[bytes]:
        """`length` bytes of the SQL from `offset`, without the rest. Raises VaultError when they are damaged."""
        with ArchiveReader(self.path) as frames:
            yield from frames.part(offset, length)


class _Hashed:
    """A file for zstandard whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes], sha256: "hashlib._Hash") -> None:
        self._file = file
        self._sha256 = sha256

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self._sha256.update(part)
        return part


def dumps_of(snapshot: Snapshot, *, tables: bool = True) -> dict[str, Dump]:
    """The dumps of a databases snapshot by database, in the order in which they restore; without what tables.json
    tells, if their `tables` are not wanted. Raises VaultError.
    """
    sums = {one.name: one.sha256 for one in read_sums(snapshot.path)}
    for one in snapshot.summary.databases:
        if "/" in one.file:
            raise VaultError(
                sentence(
                    "{path}: snapshot.json is damaged: it points out of the snapshot", path=snapshot.path
                )
            )
        if one.file not in sums:
            raise VaultError(
                sentence(
                    "{path}: {sums} is damaged: it lacks {file}", path=snapshot.path, sums=SUMS, file=one.file
                )
            )
    found = dumps_in(snapshot.path, snapshot.summary.databases, tables=tables)
    return {one.name: replace(one, sha256=sums[one.path.name]) for one in found}


def dumps_in(folder: Path, databases: Iterable[DatabaseSummary], *, tables: bool = True) -> list[Dump]:
    """The dumps of `databases` in `folder`, which may not be published yet: without hashes. Raises VaultError."""
    recorded = {str(one.get("name")): one for one in (_recorded(folder) if tables else ())}
    dumps = []
    for one in databases:
        about = recorded.get(one.name, {})
        by_name = {table.name: table for table in map(_table, about.get("tables", ()))}
        dumps.append(Dump(folder / one.file, one.name, one.bytes, one.whole, b"", by_name, about, one.late))
    return dumps


def script_of(snapshot: Snapshot, name: str) -> bytes:
    """The SQL in the file `name` beside the dumps, proven by its hash; b"" where there is none."""
    wanted = next((one.sha256 for one in read_sums(snapshot.path) if one.name == name), None)
    if wanted is None:
        return b""
    sql = script_in(snapshot.path, name)
    if hashlib.sha256(sql).digest() != wanted:
        raise VaultError(
            sentence(
                "{path} is damaged: it has another hash than {sums} says",
                path=snapshot.path / name,
                sums=SUMS,
            )
        )
    return sql


def script_in(folder: Path, name: str) -> bytes:
    """As it lies there; b"" where there is none. Raises VaultError."""
    path = folder / name
    with vault_errors(path):
        return path.read_bytes() if path.exists() else b""


def _recorded(folder: Path) -> list[dict[str, Any]]:
    path = folder / TABLES
    if not path.exists():
        return []
    with vault_errors(path):
        data = path.read_bytes()
    try:
        found: list[dict[str, Any]] = json.loads(data.decode("utf-8", "surrogateescape"))["databases"]
    except (ValueError, KeyError, TypeError) as error:
        raise VaultError(sentence("{path} is damaged: {error}", path=path, error=error)) from error
    return found


def _table(table: Mapping[str, Any]) -> StoredTable:
    return StoredTable(
        str(table["name"]), table["offset"], table["bytes"], table.get("rows"), table.get("checksum")
    )
