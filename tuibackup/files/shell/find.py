"""How a server's find tells what there is: the words for it, and who reads the answer.

GNU's find prints all by itself. Any other lists names and hands them to stat (see `statlisting`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from tuibackup.files.exclude import basic, find_arguments
from tuibackup.files.shell import complaints
from tuibackup.files.shell.complaints import Complaint
from tuibackup.files.shell.listing import FORMAT, FORMAT_OF_NAMED, STAMP, Listing, Stamp, Stamps
from tuibackup.files.shell.statlisting import SCRIPT, StatListing
from tuibackup.vault.archive.entry import Entry, Kind


class Reader(Protocol):
    """Parser of a listing (see `listing.Listing`)."""

    records: int
    allocated: int
    strange: list[tuple[bytes, str]]

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that the next bytes of the listing complete."""

    def close(self) -> None:
        """The listing has ended; raises ListingError when that was in the middle of a record."""


class StampReader(Protocol):
    """Parser of a second look (see `listing.Stamps`)."""

    def feed(self, data: bytes) -> Iterator[Stamp]:
        """What the next bytes of the answer complete."""


class FindDialect(msgspec.Struct, frozen=True):
    """The words that make find tell of a name, and the readers of what it tells.

    `inventory_words` are for an inventory, `named_words` for names given one by one, `stamp_words` for a
    second look at those.
    """

    inventory_words: tuple[bytes, ...]
    named_words: tuple[bytes, ...]
    stamp_words: tuple[bytes, ...]
    listing: Callable[[bytes], Reader]
    stamps: Callable[[], StampReader]
    complaint: Callable[[bytes], Complaint | None]
    gnu: bool

    def start_of(self, folder: bytes) -> bytes:
        """What find is given for a configured folder: one that is a symlink is followed, no other link is."""
        return folder if self.gnu else folder.rstrip(b"/") + b"/."

    def list_all(self, folder: bytes, place: bytes, excludes: Sequence[str]) -> list[bytes]:
        """The words of a whole inventory of `folder`, which lies at `place`."""
        words, left_out, emptied = self._words(folder, place, excludes)
        if left_out:
            words += [b"(", *left_out, b")", b"-prune", b"-o"]
        words += self.inventory_words
        if emptied:
            words += [*emptied, b"-prune"]
        return words

    def list_unreadable(self, folder: bytes, excludes: Sequence[str]) -> list[bytes]:
        """The words that print the names of the regular files in `folder` that may not be read, a NUL behind each."""
        words, *pruned = self._words(folder, folder, excludes)
        for test in pruned:
            if test:
                words += [b"(", *test, b")", b"-prune", b"-o"]
        told = (
            [b"!", b"-readable", b"-print0"]
            if self.gnu
            else [b"-exec", b"sh", b"-c", _CLOSED, b"sh", b"{}", b"+"]
        )
        return [*words, b"-type", b"f", *told]

    def _words(
        self, folder: bytes, place: bytes, excludes: Sequence[str]
    ) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """How find is started, the test for what is left out, and the one for folders that are kept empty."""
        start = self.start_of(place)
        left_out, emptied = find_arguments(excludes, folder, start)
        words = [b"find", b"-H", start, b"-xdev"]
        if self.gnu:
            return [*words, b"-regextype", b"posix-extended"], left_out, emptied
        return words, basic(left_out), basic(emptied)


# Opened, as BusyBox's `test -r` goes by the modes alone, and lets every uid 0 read everything.
_CLOSED = b'for name do { true < "$name"; } 2>/dev/null || printf "%s\\0" "$name"; done'


class _StatStamps:
    """The second look of `STAT`: its listing is short enough."""

    def __init__(self) -> None:
        self._listing = StatListing()

    def feed(self, data: bytes) -> Iterator[Stamp]:
        for entry in self._listing.feed(data):
            regular = entry.kind is Kind.FILE
            yield entry.path, (entry.size, entry.mtime_ns, entry.ctime_ns) if regular else None


GNU = FindDialect(
    inventory_words=(b"-printf", FORMAT),
    named_words=(b"-printf", FORMAT_OF_NAMED),
    stamp_words=(b"-printf", STAMP),
    listing=lambda _start: Listing(),
    stamps=Stamps,
    complaint=complaints.from_find,
    gnu=True,
)

_SCRIPT = (b"-exec", b"sh", b"-c", SCRIPT, b"stat", b"{}", b"+")
STAT = FindDialect(
    inventory_words=_SCRIPT,
    named_words=_SCRIPT,
    stamp_words=_SCRIPT,
    listing=StatListing,
    stamps=_StatStamps,
    complaint=complaints.plain,
    gnu=False,
)
