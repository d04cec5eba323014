"""Tar headers in GNU's older format, for a tar that skips pax records: BusyBox's.

It carries long names and any bytes; no fractions of a second, extended attributes or access lists.
"""

from tuibackup.vault.archive.entry import Entry
from tuibackup.vault.archive.tarheader import BLOCK, FILE, padding

_NAME, _OWNER = 100, 31  # bytes that a field holds
_MAX_ID = 0o7777777
_MAX_NUMBER = 0o77777777777
_BILLION = 1_000_000_000
_LONG_NAME, _LONG_LINK = b"L", b"K"


def header(name: bytes, entry: Entry, *, kind: bytes = FILE, link: bytes = b"") -> bytes:
    """The blocks that precede a member's content, as `tarheader.header`."""
    blocks = b""
    if len(link) > _NAME:
        blocks += _long(_LONG_LINK, link)
    if len(name) > _NAME:
        blocks += _long(_LONG_NAME, name)
    seconds = min(max(entry.mtime_ns // _BILLION, 0), _MAX_NUMBER)
    size = entry.size if kind == FILE else 0
    owners = entry.uid, entry.gid, entry.user, entry.group
    return blocks + _block(name, entry.mode, owners, size, seconds, kind, link)


def _long(kind: bytes, text: bytes) -> bytes:
    """The member that carries a name too long for its field."""
    data = text + b"\0"
    block = _block(b"././@LongLink", 0o644, (0, 0, b"", b""), len(data), 0, kind, b"")
    return block + data + bytes(padding(len(data)))


def _block(
    name: bytes,
    mode: int,
    owners: tuple[int, int, bytes, bytes],
    size: int,
    seconds: int,
    kind: bytes,
    link: bytes,
) -> bytes:
    uid, gid, user, group = owners
    head = b"%b%07o\0%b%b%b%011o\0" % (
        name[:_NAME].ljust(_NAME, b"\0"),
        mode & 0o7777,
        _number(uid, 8, _MAX_ID),
        _number(gid, 8, _MAX_ID),
        _number(size, 12, _MAX_NUMBER),
        seconds,
    )
    # A name that does not fit is left out: then the number counts.
    names = b"".join((one if len(one) <= _OWNER else b"").ljust(_OWNER + 1, b"\0") for one in (user, group))
    tail = b"%b%bustar  \0%b" % (kind, link[:_NAME].ljust(_NAME, b"\0"), names)
    tail = tail.ljust(BLOCK - len(head) - 8, b"\0")
    return b"%b%06o\0 %b" % (head, sum(head) + sum(tail) + 8 * ord(" "), tail)


def _number(value: int, width: int, most: int) -> bytes:
    """Octal digits; what needs more of them as GNU tar and BusyBox take it, in bytes."""
    if value <= most:
        return b"%0*o\0" % (width - 1, value)
    return b"\x80" + value.to_bytes(width - 1, "big")
