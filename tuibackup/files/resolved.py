"""Where a configured folder really lies: its links are resolved once, and only that place is read.

A deployment switches `current` from one release to the next at any moment. A backup that follows the link at each look
stores a mixture of both. At the end it is asked once more, and what is not as it was is said.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tuibackup.remote.command import quote
from tuibackup.text import printable
from tuibackup.words import joined, sentence

_FUSE = (b"65735546", b"fuse")  # whose inode numbers may be others at every look: as stat and as find call it

# In sh with the folder as its first word: its path without links, its identity, each ended by a NUL. A folder that is
# removed and made again may get its inode once more; the time of its birth is another.
_HERE = b'cd -P -- "$1" 2>/dev/null && { pwd -P; printf "\\0"; %b printf "\\0"; }'
_IDENTITY = b"{ stat -c %d:%i:%W . || ls -di .; stat -f -c %t .; } 2>/dev/null;"

# The same of what only root may enter, by a find of GNU's that may start no other program (sudo's NOEXEC): its path
# keeps its links, and what is behind them is known by its identity.
_BY_FIND = rb" -o -printf '%h\n\0%D:%i:%B@ %F\0'"


class Place(NamedTuple):
    """A folder without any link in its path, and by what it is known again (b"": nothing tells).

    `told`: the server told it; else it may not be asked, and `path` is the folder's own.
    """

    path: bytes
    identity: bytes = b""
    told: bool = True


def resolving_script(folders: Sequence[bytes], *, sudo: bool, gnu: bool, identities: bool = True) -> bytes:
    """What tells the places of `folders`, in sh; `parse_places` reads the answer.

    What only root may enter is looked at through find, for which there is a rule. `gnu`: it is GNU's. Without
    `identities` it starts no program but that find: there may be many folders.
    """
    here = _HERE % (_IDENTITY if identities else b"")
    begin = b"here() { " + here + b"; }\n"
    by_root = b""
    if sudo:
        begin += b"here=" + quote(here) + b"\n"
        by_root = b' || sudo -n -- find "$1" -maxdepth 0 -exec sh -c "$here" sh {} \\;'
        by_root += (_BY_FIND if gnu else b"") + b" 2>/dev/null"
    begin += b'tell() { here "$1"' + by_root + b"; printf '\\0'; }\n"
    return begin + b";".join(b"tell " + quote(folder.rstrip(b"/") + b"/.") for folder in folders) + b"\n"


def parse_places(answer: bytes, number: int) -> list[Place | None]:
    """The places of `number` folders, None for one that cannot be entered. ValueError for anything else."""
    found: list[Place | None] = []
    words = iter(answer.split(b"\0")[:-1])
    for path in words:
        if not path:
            found.append(None)
            continue
        identity, end = next(words, b""), next(words, None)
        if not path.startswith(b"/") or end != b"":
            raise ValueError
        last = identity.split()[-1:]
        known = b"" if last and last[0].startswith(_FUSE) else identity.strip()
        found.append(Place(path.removesuffix(b"\n"), known))
    if len(found) != number:
        raise ValueError
    return found


def what_moved(folder: bytes, began: Place, now: Place | None, there: Place | None) -> tuple[str, bool]:
    """What happened to `folder` while it was read at the place `began`, and whether that spoils what was stored.

    `now` is where it lies at the end, `there` what lies at that place then; "" when all is as it was, and where the
    server never told what lies there.
    """
    if not began.told:
        return "", False
    removed, replaced = there is None, there is not None and not _same(began, there)
    if began.path == folder or (now is not None and now.path == began.path):
        if removed:
            return sentence("was removed or renamed while it was read: what is stored may lack files"), True
        if replaced:
            return sentence(
                "was replaced by another folder while it was read: what is stored may be of both"
            ), True
        return "", False
    if now is not None and not removed and _same(began, now):
        return "", False
    was = printable(began.path)
    text = sentence(
        "pointed to {was} when this run began and to {path} at its end",
        was=was,
        path=printable(now.path) if now else sentence("nothing"),
    )
    if removed:
        return joined(
            "; ",
            (text, sentence("{was} was removed while it was read: what is stored may lack files", was=was)),
        ), True
    if replaced:
        return joined(
            "; ",
            (text, sentence("{was} was replaced while it was read: what is stored may be of both", was=was)),
        ), True
    return joined("; ", (text, sentence("{was} is what was stored", was=was))), False


def _same(one: Place, other: Place) -> bool:
    """Whether both are one folder; where nothing but the path tells, as far as that does."""
    if one.identity and other.identity:
        return one.identity == other.identity
    return one.path == other.path
