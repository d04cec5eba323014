"""What `find -printf` writes about a tree, parsed piece by piece in constant memory.

A record is five fields, each ended by a NUL, which no name can hold: numbers and the file system's type;
user; group; path; link target. Whether a path is possible where it stands is the index's question; here a
record that cannot be read at all ends the inventory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import cast

from tuibackup.errors import DownloadError
from tuibackup.files.shell.columns import nanoseconds, numbers, octal, repeated, times, words
from tuibackup.vault.archive.entry import LATEST_NS, Entry, Kind, storable
from tuibackup.words import sentence

# Owners' names are left empty here: `owners` asks for each of them once.
FORMAT = rb"%y %m %U %G %s %b %T@ %C@ %D %i %n %F\0\0\0%P\0%l\0"
# The path as it was given, for files named one by one: they are few.
FORMAT_OF_NAMED = FORMAT.replace(rb"\0\0\0%P", rb"\0%u\0%g\0%p")

# All that a second look needs: the rest would double what it costs the server.
STAMP = rb"%y %s %T@ %C@\0%p\0"
STRANGE = sentence("is of a kind that cannot be backed up")  # doors, whiteouts

_FIELDS = 5
_LONGEST = 256 << 10  # bytes of a record; a path of the kernel's longest kind takes 4 KiB
_LONGEST_NAME = 1024  # bytes of an owner's name, or a file system's type: they are kept in memory
# File systems whose count of blocks, and whose holes, can be believed: their blocks are the kernel's own. Others
# (FUSE, network, ZFS) tell 0 blocks of files that are full, and `tar --sparse` took those for one hole.
HONEST = frozenset((b"ext2", b"ext3", b"ext4", b"xfs", b"btrfs", b"tmpfs", b"f2fs", b"jfs"))
_BLOCK = 512  # bytes of a `%b` block, whatever the file system's own
_YEAR = 31_556_952  # seconds, on the average
_FAR = 10  # digits of seconds that are worth a look
_KINDS = {kind.value.encode(): kind for kind in Kind}
_TICKS = 1_000_000_000  # nanoseconds of a second
# The arguments are in order already: `Entry(...)` would take three times as long.
_as_entry = cast("Callable[[Iterable[object]], Entry]", partial(tuple.__new__, Entry))


# A path, and what a second look saw of a regular file: size, mtime and ctime. None for anything else.
Stamp = tuple[bytes, tuple[int, int, int] | None]


def allocated(size: int, told: int, *, honest: bool) -> int:
    """Bytes that a file of `size` takes, of which the server tells that they are `told`."""
    return max(0, min(size, told) if told or honest else size)


class ListingError(DownloadError):
    """The server's find answered with something that is no listing."""


class Listing:
    """Parser of one listing; totals grow as it goes. Raises ListingError."""

    def __init__(self) -> None:
        self.records = 0
        self.allocated = 0  # bytes that regular files take on the server's disk: holes are not counted
        self.strange: list[
            tuple[bytes, str]
        ] = []  # what is no entry, or not as it is, and why; for the caller
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that `data`, the next bytes of the listing, completes."""
        fields = (self._rest + data).split(b"\0")
        complete = (len(fields) - 1) // _FIELDS * _FIELDS
        self._rest = b"\0".join(fields[complete:])
        if len(self._rest) > _LONGEST:
            raise ListingError(sentence("the server's find sent a record without end"))
        columns = [fields[at:complete:_FIELDS] for at in range(_FIELDS)]
        if (found := self._plain(*columns)) is not None:
            yield from found
            return
        for record in zip(*columns, strict=True):
            entry = self._entry(*record)
            if entry is not None:
                yield entry

    def close(self) -> None:
        """The listing has ended: ListingError when that was in the middle of a record."""
        if self._rest:
            raise ListingError(sentence("the server's listing was cut off in the middle"))

    def _plain(
        self,
        statuses: Sequence[bytes],
        users: Sequence[bytes],
        groups: Sequence[bytes],
        paths: Sequence[bytes],
        targets: Sequence[bytes],
    ) -> Iterable[Entry] | None:
        """All entries of these columns; None where one of them needs `_entry`'s closer look."""
        columns = words(statuses, 12) if statuses else None
        if columns is None or any(users) or any(groups):
            return None
        letters, modes, uids, gids, sizes, blocks, mtimes, ctimes, devices, inodes, links, fstypes = columns
        types = set(fstypes)
        try:
            kinds = [_KINDS[letter] for letter in letters]
            owners = repeated(uids), repeated(gids), users, groups
            size, room = numbers(sizes), numbers(blocks)
            changes = times(mtimes), times(ctimes)
            identity = repeated(devices), numbers(inodes), repeated(links), fstypes
            status = repeated(modes, octal), *owners, size, *changes, *identity
        except (KeyError, ValueError):
            return None
        latest, earliest = max(changes[0]), min(changes[0])
        if latest >= LATEST_NS or earliest <= _TICKS - LATEST_NS or max(map(len, types)) > _LONGEST_NAME:
            return None
        honest = repeat(types <= HONEST) if len(types) == 1 else [fstype in HONEST for fstype in fstypes]
        self.allocated += sum(
            [
                length if told * _BLOCK >= length else allocated(length, told * _BLOCK, honest=believed)
                for kind, length, told, believed in zip(kinds, size, room, honest, strict=False)
                if kind is Kind.FILE
            ]
        )
        self.records += len(kinds)
        ends: Iterable[bytes | None] = repeat(None)
        if b"l" in letters:
            ends = [end if kind is Kind.SYMLINK else None for kind, end in zip(kinds, targets, strict=True)]
        return map(_as_entry, zip(paths, kinds, *status, ends, strict=False))

    def _entry(self, status: bytes, user: bytes, group: bytes, path: bytes, target: bytes) -> Entry | None:
        self.records += 1
        try:
            letter, mode, uid, gid, size, blocks, mtime, ctime, device, inode, links, fstype = status.split(
                b" ", 11
            )
            if len(user) > _LONGEST_NAME or len(group) > _LONGEST_NAME or len(fstype) > _LONGEST_NAME:
                raise ValueError
            kind = _KINDS.get(letter)
            if kind is None:
                self.strange.append((path, STRANGE))
                return None
            if kind is Kind.FILE:
                self.allocated += allocated(int(size), int(blocks) * _BLOCK, honest=fstype in HONEST)
            if beyond := beyond_time(mtime):
                self.strange.append((path, beyond))
            return Entry(
                path,
                kind,
                int(mode, 8),
                int(uid),
                int(gid),
                b"" if user == uid else user,  # find falls back to the number
                b"" if group == gid else group,
                int(size),
                nanoseconds(mtime),
                nanoseconds(ctime),
                int(device),
                int(inode),
                int(links),
                fstype,
                target if kind is Kind.SYMLINK else None,
            )
        except ValueError:
            raise ListingError(sentence("the server's find sent a record that cannot be read")) from None


class Stamps:
    """Parser of a second look at names given one by one, in `STAMP`. Raises ListingError."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Stamp]:
        """What `data`, the next bytes of the answer, completes."""
        fields = (self._rest + data).split(b"\0")
        complete = (len(fields) - 1) // 2 * 2
        self._rest = b"\0".join(fields[complete:])
        if len(self._rest) > _LONGEST:
            raise ListingError(
                sentence("the second look at fetched files gave an answer that cannot be understood")
            )
        status, paths = fields[0:complete:2], fields[1:complete:2]
        if (plain := _plain_stamps(status)) is not None:
            yield from zip(paths, plain, strict=True)
            return
        for one, path in zip(status, paths, strict=True):
            kind, _, seen = one.partition(b" ")
            yield path, _stamp(seen) if kind == b"f" else None


def _plain_stamps(status: Sequence[bytes]) -> Iterable[tuple[int, int, int]] | None:
    """What a second look saw of regular files only; None where one of them needs a closer look."""
    columns = words(status, 4) if status else None
    if columns is None:
        return None
    letters, sizes, modified, changed = columns
    if letters.count(b"f") != len(letters):
        return None
    try:
        return zip(numbers(sizes), times(modified), times(changed), strict=True)
    except ValueError:
        return None


def _stamp(seen: bytes) -> tuple[int, int, int]:
    try:
        size, mtime, ctime = seen.split(b" ")
        return int(size), nanoseconds(mtime), nanoseconds(ctime)
    except ValueError:
        raise ListingError(
            sentence("the second look at fetched files gave an answer that cannot be understood")
        ) from None


def beyond_time(time: bytes) -> str:
    """What to say of a name whose time of change, in seconds, cannot be stored; "" where it can."""
    if len(time) < _FAR:
        return ""
    seconds = int(time.partition(b".")[0])
    nearest = storable(seconds * 1_000_000_000)
    if abs(nearest) < LATEST_NS:
        return ""
    stored = "11 April 2262" if nearest > 0 else "21 September 1677"
    return sentence(
        "is dated in the year {value}; the nearest day that can be stored is {stored}",
        value=1970 + seconds // _YEAR,
        stored=stored,
    )
