"""Tar headers in the POSIX (pax) format, made from an inventory's metadata, never from a server's header.

They are byte for byte what GNU tar writes with `--format=posix` and `PAX_OPTIONS`: then what a server's tar sent can be
compared with them, and stored as it came where nothing differs.

A ustar block carries what fits; a pax header before it carries the rest: nanoseconds, long or non-ASCII
names, big numbers, extended attributes. Blocks are put together from cached parts, because a header is made
for every file of a tree: about 5 µs each (Python's `tarfile` takes 60).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from tuibackup.vault.archive.entry import Entry

BLOCK = 512
PAX_OPTIONS = b"exthdr.name=PaxHeaders/tuibackup,exthdr.mtime=0,delete=atime,delete=ctime"
END = b"\0" * (2 * BLOCK)

FILE, HARD_LINK, SYMLINK, FOLDER, FIFO = b"0", b"1", b"2", b"5", b"6"

_MAX_ID = 0o7777777  # of seven octal digits
_MAX_NUMBER = 0o77777777777  # of eleven: 8 GiB - 1, or the year 2242
_BILLION = 1_000_000_000
_EXTRA = (b"SCHILY.xattr.", b"SCHILY.acl.", b"RHT.security.")


def padding(size: int) -> int:
    """How many zero bytes follow `size` bytes of content."""
    return -size % BLOCK


def header(
    name: bytes,
    entry: Entry,
    *,
    kind: bytes = FILE,
    link: bytes = b"",
    extra: Mapping[bytes, bytes] | None = None,
    holes: Mapping[bytes, bytes] | None = None,
    device_numbers: bool = True,
) -> bytes:
    """The blocks that precede a member's content; a whole number of 512-byte blocks.

    `name` is the path in the archive, `link` the target of a symbolic or hard link. `extra` holds pax records
    of extended attributes as GNU tar names them (`SCHILY.xattr.user.x`, `SCHILY.acl.access`,
    `RHT.security.selinux`); others are left out. `holes`: the records that tell of a file with holes (`sparse`).
    `device_numbers`: of a file, which has none, they are zeros, as GNU tar wrote them until 1.34, and not empty.
    """
    size = entry.size if kind == FILE else 0
    seconds, nanoseconds = divmod(entry.mtime_ns, _BILLION)
    records = b""
    if len(name) > 100 or not name.isascii():
        records = _record(b"path", name)
    if nanoseconds or not 0 <= seconds <= _MAX_NUMBER:
        records += _record(b"mtime", _decimal(entry.mtime_ns))
        seconds = min(max(seconds, 0), _MAX_NUMBER)
    if link and (len(link) > 100 or not link.isascii()):
        records += _record(b"linkpath", link)
    if size > _MAX_NUMBER:
        records += _record(b"size", b"%d" % size)
        ustar_size = 0
    else:
        ustar_size = size
    ids, ids_sum, ids_records = _ids(entry.mode, entry.uid, entry.gid)
    tail, tail_sum, tail_records = _tail(kind, link, entry.user, entry.group, device_numbers)
    records += ids_records + tail_records
    if extra:
        kept = sorted(item for item in extra.items() if item[0].startswith(_EXTRA) and b"=" not in item[0])
        records += b"".join(_record(key, value) for key, value in kept)
    if holes:
        records += b"".join(_record(key, value) for key, value in holes.items())
    field = name[:100]
    numbers = b"%011o\0%011o\0" % (ustar_size, seconds)
    checksum = sum(field) + sum(numbers) + ids_sum + tail_sum
    block = b"%b%b%b%06o\0 %b" % (field.ljust(100, b"\0"), ids, numbers, checksum, tail)
    if not records:
        return block
    return b"%b%b%b%b" % (_pax_block(len(records)), records, bytes(padding(len(records))), block)


def sparse(
    name: bytes, entry: Entry, parts: Sequence[tuple[int, int]], extra: Mapping[bytes, bytes] | None = None
) -> bytes:
    """As `header`, for a file with holes: only `parts` of it (offset, length) follow, one behind the other.

    GNU tar's format 1.0: the list of the parts stands in front of them.
    """
    numbers = [len(parts), *(number for part in parts for number in part)]
    listed = b"".join(b"%d\n" % number for number in numbers)
    listed += bytes(padding(len(listed)))
    holes = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.name": name,
        b"GNU.sparse.realsize": b"%d" % entry.size,
    }
    stored = entry._replace(size=len(listed) + sum(length for _offset, length in parts))
    return header(b"GNUSparseFile.0/file", stored, extra=extra, holes=holes) + listed


@lru_cache(4096)
def _ids(mode: int, uid: int, gid: int) -> tuple[bytes, int, bytes]:
    """The mode, uid and gid fields, the sum of their bytes, and the pax records for what does not fit."""
    records = b""
    if uid > _MAX_ID:
        records += _record(b"uid", b"%d" % uid)
        uid = 0
    if gid > _MAX_ID:
        records += _record(b"gid", b"%d" % gid)
        gid = 0
    field = b"%07o\0%07o\0%07o\0" % (mode & 0o7777, uid, gid)
    return field, sum(field), records


@lru_cache(4096)
def _tail(
    kind: bytes, link: bytes, user: bytes, group: bytes, device_numbers: bool
) -> tuple[bytes, int, bytes]:
    """Everything after the checksum, the sum of it and of the blank checksum, and pax records."""
    records = b""
    if len(user) > 31 or not user.isascii():
        records += _record(b"uname", user)
        user = b""
    if len(group) > 31 or not group.isascii():
        records += _record(b"gname", group)
        group = b""
    tail = b"%b%bustar\x0000%b%b%b" % (
        kind,
        link[:100].ljust(100, b"\0"),
        user.ljust(32, b"\0"),
        group.ljust(32, b"\0"),
        b"0000000\0" * 2 if device_numbers else b"",
    )
    tail = tail.ljust(BLOCK - 156, b"\0")
    return tail, sum(tail) + 8 * ord(" "), records


@lru_cache(1024)
def _pax_block(size: int) -> bytes:
    """The ustar block that announces `size` bytes of pax records."""
    field = b"PaxHeaders/tuibackup".ljust(100, b"\0")  # as PAX_OPTIONS says
    field += b"0000644\x000000000\x000000000\x00%011o\0%011o\0" % (size, 0)
    tail = (b"x" + bytes(100) + b"ustar\x0000").ljust(BLOCK - 156, b"\0")
    return field + b"%06o\0 " % (sum(field) + sum(tail) + 8 * ord(" ")) + tail


def _record(key: bytes, value: bytes) -> bytes:
    """One pax record; its length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _decimal(nanoseconds: int) -> bytes:
    """Nanoseconds as decimal seconds, as short as they go: -1.5 s is `-1.5`."""
    sign = b"-" if nanoseconds < 0 else b""
    seconds, rest = divmod(abs(nanoseconds), _BILLION)
    return (b"%b%d.%09d" % (sign, seconds, rest)).rstrip(b"0") if rest else b"%b%d" % (sign, seconds)
