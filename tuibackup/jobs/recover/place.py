"""Where on another server the folders of a lost one go: a new folder beside where each belongs, as near as may be."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuibackup.errors import RemoteCommandError
from tuibackup.remote.command import quote
from tuibackup.remote.session import Session
from tuibackup.words import sentence

_SECONDS = 60.0
_ENDING = b".recovered"
# Of each folder the nearest one above that is there and that this account may write into; else its home.
_LOOK = b"""
for one; do
  up=${one%/*}
  while [ -n "$up" ] && { [ ! -d "$up" ] || [ -h "$up" ]; }; do up=${up%/*}; done
  while [ -z "$ROOT" ] && [ -n "$up" ] && [ ! -w "$up" ]; do up=${up%/*}; done
  [ -n "$up" ] || { if [ -n "$ROOT" ] || [ -w / ]; then up=/; else up=${HOME:-/}; fi; }
  printf '%s\\0' "$up"
done
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """`folder` of the lost server goes into the new folder `new`. `parent`: to be made before the swap, b"" for none.
    `there`: whether `new` is there already.
    """

    folder: bytes
    new: bytes
    parent: bytes
    there: bool = False


async def beside(session: Session, folders: Sequence[bytes], *, sudo: bool) -> list[Beside]:
    """One for each. Raises RemoteCommandError, ConnectionLostError."""
    words = b" ".join(quote(folder) for folder in folders)
    text = (
        b"ROOT="
        + (b"y" if sudo else b"$([ $(id -u) != 0 ] || echo y)")
        + b"; set -- "
        + words
        + b"\n"
        + _LOOK
    )
    said = (await session.run(text, timeout=_SECONDS)).check().stdout.split(b"\0")
    ups = said[:-1]
    if len(ups) != len(folders) or not all(up.startswith(b"/") for up in ups):
        raise RemoteCommandError(
            sentence("{server}: does not say where its folders are", server=session.name)
        )
    taken: set[bytes] = set()
    found = []
    for folder, up in zip(folders, ups, strict=True):
        name = posixpath.basename(folder) or b"root"
        new = posixpath.join(up, name + _ENDING)
        if new in taken:
            new = posixpath.join(up, folder.strip(b"/").replace(b"/", b"-") + _ENDING)
        taken.add(new)
        above = posixpath.dirname(folder)
        found.append(Beside(folder, new, b"" if above == up else above))
    tests = b"".join(b"[ -e %b ] && echo y || echo n\n" % quote(one.new) for one in found)
    there = (await session.run(tests, timeout=_SECONDS)).check().stdout.split()
    return [replace(one, there=said == b"y") for one, said in zip(found, there, strict=True)]


def outermost(folders: Sequence[bytes]) -> list[bytes]:
    """Those that lie in no other: what lies in one comes with it."""
    found: list[bytes] = []
    for folder in sorted(folders, key=lambda one: one.count(b"/")):
        if not any(folder.startswith(outer.rstrip(b"/") + b"/") for outer in found):
            found.append(folder)
    return found
