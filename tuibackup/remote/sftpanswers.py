"""The answers of an SFTP server (version 3), parsed. No answer is believed.

Each function here raises struct.error or ValueError for an answer that makes no sense.
"""

import struct
from typing import NamedTuple

from tuibackup.text import printable, shorten
from tuibackup.words import sentence

_LONGEST_HANDLE = 256


class Attributes(NamedTuple):
    """What SFTP tells of a file; None where the server left something out. `mode` with the bits of its kind."""

    size: int | None
    uid: int | None
    gid: int | None
    mode: int | None
    mtime: int | None  # whole seconds


class Name(NamedTuple):
    """One name of a folder; `longname` is a line as of `ls -l`, made for people."""

    name: bytes
    longname: bytes
    attributes: Attributes


class Refusal(NamedTuple):
    """A status that is not OK."""

    code: int
    said: str


_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 1, 2, 4, 8, 0x80000000
_STRAY = 0x20  # set by some servers without meaning in this version, and nothing follows it


def packed_string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def _taken(body: memoryview, at: int) -> tuple[bytes, int]:
    """The string at `at`, and where what follows it begins. struct.error, ValueError."""
    (length,) = struct.unpack_from(">I", body, at)
    at += 4
    if length > len(body) - at:
        raise ValueError
    return bytes(body[at : at + length]), at + length


def status(body: memoryview) -> Refusal:
    (code,) = struct.unpack_from(">I", body)
    said = b""
    if len(body) > 4:  # some leave the words out
        said, _ = _taken(body, 4)
    return Refusal(code, shorten(printable(said), 200) or sentence("SFTP error {code}", code=code))


def file_handle(body: memoryview) -> bytes:
    handle, _ = _taken(body, 0)
    if len(handle) > _LONGEST_HANDLE:
        raise ValueError
    return handle


def data(body: memoryview) -> bytes:
    return _taken(body, 0)[0]


def attributes(body: memoryview) -> Attributes:
    return _attributes_at(body, 0)[0]


def _attributes_at(body: memoryview, at: int) -> tuple[Attributes, int]:
    (flags,) = struct.unpack_from(">I", body, at)
    at += 4
    size = uid = gid = mode = mtime = None
    if flags & ~(_HAS_SIZE | _HAS_OWNER | _HAS_MODE | _HAS_TIMES | _HAS_MORE | _STRAY):
        raise ValueError
    if flags & _HAS_SIZE:
        (size,) = struct.unpack_from(">Q", body, at)
        at += 8
    if flags & _HAS_OWNER:
        uid, gid = struct.unpack_from(">II", body, at)
        at += 8
    if flags & _HAS_MODE:
        (mode,) = struct.unpack_from(">I", body, at)
        at += 4
    if flags & _HAS_TIMES:
        _, mtime = struct.unpack_from(">II", body, at)
        at += 8
    if flags & _HAS_MORE:
        (count,) = struct.unpack_from(">I", body, at)
        at += 4
        for _ in range(2 * count):
            _, at = _taken(body, at)
    return Attributes(size, uid, gid, mode, mtime), at


def listed_names(body: memoryview) -> list[Name]:
    (count,) = struct.unpack_from(">I", body)
    at = 4
    names = []
    for _ in range(count):
        name, at = _taken(body, at)
        longname, at = _taken(body, at)
        attributes, at = _attributes_at(body, at)
        names.append(Name(name, longname, attributes))
    return names


def one_name(body: memoryview) -> bytes:
    (name, *others) = listed_names(body)
    if others:
        raise ValueError
    return name.name


def extensions(body: memoryview) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(body):
        name, at = _taken(body, at)
        found[name], at = _taken(body, at)
    return found


def limits(body: memoryview) -> tuple[int, int]:
    """The longest read and the number of handles; 0 for either that is not told."""
    _, read, _, handles = struct.unpack_from(">QQQQ", body)
    return read, handles


def filesystem_id(body: memoryview) -> int:
    return int(struct.unpack_from(">11Q", body)[8])
