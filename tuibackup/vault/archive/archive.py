"""Archives are written: regular files in a POSIX tar inside zstd frames, with a seek table to read one file alone.

Any `tar --zstd -xf` or `zstd -dc FILE | tar x` opens an archive. The format is in docs/vault-format.md; the
seek table follows "Zstandard Seekable Format" 0.1.0 (contrib/seekable_format of the zstd sources).
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tuibackup.vault.archive import tarheader
from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.archive.frames import FRAME, LEVEL, FrameWriter
from tuibackup.vault.archive.laid import Laid
from tuibackup.vault.archive.read import Member
from tuibackup.vault.archive.readback import ReadBack, Reader
from tuibackup.words import sentence

_NOTHING = memoryview(b"")
_PADDING = bytes(tarheader.BLOCK)
_PIECES = 4  # of a server's stream that are remembered


class ArchiveSummary(NamedTuple):
    """A finished archive. `read_back`: how far it was read from the disk again while it was written."""

    path: Path
    stored_bytes: int
    sha256: bytes
    members: int
    content_bytes: int
    read_back: ReadBack | None


class Came(NamedTuple):
    """A piece of a server's tar stream, which begins at `start` of it.

    `packed`: what may be a frame of it, with room for a checksum, or b"".
    """

    start: int
    data: bytes
    packed: bytes | bytearray


class ArchiveWriter:
    """Writes one archive, member by member; compression runs in `threads` threads beside the caller.

    Used by one thread at a time, whichever. A member's content must have exactly `entry.size` bytes. When it
    turns out otherwise, `abort_member` takes the member out again without a trace, however long it is.

    Where members are begun with their place in a server's tar stream, and `came` is given the pieces of that stream,
    the archive is cut into frames where the stream is cut into pieces. A piece whose every byte is what stands here,
    too, headers and all, is stored as the server packed it; any other is packed here.

    Two members of one name must not lie in one archive: GNU tar, given a list of names, extracts the first. A
    file that is fetched a second time (it changed while it was read) goes into a further archive (`.2`).
    Raises VaultError (vault full, file exists).
    """

    def __init__(self, path: Path, level: int = LEVEL, threads: int = 1) -> None:
        self.path = path
        self.members = 0
        self.content_bytes = 0
        self._reader = Reader(path)
        self._frames = FrameWriter(path, level, threads, wrote=self._wrote)
        self._laid = Laid()  # what no frame holds yet
        self._size = -1  # of the member that is open; -1: none is
        self._start = 0  # of its header in the unpacked tar
        self._content = 0  # of its content
        self._before = _NOTHING  # what stands before it in its first frame, if that is flushed
        self._shift: int | None = None  # from the place of its content in the server's stream to that here
        self._pieces: deque[Came] = deque()  # whose end has not come here
        self._most = FRAME  # bytes that are laid and do not wait for the rest of a piece
        self._sha256 = hashlib.sha256()

    @property
    def stored_bytes(self) -> int:
        """What is on the disk so far."""
        return self._frames.file.stored_bytes

    def begin(
        self,
        name: bytes,
        entry: Entry,
        xattrs: Mapping[bytes, bytes] | None = None,
        *,
        head: bytes = b"",
        at: int | None = None,
    ) -> None:
        """Open a member: `name` is the file's absolute path without the leading slash.

        `xattrs` are pax records as GNU tar writes them (see `tarheader.header`). `head`: its header, if it is made
        already. `at`: where its content begins in the server's stream.
        """
        assert self._size < 0, "the member before was not ended"
        head = head or tarheader.header(name, entry, extra=xattrs)
        if at is None and self._laid.length and self._laid.length + len(head) + entry.size > self._most:
            self._flush()
        self._start = self._laid.end
        self._laid.own(head)
        self._content = self._laid.end
        self._shift = None if at is None else self._content - at
        if at is not None:
            self._most = 2 * FRAME
        self._size = entry.size
        self._sha256 = hashlib.sha256()

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """The next part of the open member's content. ValueError when it is longer than announced."""
        if self._laid.end + len(chunk) > self._content + self._size:
            raise ValueError(sentence("the content is longer than its header says"))
        self._sha256.update(chunk)
        self._laid.content(chunk, self._shift)
        if self._laid.length >= self._most:
            self._flush()

    def end(self) -> Member:
        """Close the open member. ValueError when its content is shorter than announced."""
        if self._laid.end != self._content + self._size:
            raise ValueError(sentence("the content is shorter than its header says"))
        member = Member(self._content, self._size, self._sha256.digest())
        self._size = -1
        self._before = _NOTHING
        self._laid.own(_PADDING[: -member.length % tarheader.BLOCK])
        self.members += 1
        self.content_bytes += member.length
        self._cut()
        return member

    def add(
        self,
        name: bytes,
        entry: Entry,
        content: bytes | memoryview,
        xattrs: Mapping[bytes, bytes] | None = None,
    ) -> Member:
        """A whole member at once."""
        self.begin(name, entry, xattrs)
        try:
            self.write(content)
            return self.end()
        except ValueError:
            self.abort_member()
            raise

    def add_same(self, head: bytes, content: memoryview, at: int) -> Member:
        """A whole member that the server's stream holds with this very header, its content at `at`."""
        assert self._size < 0, "the member before was not ended"
        size = len(content)
        start = self._laid.member(head, content, _PADDING[: -size % tarheader.BLOCK], at)
        self._shift, self._most = start - at, 2 * FRAME
        self.members += 1
        self.content_bytes += size
        if self._pieces or self._laid.length >= self._most:
            self._cut()
        return Member(start, size, hashlib.sha256(content).digest())

    def came(self, piece: Came) -> None:
        """The next piece of the stream is here whole; of what it holds, all members that came were written."""
        self._pieces.append(piece)
        if len(self._pieces) > _PIECES:  # nothing of these is wanted
            self._pieces.popleft()
        self._cut()

    def abort_member(self) -> None:
        """Take out the open member; the archive is then as if it had never begun."""
        assert self._size >= 0, "no member is open"
        self._size = -1
        self._pieces.clear()
        if self._start >= self._laid.start:
            self._laid.back_to(self._start)
            return
        self._reader.back_to(self._frames.marked())
        self._frames.back()
        self._laid = Laid(self._start - len(self._before))
        self._laid.own(bytes(self._before))
        self._before = _NOTHING

    def cut(self) -> None:
        """Take out the member that is open, if one is: only whole ones stay."""
        if self._size >= 0:
            self.abort_member()

    def close(self) -> ArchiveSummary:
        """Write what is left, the end of the tar and the seek table; sync to the disk."""
        assert self._size < 0, "the last member was not ended"
        try:
            self._laid.own(tarheader.END)
            self._flush()
            written = self._frames.close()
            read_back = self._reader.end()
        finally:
            self.abandon()
        return ArchiveSummary(*written, self.members, self.content_bytes, read_back)

    def abandon(self) -> None:
        """Stop without finishing the file. May be called twice, and after `close`."""
        self._frames.abandon()
        self._reader.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def _cut(self) -> None:
        """Make frames of the pieces whose end has come here, and of what need not wait for one."""
        while self._pieces and self._shift is not None:
            piece = self._pieces[0]
            start = piece.start + self._shift
            end = start + len(piece.data)
            if end > self._laid.end:
                break
            self._pieces.popleft()
            same = (
                piece.packed and start == self._laid.start and self._laid.is_stream(piece.data, self._shift)
            )
            self._flush(end, piece if same else None)
        if self._laid.length >= self._most:
            self._flush()

    def _flush(self, end: int | None = None, piece: Came | None = None) -> None:
        """Hand all that is laid, or what is up to `end`, to a compressor as one frame; `piece` is the same."""
        start = self._laid.start
        end = self._laid.end if end is None else end
        if end <= start:
            return
        if piece is None:
            piece = Came(start, self._laid.take(end), b"")
        else:
            self._laid.drop(end)
        first = self._size >= 0 and start <= self._start < end
        if first:
            self._before = memoryview(piece.data)[: self._start - start]
        self._frames.frame(piece.data, piece.packed, mark=first)

    def _wrote(self, packed: bytes | bytearray) -> None:
        self._reader.wrote(packed, self._frames.file.mark())
