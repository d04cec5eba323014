"""Symbolic links that lead out of the configured folders: what lies there is not in the backup, and that is said.

A link itself is stored as it is; nothing is wrong. But an application whose uploads are a link to another disk looks
backed up and is not. Each place is named once, whatever the number of links.
"""

import posixpath
from collections.abc import Awaitable, Callable, Iterable, Sequence

from tuibackup.files.contract import Listed
from tuibackup.files.cut_streams import MAY_BE_CUT
from tuibackup.files.resolved import Place
from tuibackup.text import count, printable
from tuibackup.words import sentence

_ASKED = 100  # places that the server is asked for …
_LENGTH = 8_000  # … as long as their names fit into one command
_NAMED = 20

Links = Iterable[
    tuple[bytes, bytes, bytes]
]  # where the folder of a link lies, its configured path, its target


def places_outside(links: Links, listed: Sequence[Listed]) -> dict[bytes, list[bytes]]:
    """The places outside of the configured folders that `links` name, with the links' own paths."""
    inside = [path.rstrip(b"/") + b"/" for one in listed for path in (one.folder, one.place.path)]
    found: dict[bytes, list[bytes]] = {}
    for folder, path, target in links:
        place = posixpath.normpath(posixpath.join(folder, target))
        if not (place + b"/").startswith(tuple(inside)):
            found.setdefault(place, []).append(path)
    return found


async def tell_of_places(
    found: dict[bytes, list[bytes]],
    listed: Sequence[Listed],
    places: Callable[[Sequence[bytes]], Awaitable[list[Place | None]]],
    gone: Callable[[Exception], Awaitable[bool]],
) -> list[str]:
    """A line for each folder outside that links lead to, once the server said which there are.

    `gone` tells whether an error means that the connection is lost; that is raised, nothing else.
    """
    asked, length = [], 0
    for place in sorted(found, key=lambda place: -len(found[place]))[:_ASKED]:
        length += len(place)
        if length <= _LENGTH:
            asked.append(place)
    if not asked:
        return []
    try:
        above = {posixpath.dirname(place): None for place in asked}  # many links lead into one folder
        every = [*asked, *(place for place in above if place not in asked)]
        if sum(map(len, every)) <= _LENGTH:
            real = dict(zip(every, await places(every), strict=True))
        else:
            real = dict(zip(asked, await places(asked), strict=True))
            real |= dict(zip(above, await places(list(above)), strict=True))
    except MAY_BE_CUT as error:
        if await gone(error):
            raise
        return []  # it is worth a word, not a backup
    inside = [path.rstrip(b"/") + b"/" for one in listed for path in (one.folder, one.place.path)]
    lines: dict[bytes, list[bytes]] = {}
    for place in asked:
        # A file is in its folder; of a link that leads nowhere there may be neither.
        where = real[place] or real[posixpath.dirname(place)]
        if where is not None and not (where.path.rstrip(b"/") + b"/").startswith(tuple(inside)):
            lines.setdefault(where.path, []).extend(found[place])
    named = sorted(lines, key=lambda path: -len(lines[path]))
    said = [
        sentence(
            "not in the backup: {place}; links that lead there: {count}, such as {link}",
            place=printable(place),
            count=count(len(lines[place])),
            link=printable(lines[place][0]),
        )
        for place in named[:_NAMED]
    ]
    more = len(named) - len(said) + len(found) - len(asked)
    if more > 0:
        said.append(sentence("not in the backup: {count} more places that links lead to", count=count(more)))
    return said
