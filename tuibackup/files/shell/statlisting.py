"""What a server without `find -printf` tells of a tree: `find -exec` with a small script around `stat`.

BusyBox's stat ends no record with a NUL and its `%N` does not say where a link's name ends and its target begins.
So for each batch of names the script first sends `l` and a symlink's path, then its target, each ended by a NUL; then
`s` and stat's records, and a NUL after the last. Fields of a record end in `//`, which no path that find makes holds.
"""

import stat
from collections.abc import Iterator

from tuibackup.files.shell.complaints import VANISHED
from tuibackup.files.shell.listing import STRANGE, ListingError, allocated, beyond_time
from tuibackup.vault.archive.entry import KINDS_OF_MODES, Entry, Kind, storable
from tuibackup.words import sentence

_FORMAT = "%f %u %g %s %b %B %Y %Z %d %i %h//%y//%z//%U//%G//%n//"
SCRIPT = (
    b'for name do if [ -h "$name" ]; then'
    b""" printf 'l%s\\0' "$name"; readlink -n -- "$name"; printf '\\0'; fi; done;"""
    b" printf s; TZ=UTC0 stat -c '" + _FORMAT.encode() + b"""' -- "$@"; printf '\\0'"""
)

_FIELDS = 6
_LONGEST = 32 << 20  # bytes for the names of one command line: 128 KiB of them, where each is short
_LONGEST_NAME = 1024  # bytes of an owner's name: they are kept in memory


class StatListing:
    """Parser of one listing, like `listing.Listing`. Raises ListingError.

    `start` is what find was given; paths below it are told relative to it. Without, they stay as they are.
    """

    def __init__(self, start: bytes = b"") -> None:
        self.records = 0
        self.allocated = 0
        self.strange: list[tuple[bytes, str]] = []
        self._start = start
        self._rest: list[bytes] = []
        self._waiting = 0
        self._link: bytes | None = None
        self._targets: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that `data`, the next bytes of the listing, completes."""
        *tokens, rest = data.split(b"\0")
        if tokens:
            tokens[0] = b"".join([*self._rest, tokens[0]])
            self._rest.clear()
            self._waiting = 0
        self._rest.append(rest)
        self._waiting += len(rest)
        if self._waiting > _LONGEST:
            raise ListingError(sentence("the server's stat sent a record without end"))
        for token in tokens:
            if self._link is not None:
                self._targets[self._link] = token
                self._link = None
            elif token.startswith(b"l"):
                self._link = token[1:]
            elif token.startswith(b"s"):
                yield from self._entries(token[1:])
                self._targets.clear()
            else:
                raise ListingError(sentence("the server's find and stat sent something that is no listing"))

    def close(self) -> None:
        """The listing has ended: ListingError when that was in the middle of a record."""
        if self._waiting or self._link is not None or self._targets:
            raise ListingError(sentence("the server's listing was cut off in the middle"))

    def _entries(self, records: bytes) -> Iterator[Entry]:
        fields = records.split(b"//")
        if len(fields) % _FIELDS != 1 or fields[-1].strip():
            raise ListingError(sentence("the server's stat sent a record that cannot be read"))
        for at in range(0, len(fields) - 1, _FIELDS):
            entry = self._entry(*fields[at : at + _FIELDS])
            if entry is not None:
                yield entry

    def _entry(
        self, numbers: bytes, modified: bytes, changed: bytes, user: bytes, group: bytes, name: bytes
    ) -> Entry | None:
        self.records += 1
        try:
            raw, uid, gid, size, blocks, block, mtime, ctime, device, inode, links = numbers.split()
            if len(user) > _LONGEST_NAME or len(group) > _LONGEST_NAME:
                raise ValueError
            path, mode = self._relative(name), int(raw, 16)
            kind = KINDS_OF_MODES.get(stat.S_IFMT(mode))
            target = self._targets.get(name) or None
            if kind is None:
                self.strange.append((path, STRANGE))
                return None
            if (kind is Kind.SYMLINK) is (target is None):  # a link that came or went between two looks
                self.strange.append((path, VANISHED))
                return None
            if kind is Kind.FILE:
                self.allocated += allocated(int(size), int(blocks) * int(block), honest=False)
            if beyond := beyond_time(mtime):
                self.strange.append((path, beyond))
            return Entry(
                path,
                kind,
                stat.S_IMODE(mode),
                int(uid),
                int(gid),
                b"" if user in (uid, b"UNKNOWN") else user,
                b"" if group in (gid, b"UNKNOWN") else group,
                int(size),
                _nanoseconds(mtime, modified),
                _nanoseconds(ctime, changed),
                int(device),
                int(inode),
                int(links),
                b"",
                target,
            )
        except ValueError:
            raise ListingError(sentence("the server's stat sent a record that cannot be read")) from None

    def _relative(self, name: bytes) -> bytes:
        if not self._start or name == self._start:
            return b"" if self._start else name
        path = name.removeprefix(self._start + b"/")
        if path == name:
            raise ValueError
        return path


def _nanoseconds(seconds: bytes, text: bytes) -> int:
    """Whole seconds, and the fraction of "2026-11-25 10:07:29.076255621 +0000" where stat tells it."""
    fraction = text.partition(b".")[2].partition(b" ")[0]
    return storable(int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0")))
