"""Proves a snapshot by reading all of it from the disk again and comparing every hash.

The same reading, without the look into the archives, is the last step before a snapshot is published.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tuibackup.errors import VaultError
from tuibackup.progress import OnProgress
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.archive.read import Member
from tuibackup.vault.index.read import Archive, Index
from tuibackup.vault.index.schema import FILE_NAME as INDEX
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.output import vault_errors
from tuibackup.vault.reread import Inspector, Reading, Unpacked, amount
from tuibackup.vault.sums import SUMS, Sum, files_below, read_sums, sum_of_sums
from tuibackup.words import sentence

_TRAILER = re.compile(rb"(?:\A|\n)-- Dump completed(?: on [^\n]{1,40})?\s{0,8}\Z")


class Verdict(msgspec.Struct, frozen=True):
    """What `verify` found. `files` counts files of the vault and of its archives, `bytes` what was read. `damaged` are
    the files with which something is wrong, as SHA256SUMS names them, that list itself included. `another`: it is not
    the list that was published.
    """

    ok: bool
    files: int
    bytes: int
    problems: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    another: bool = False


def verify(snapshot: Snapshot, on_progress: OnProgress | None = None, recorded: str | None = None) -> Verdict:
    """Read the whole snapshot, and the older archives that it needs, and compare every hash.

    `recorded` is the SHA-256 that SHA256SUMS had when the snapshot was published, as the ledger says: who changes a
    snapshot can change that list with it, and not the ledger. Never raises for what it finds: problems are sentences
    that name the file.
    """
    problems: list[str] = []
    try:
        sums = read_sums(snapshot.path)
        another = recorded not in (None, sum_of_sums(snapshot.path))
    except VaultError as error:
        return Verdict(False, 0, 0, (str(error),), (SUMS,), recorded is not None)
    if another:
        problems.append(
            sentence(
                "{path}: is not the list that was published with the snapshot, as the ledger recorded it: the"
                " snapshot was changed afterwards",
                path=snapshot.path / SUMS,
            )
        )
    try:
        if snapshot.summary.name != snapshot.name or snapshot.summary.clock != snapshot.clock:
            problems.append(sentence("{path}: snapshot.json is another snapshot's", path=snapshot.path))
    except VaultError as error:
        problems.append(str(error))
    problems += _strangers(snapshot.path, sums)
    index, contents = None, {}
    if snapshot.clock == Clock.FILES:
        try:
            index = Index(snapshot.path / INDEX)
            index.check()
            contents = {_place(archive): archive for archive in index.archives}
        except VaultError as error:
            problems.append(str(error))
            index = None
    reading = Reading(snapshot.path, sums, on_progress)
    try:
        for name in contents.keys() - {one.name for one in sums}:
            problems.append(
                sentence("{path}: is in the index, not in {sums}", path=snapshot.path / name, sums=SUMS)
            )
        found = reading.each(lambda name: _look_inside(name, index, contents.get(name)))
    finally:
        if index is not None:
            index.close()
    problems += [problem for each in found.values() for problem in each]
    damaged = [*([SUMS] if another else ()), *(name for name, each in found.items() if each)]
    if index is None and snapshot.clock == Clock.FILES and INDEX not in damaged:
        damaged.append(INDEX)
    return Verdict(not problems, reading.files, reading.bytes, tuple(problems), tuple(damaged), another)


def bytes_to_read(snapshot: Snapshot) -> int:
    """The bytes that `verify` will read, the older archives included; 0 where the list of them cannot be read."""
    try:
        return amount(snapshot.path, read_sums(snapshot.path))
    except VaultError:
        return 0


def unsound(folder: Path, sums: Sequence[Sum], on_progress: OnProgress | None = None) -> dict[str, str]:
    """Those of a dead run's archives in `folder` that are not what its index says, down to each file, and why.

    Raises VaultError when the index itself cannot be read.
    """
    with Index(folder / INDEX) as index:
        archives = {archive.name: archive for archive in index.archives if not archive.snapshot}
        found = Reading(folder, sums, on_progress).each(lambda name: _Members(index, archives[name]))
    return {name: problems[0] for name, problems in found.items() if problems}


class _Dump(Inspector):
    """A dump must end in its dumper's last line."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, part: bytes) -> None:
        self._tail = (self._tail + part[-512:])[-512:]

    def end(self) -> Iterator[str]:
        if not _TRAILER.search(self._tail):
            yield sentence("the dump does not end in its last line")


class _Members(Inspector):
    """Every member of an archive must have the hash that the index says."""

    seekable = True

    def __init__(self, index: Index, archive: Archive) -> None:
        self._members = index.contents(archive.id)
        self._paths = index.paths()
        self._bad: list[bytes] = []
        self._position = 0
        self._entry = 0
        self._member: Member | None = None
        self._next()

    def _next(self) -> None:
        self._entry, self._member = next(self._members, (0, None))
        self._sha256 = hashlib.sha256()

    def feed(self, part: bytes) -> None:
        view = memoryview(part)
        end = self._position + len(part)
        while (member := self._member) is not None and member.offset <= end:
            stop = member.offset + member.length
            start = max(member.offset, self._position)
            self._sha256.update(view[start - self._position : stop - self._position])
            if stop > end:
                break
            self.files += 1
            if self._sha256.digest() != member.sha256:
                self._bad.append(self._paths(self._entry))
            self._next()
        self._position = end

    def end(self) -> Iterator[str]:
        if self._member is not None:
            self._bad.append(self._paths(self._entry))
        for path in self._bad:
            yield sentence("{path} has another hash than the index says", path=printable(path))


def _look_inside(name: str, index: Index | None, archive: Archive | None) -> Inspector | None:
    if index is not None and archive is not None:
        return _Members(index, archive)
    if name.endswith(".sql.zst"):
        return _Dump()
    return Unpacked() if name.endswith(".zst") else None


def _place(archive: Archive) -> str:
    """An archive's file as SHA256SUMS names it."""
    return f"../{archive.snapshot}/{archive.name}" if archive.snapshot else archive.name


def _strangers(folder: Path, sums: Sequence[Sum]) -> list[str]:
    """Files in the snapshot that SHA256SUMS does not know."""
    known = {one.name for one in sums} | {SUMS}
    try:
        with vault_errors(folder):
            found = files_below(folder)
    except VaultError as error:
        return [str(error)]
    return [
        sentence("{folder}: is not in {sums}", folder=folder / name, sums=SUMS)
        for name in found
        if name not in known
    ]
