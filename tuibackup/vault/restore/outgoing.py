"""What was chosen of a files snapshot as one tar stream, in the order of every restore.

Regular files as they lie in the archives, then links, then folders, each after what it holds.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Protocol

from tuibackup.errors import VaultError
from tuibackup.text import printable
from tuibackup.vault.archive import gnuheader, tarheader
from tuibackup.vault.archive.entry import Entry, Kind
from tuibackup.vault.archive.read import ArchiveReader, Member
from tuibackup.vault.index.read import Index, IndexEntry
from tuibackup.vault.restore.archives import Archives
from tuibackup.words import sentence

_PIECE = 512 << 10  # bytes that are given at once
_ZEROS = bytes(1 << 20)
_HOLE = 64 << 10  # bytes of zeros that are sent as a hole
_MOST_PARTS = 100_000
_ABOVE = Entry(b"", Kind.FOLDER, 0o755, 0, 0, b"", b"", 0, 0)


class Header(Protocol):
    """The blocks in front of a member's content."""

    def __call__(
        self,
        name: bytes,
        entry: Entry,
        *,
        kind: bytes = ...,
        link: bytes = ...,
        extra: Mapping[bytes, bytes] | None = ...,
    ) -> bytes: ...


class Outgoing:
    """`Index.choose` comes first. `there`: ids of what needs not be sent.

    While it is given: `damaged` are files that the vault does not hold whole, with the reason (their content is
    zeros in the stream: it must be taken away again), `unsent` what no restore makes.
    """

    def __init__(
        self, archives: Archives, index: Index, *, plain: bool, there: Container[int] = frozenset()
    ) -> None:
        """`plain`: for a tar that knows no pax records."""
        self.damaged: dict[bytes, str] = {}
        self.unsent: list[tuple[bytes, str]] = []
        self._archives = archives
        self._index = index
        self._there = there
        self._plain = plain
        self._header: Header = _plain if plain else tarheader.header
        self._xattrs = index.has_xattrs() and not plain
        self._first: dict[int, bytes] = {}  # of links with several names: inode, first name here

    def pieces(self, on_file: Callable[[IndexEntry], None]) -> Iterator[bytes]:
        """The stream; `on_file` is told each regular file, before its content. Raises VaultError."""
        held, length = [], 0
        for part in self._parts(on_file):
            held.append(part)
            length += len(part)
            if length >= _PIECE:
                yield b"".join(held)
                held, length = [], 0
        yield b"".join([*held, tarheader.END])

    def _parts(self, on_file: Callable[[IndexEntry], None]) -> Iterator[bytes]:
        yield from self._files(on_file)
        for found in self._index.chosen_links():
            yield from self._link(found)
        for found in self._index.chosen_folders():
            if found.path != b"/":  # that is the new folder itself, which is opened last
                yield self._folder(found)
        for path in above(self._index):
            known = self._index.get(path)
            yield (
                self._folder(known)
                if known
                else self._header(_name(path), _ABOVE, kind=tarheader.FOLDER, extra=None)
            )

    def _files(self, on_file: Callable[[IndexEntry], None]) -> Iterator[bytes]:
        archive: tuple[int, ArchiveReader | _Unreadable] | None = None
        first: tuple[int, bytes] | None = None
        try:
            for found in self._index.chosen_files():
                if found.member is None or found.archive is None:
                    raise VaultError(
                        sentence(
                            "{path}: {path2} has no content",
                            path=self._index.path,
                            path2=printable(found.path),
                        )
                    )
                on_file(found)
                inode = found.carrier or found.id
                if first and first[0] == inode:
                    if first[1] in self.damaged:
                        self.damaged[found.path] = self.damaged[first[1]]
                    else:
                        yield self._further_name(found, first[1])
                    continue
                first = inode, found.path
                if found.id in self._there:
                    continue
                if archive is None or archive[0] != found.archive:
                    if archive:
                        archive[1].close()
                    archive = None
                    archive = found.archive, self._open(found.archive)
                yield from self._file(found, found.member, archive[1])
        finally:
            if archive:
                archive[1].close()

    def _open(self, number: int) -> "ArchiveReader | _Unreadable":
        try:
            return self._archives.open(number)
        except VaultError as error:
            return _Unreadable(error)

    def _file(
        self, found: IndexEntry, member: Member, archive: "ArchiveReader | _Unreadable"
    ) -> Iterator[bytes]:
        """Where the vault's content is damaged, zeros follow: what was announced must come."""
        parts = self._parts_with_data(member, archive)
        left = found.entry.size if parts is None else sum(length for _offset, length in parts)
        yield (
            self._header(_name(found.path), found.entry, extra=self._extra(found))
            if parts is None
            else tarheader.sparse(_name(found.path), found.entry, parts, self._extra(found))
        )
        end = tarheader.padding(left)
        try:
            for piece in archive.read(member) if parts is None else _only(archive.read(member), parts):
                left -= len(piece)
                yield piece
        except VaultError as error:
            self.damaged[found.path] = str(error)
        while left > 0:
            yield _ZEROS[:left]
            left -= len(_ZEROS)
        yield bytes(end)

    def _parts_with_data(
        self, member: Member, archive: "ArchiveReader | _Unreadable"
    ) -> list[tuple[int, int]] | None:
        """(offset, length) of what is not zeros in a file with holes; None for any other.

        It is read a first time for that: the list stands in front of the content.
        """
        if self._plain or member.length < _HOLE or not archive.may_have_holes(member):
            return None
        parts: list[tuple[int, int]] = []
        offset = 0
        try:
            for piece in _cut(archive.read(member)):
                if piece != _ZEROS[: len(piece)]:
                    if parts and sum(parts[-1]) == offset:
                        parts[-1] = parts[-1][0], parts[-1][1] + len(piece)
                    else:
                        parts.append((offset, len(piece)))
                offset += len(piece)
        except VaultError:
            return None
        # A file that ends in a hole has an empty last part, by which tar knows its length.
        return [*parts, (member.length, 0)] if len(parts) < _MOST_PARTS else None

    def _link(self, found: IndexEntry) -> Iterator[bytes]:
        kind, inode = found.entry.kind, found.carrier or found.id
        if kind not in (Kind.SYMLINK, Kind.FIFO):
            what = sentence("a socket") if kind == Kind.SOCKET else sentence("a device")
            self.unsent.append((found.path, sentence("{what}: recorded, not restored", what=what)))
        elif inode in self._first:
            yield self._further_name(found, self._first[inode])
        else:
            if found.entry.links > 1:
                self._first[inode] = found.path
            if found.id not in self._there:
                letter = tarheader.SYMLINK if kind is Kind.SYMLINK else tarheader.FIFO
                target = found.entry.target or b""
                yield self._header(
                    _name(found.path), found.entry, kind=letter, link=target, extra=self._extra(found)
                )

    def _folder(self, found: IndexEntry) -> bytes:
        return self._header(_name(found.path), found.entry, kind=tarheader.FOLDER, extra=self._extra(found))

    def _further_name(self, found: IndexEntry, first: bytes) -> bytes:
        return self._header(_name(found.path), found.entry, kind=tarheader.HARD_LINK, link=_name(first))

    def _extra(self, found: IndexEntry) -> dict[bytes, bytes] | None:
        return self._index.xattrs(found.carrier or found.id) if self._xattrs else None


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of _HOLE bytes, the last one shorter."""
    held = b""
    for piece in pieces:
        held += piece
        whole = len(held) // _HOLE * _HOLE
        for at in range(0, whole, _HOLE):
            yield held[at : at + _HOLE]
        held = held[whole:]
    if held:
        yield held


def _only(pieces: Iterator[bytes], parts: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Of a file's content what lies in `parts`, which are in order."""
    wanted, offset = iter(parts), 0
    start, length = next(wanted)
    for piece in _cut(pieces):
        while start + length <= offset and (part := next(wanted, None)):
            start, length = part
        if start <= offset < start + length:
            yield piece
        offset += len(piece)


def above(index: Index) -> list[bytes]:
    """The folders above what was chosen that were not chosen, the lowest first; the snapshot may know them or not."""
    found: set[bytes] = set()
    for top in index.tops:
        while top := top.rpartition(b"/")[0]:
            known = index.get(top)
            if known is None or not index.is_chosen(known.id):
                found.add(top)
    return sorted(found, key=len, reverse=True)


def _name(path: bytes) -> bytes:
    """An absolute path as it stands in an archive."""
    return path.lstrip(b"/") or b"."


def _plain(
    name: bytes,
    entry: Entry,
    *,
    kind: bytes = tarheader.FILE,
    link: bytes = b"",
    extra: Mapping[bytes, bytes] | None = None,
) -> bytes:
    return gnuheader.header(name, entry, kind=kind, link=link)


class _Unreadable:
    """An archive that is missing, or has lost its end: the content of each file in it is damaged."""

    def __init__(self, error: VaultError) -> None:
        self._error = error

    def read(self, _member: Member) -> Iterator[bytes]:
        raise self._error

    def may_have_holes(self, _member: Member) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""
