"""Reads the server's tar stream member by member, in constant memory and without trusting any of it.

Only names, sizes, contents and extended attributes are taken from the stream; everything else about a file
comes from the inventory, and no header of the server's is ever stored. Formats: POSIX (pax) as GNU tar writes
it, with sparse files of format 1.0, plain ustar, and GNU long names. Anything else is refused in plain words.
"""

import zlib
from array import array
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tuibackup.errors import DownloadError
from tuibackup.remote.unpack import CutOffError
from tuibackup.text import printable
from tuibackup.words import sentence, sentence_n

BLOCK = 512
LONGEST_HEADER = 16 << 20  # bytes of one pax header: path, attributes and access list of one file
LARGEST = 1 << 63  # bytes of one file
_MOST_EXTENTS = 2_000_000  # pieces of one sparse file; the map (16 bytes each) is kept while the file passes
_MOST_RECORDS = 10_000  # of one pax header
_MOST_EXTENSIONS = 16  # headers that precede one member's own
_ZEROS = bytes(1 << 20)
_NOTHING = bytes(BLOCK)
# What tar says about attributes, kept as it is: the archive is a pax tar too.
_ATTRIBUTES = (b"SCHILY.xattr.", b"SCHILY.acl.", b"RHT.security.selinux")

REGULAR = b"0"
FOLDER = b"5"


class StreamError(DownloadError):
    """The server's stream is not the tar that was asked for."""


class StreamCutError(StreamError):
    """The stream ended before its end marker; what was complete before is good."""


class Member(NamedTuple):
    """One file as the stream announces it.

    `name` is as tar was given it; `size` counts the bytes that `TarStream.content` yields (holes included);
    `kind` is tar's type flag, "0" for a regular file; `attributes` are the pax records of extended attributes
    and access lists under tar's own keys ("SCHILY.xattr.user.x"); `hollow` says that all of it is one hole.
    """

    name: bytes
    size: int
    kind: bytes
    attributes: Mapping[bytes, bytes]
    hollow: bool = False


class TarStream:
    """Parser over `pieces` of the stream, of any size.

    Call `next()` for a member, then at will `content()`; what of a member is not taken is skipped.
    Raises StreamError or what `pieces` raises, but for CutOffError: tar's own end marker tells of that, and where.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.content_at: int | None = (
            None  # where the current member's content lies in the stream, if in one piece
        )
        self._pieces = pieces
        self._before = 0  # bytes of the stream in front of the buffer
        self._buffer = b""
        self._at = 0
        self._left = 0  # bytes of the current member's stored content not yet taken
        self._padding = 0
        self._extents: array[int] | None = None  # offset, length, offset, length, …
        self._size = 0
        self._defaults: dict[bytes, bytes] = {}  # of pax global headers
        self._ended = False

    def next(self) -> Member | None:
        """The next member, or None after the end marker (and only then)."""
        if self._ended:
            return None
        self._skip_rest()
        records: dict[bytes, bytes] = self._defaults
        long_name: bytes | None = None
        for _ in range(_MOST_EXTENSIONS):
            block = self._take(BLOCK)
            if block == _NOTHING:
                self._finish()
                return None
            _check(block)
            kind = block[156:157]
            size = _number(block[124:136])
            if kind == b"x":
                records = self._defaults | _records(self._extension(size))
            elif kind == b"g":
                self._defaults = records = _records(self._extension(size))
            elif kind == b"L":
                long_name = self._extension(size).rstrip(b"\0")
            elif kind == b"K":
                self._extension(size)
            else:
                return self._member(block, kind, size, records, long_name)
        raise StreamError(sentence("the server's tar sent headers without end"))

    def next_is(self, head: bytes, size: int) -> bool:
        """Whether the next member begins with just these blocks, `tarheader.header` of a regular file of `size` bytes.

        If so it is the current one. What cannot be told at once is left to `next`: blocks that came in two pieces.
        """
        if self._ended or self._defaults:
            return False
        self._skip_rest()
        if not self._buffer.startswith(head, self._at):
            return False
        self._at += len(head)
        self.content_at = self._before + self._at
        self._extents = None
        self._size = self._left = size
        self._padding = -size % BLOCK
        return True

    def whole(self) -> memoryview | None:
        """All of the current member's bytes, if they are here in one piece; None where `content` is to be asked."""
        end = self._at + self._left
        if self._extents is not None or end > len(self._buffer):
            return None
        content = memoryview(self._buffer)[self._at : end]
        self._at = end
        self._left = 0
        return content

    def content(self) -> Iterator[bytes | memoryview]:
        """The current member's bytes in pieces of any size; together exactly `size` of them."""
        if self._extents is None:
            yield from self._stored(self._left)
            return
        at = 0
        for piece in range(0, len(self._extents), 2):
            offset, length = self._extents[piece : piece + 2]
            yield from _zeros(offset - at)
            yield from self._stored(length)
            at = offset + length
        yield from _zeros(self._size - at)

    def _member(
        self, block: bytes, kind: bytes, size: int, records: Mapping[bytes, bytes], long_name: bytes | None
    ) -> Member:
        if long_name is not None:
            name = long_name
        else:
            name = block[:100].rstrip(b"\0")
            if block[257:263] == b"ustar\0" and block[345]:
                name = block[345:500].rstrip(b"\0") + b"/" + name
        attributes: Mapping[bytes, bytes] = {}
        self._extents = None
        stored = size
        if records:
            name = records.get(b"path", name)
            if b"size" in records:
                stored = size = _decimal(records[b"size"], LARGEST)
            attributes = {key: value for key, value in records.items() if key.startswith(_ATTRIBUTES)}
        if kind in (b"\0", b"7"):
            kind = REGULAR
        if kind == b"S":
            raise StreamError(
                sentence("the server's tar sent an old GNU sparse member, which was not asked for")
            )
        if kind != REGULAR:
            # Links, folders and devices have no content; a size in their headers is only information.
            stored = size = 0
        if b"\0" in name or not name:
            raise StreamError(sentence("the server's tar sent a member without a proper name"))
        self._left = stored
        self._padding = -stored % BLOCK
        self.content_at = self._before + self._at
        if b"GNU.sparse.major" in records and kind == REGULAR:
            name, size = self._sparse(records)
            self.content_at = None
        self._size = size
        hollow = size > 0 and self._holes_only()
        return Member(name, size, kind, attributes, hollow)

    def _holes_only(self) -> bool:
        return self._extents is not None and not any(self._extents[1::2])

    def _sparse(self, records: Mapping[bytes, bytes]) -> tuple[bytes, int]:
        """Read the map that precedes the content of a sparse file; returns its true name and size."""
        if (records[b"GNU.sparse.major"], records.get(b"GNU.sparse.minor")) != (b"1", b"0"):
            raise StreamError(sentence("the server's tar sent a sparse file in a format other than 1.0"))
        name = records.get(b"GNU.sparse.name", b"")
        if b"\0" in name or not name:
            raise StreamError(sentence("the server's tar sent a sparse file without a proper name"))
        size = _decimal(records.get(b"GNU.sparse.realsize", b""), LARGEST)
        numbers = self._map_numbers()
        extents = array("Q")
        at = total = 0
        for _ in range(next(numbers)):
            offset, length = next(numbers), next(numbers)
            if offset < at or offset + length > size:
                raise StreamError(
                    sentence("the map of the sparse file {name} contradicts itself", name=printable(name))
                )
            extents.extend((offset, length))
            at = offset + length
            total += length
        if total != self._left:
            raise StreamError(
                sentence("the map of the sparse file {name} contradicts its size", name=printable(name))
            )
        self._extents = extents
        return name, size

    def _map_numbers(self) -> Iterator[int]:
        """The decimal numbers of a sparse map, a line each, read block by block; count first, then pairs."""
        rest = b""
        wanted = 1
        given = 0
        while given < wanted:
            if self._left < BLOCK:
                raise StreamError(sentence("the map of a sparse file is cut short"))
            lines = (rest + self._take(BLOCK)).split(b"\n")
            self._left -= BLOCK
            rest = lines.pop()
            if len(rest) > BLOCK:
                raise StreamError(sentence("the map of a sparse file holds no numbers"))
            for line in lines:
                value = _decimal(line, LARGEST)
                if not given:
                    if value > _MOST_EXTENTS:
                        raise StreamError(sentence("a sparse file has too many pieces"))
                    wanted += 2 * value
                yield value
                given += 1
                if given == wanted:
                    break

    def _finish(self) -> None:
        """After the first zero block: a second one, then nothing but zeros up to the record's end."""
        if self._take(BLOCK) != _NOTHING:
            raise StreamError(sentence("the server's tar stream goes on after its end marker"))
        self._ended = True
        rest, self._buffer = self._buffer[self._at :], b""
        self._at = 0
        padding = 0
        while True:
            padding += len(rest)
            if rest.strip(b"\0") or padding > LONGEST_HEADER:
                raise StreamError(sentence("the server's tar stream goes on after its end marker"))
            rest = self._read()
            if not rest:
                return

    def _read(self) -> bytes:
        """The next bytes; b"" at the end."""
        try:
            return next(self._pieces, b"")
        except CutOffError:
            return b""

    def _extension(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise StreamError(
                sentence(
                    "the server's tar sent a header of {bytes}",
                    bytes=sentence_n("{count} byte", "{count} bytes", size),
                )
            )
        content = self._take(size)
        self._skip(-size % BLOCK)
        return content

    def _take(self, count: int) -> bytes:
        """Exactly `count` bytes (few: headers only)."""
        at = self._at
        end = at + count
        if end <= len(self._buffer):
            self._at = end
            return self._buffer[at:end]
        pieces = [self._buffer[at:]]
        missing = end - len(self._buffer)
        while missing:
            self._buffer = self._more()
            self._at = min(missing, len(self._buffer))
            missing -= self._at
            pieces.append(self._buffer[: self._at])
        return b"".join(pieces)

    def _stored(self, count: int) -> Iterator[bytes | memoryview]:
        """The next `count` bytes of stored content, as views into what was read: nothing is copied."""
        while count:
            available = len(self._buffer) - self._at
            if not available:
                self._buffer = self._more()
                self._at = 0
                continue
            at = self._at
            taken = min(count, available)
            self._at = at + taken
            self._left -= taken
            count -= taken
            if at or taken < len(self._buffer):
                yield memoryview(self._buffer)[at : at + taken]
            else:
                yield self._buffer

    def _skip_rest(self) -> None:
        """Go on to where the next member begins."""
        self._skip(self._left + self._padding)
        self._left = self._padding = 0

    def _skip(self, count: int) -> None:
        while count:
            available = len(self._buffer) - self._at
            if available >= count:
                self._at += count
                return
            count -= available
            self._buffer = self._more()
            self._at = 0

    def _more(self) -> bytes:
        piece = self._read()
        if not piece:
            raise StreamCutError(sentence("the server's tar stream was cut off in the middle"))
        self._before += len(self._buffer)
        return piece


def _check(block: bytes) -> None:
    """Refuse a header whose checksum is wrong.

    Adler-32's low half is the plain sum of the bytes modulo 65521; no 256 bytes reach that, so two halves
    give the sum of a header exactly, many times faster than a loop.
    """
    total = (zlib.adler32(block[:256], 0) & 0xFFFF) + (zlib.adler32(block[256:], 0) & 0xFFFF)
    field = block[148:156]
    total += 8 * 32 - sum(field)
    if _number(field) != total:
        raise StreamError(sentence("the server's tar stream is damaged: a header's checksum is wrong"))


def _number(field: bytes) -> int:
    """A numeric header field: octal digits, or GNU's base 256."""
    if field[0] == 0x80:
        value = int.from_bytes(field[1:], "big")
        if value < LARGEST:
            return value
    digits = field.strip(b"\0 ")
    if not digits:
        return 0
    if digits.isdigit():  # int() alone would also take signs and underscores
        try:
            return int(digits, 8)
        except ValueError:
            pass
    raise StreamError(
        sentence("the server's tar stream is damaged: a header holds no number where one belongs")
    )


def _decimal(field: bytes, below: int) -> int:
    if not field.isdigit() or len(field) > 20 or int(field) >= below:
        raise StreamError(
            sentence("the server's tar stream is damaged: a header holds no number where one belongs")
        )
    return int(field)


def _records(content: bytes) -> dict[bytes, bytes]:
    """The records "LENGTH KEY=VALUE\\n" of a pax header; values may hold any byte."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 20)
        length = _decimal(content[at:space], LONGEST_HEADER) if space > at else 0
        end = at + length
        equals = content.find(b"=", space, end)
        if equals < 0 or end > len(content) or content[end - 1 : end] != b"\n":
            raise StreamError(sentence("the server's tar stream is damaged: a pax header cannot be read"))
        if len(records) == _MOST_RECORDS:
            raise StreamError(sentence("the server's tar sent a pax header with too many records"))
        records[content[space + 1 : equals]] = content[equals + 1 : end - 1]
        at = end
    return records


def _zeros(count: int) -> Iterator[bytes | memoryview]:
    while count > 0:
        taken = min(count, len(_ZEROS))
        yield _ZEROS if taken == len(_ZEROS) else memoryview(_ZEROS)[:taken]
        count -= taken
