"""What OpenLiteSpeed serves, read from its configuration: also CyberPanel's, which makes one file for each site."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from tuibackup.discover.include import Statement
from tuibackup.discover.reader import Reader, program_text, text
from tuibackup.discover.served import Served, before_variable

# "key value" on a line, blocks in braces.
_PROGRAM = program_text("litespeed.awk")


async def served(reader: Reader, starts: Sequence[bytes], sites: Iterable[bytes]) -> list[Served]:
    """Every folder that the servers with these main files serve; `sites` are files of sites that lie beside them."""
    return [one for start in starts for one in await _served(reader, start, sites)]


async def _served(reader: Reader, start: bytes, sites: Iterable[bytes]) -> list[Served]:
    server = posixpath.dirname(posixpath.dirname(start))
    main = await reader.select(_PROGRAM, [start], what="OpenLiteSpeed")
    roots: dict[bytes, bytes] = {}  # of sites by name
    files = {one: posixpath.basename(posixpath.dirname(one)) for one in sites}
    name = b""

    def path(value: bytes, below: bytes, site: bytes) -> bytes:
        value = value.replace(b"$VH_NAME", site).replace(b"$SERVER_ROOT", server).replace(b"$VH_ROOT", below)
        return posixpath.normpath(posixpath.join(below, value))

    for word, value in _pairs(main.files.get(start, ())):
        if word == b"virtualhost":
            name = value
        elif word == b"vhroot":
            roots[name] = path(value, server, name)
        elif word == b"configfile":
            files[path(value, server, name)] = name
    told = await reader.select(_PROGRAM, list(files), what="OpenLiteSpeed")
    found: list[Served] = []
    for file, said in told.files.items():
        site = files.get(file, b"")
        root = roots.get(site) or posixpath.join(b"/home", site)
        for word, value in _pairs(said):
            folder = (
                before_variable(path(value, root, site), b"$") if word in (b"docroot", b"location") else b""
            )
            if folder:
                found.append(Served(folder, f"OpenLiteSpeed {text(site)}"))
    return found


def _pairs(said: Iterable[Statement]) -> Iterator[tuple[bytes, bytes]]:
    for one in said:
        if len(one) == 2:
            yield one[0], one[1]
