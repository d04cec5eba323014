"""POSIX access control lists: from the text in a pax record to the bytes of Linux's extended attribute.

The attribute's layout is that of linux/posix_acl_xattr.h: a version, then tag, permissions, id of each entry.
"""

import grp
import pwd
import struct

from tuibackup.words import sentence

ATTRIBUTES = {
    b"SCHILY.acl.access": b"system.posix_acl_access",
    b"SCHILY.acl.default": b"system.posix_acl_default",
}

_VERSION = 2
_NO_ID = 0xFFFFFFFF
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


def encode(text: bytes) -> bytes:
    """The attribute for `user::rwx,user:www-data:r-x,…` (or one entry a line). ValueError when it is no ACL.

    An id may stand as a fourth field, as some programs write it; else an unknown name must be a number.
    """
    lines = text.decode("utf-8", "surrogateescape").replace("\n", ",").split(",")
    entries = [_entry(entry) for line in lines if (entry := line.partition("#")[0].strip())]
    if any(not 0 <= number <= _NO_ID for _tag, _permissions, number in entries):
        raise ValueError(sentence("an id of an ACL is no 32-bit number"))
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))


def _entry(text: str) -> tuple[int, int, int]:
    kind, name, letters, *rest = text.split(":")
    permissions = 0
    for letter, bit in (("r", 4), ("w", 2), ("x", 1)):
        permissions |= bit if letter in letters[:3] else 0
    if name == "":
        tags = {"u": _USER_OBJ, "g": _GROUP_OBJ, "m": _MASK, "o": _OTHER}
        return tags[kind[:1]], permissions, _NO_ID
    if kind[:1] not in ("u", "g"):
        raise ValueError(sentence("no entry of an ACL: {text}", text=text))
    return (_USER if kind[:1] == "u" else _GROUP), permissions, _id(kind[:1], name, rest)


def _id(kind: str, name: str, rest: list[str]) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if kind == "u" else grp.getgrnam(name).gr_gid
    except KeyError:
        return int(rest[0] if rest else name)
