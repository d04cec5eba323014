"""What hosting panels know of sites: only the columns and lines that name folders; passwords lie beside them."""

import posixpath
import re
from typing import NamedTuple

from tuibackup.discover.reader import Reader, program_text, text
from tuibackup.discover.served import Served


class _Panel(NamedTuple):
    """`files`: patterns of its files below the server's root; `program`: prints "site NAME FOLDER" or "folder FOLDER".

    `folder` makes the folder of a site: %a is the account, the name of the folder in which the file lies.
    """

    name: str
    files: tuple[bytes, ...]
    program: bytes
    folder: bytes = b""


_WEB_CONF = program_text("webconf.awk")
PANELS = (
    _Panel(
        "cPanel",
        (b"/etc/userdatadomains",),
        program_text("cpanel.awk"),
    ),
    _Panel("Hestia", (b"/usr/local/hestia/data/users/*/web.conf",), _WEB_CONF, b"/home/%a/web/%s"),
    _Panel("Vesta", (b"/usr/local/vesta/data/users/*/web.conf",), _WEB_CONF, b"/home/%a/web/%s"),
    _Panel(
        "Virtualmin",
        (b"/etc/webmin/virtual-server/domains/*",),
        program_text("virtualmin.awk"),
    ),
)
# Panels that make a folder for each site, whatever they write down.
FOLDERS = (
    ("aaPanel", b"/www/wwwroot/*"),
    ("Plesk", b"/var/www/vhosts/*"),
    ("Plesk", b"/var/www/vhosts/*/private"),
)
_NOT_SITES = re.compile(rb".*/(?:default|system|chroot|fs|fs-passwd|\.skel|\.[^/]*)(?:/.*)?")


async def served(
    reader: Reader, files: dict[str, list[bytes]], folders: list[tuple[str, bytes]]
) -> tuple[list[Served], list[tuple[str, str]]]:
    """The folders of all sites, and the databases that a panel names, each with the panel.

    `files` are those that were found, by panel; `folders` likewise.
    """
    found = [Served(path, name) for name, path in folders if not _NOT_SITES.fullmatch(path)]
    databases: list[tuple[str, str]] = []
    for panel in PANELS:
        names = files.get(panel.name, [])
        selected = await reader.select(panel.program, names, what=panel.name)
        for file, said in selected.files.items():
            account = posixpath.basename(posixpath.dirname(file))
            for one in said:
                if one[0] == b"database":
                    databases.append((text(one[1]), panel.name))
                elif one[0] == b"folder":
                    found.append(Served(posixpath.normpath(one[1]), panel.name))
                elif one[0] == b"site" and len(one) > 2:
                    usual = panel.folder.replace(b"%a", account).replace(b"%s", one[1])
                    folders_of = [usual, one[2]] if one[2] != usual else [usual]
                    found += [
                        Served(posixpath.normpath(path), f"{panel.name} {text(one[1])}")
                        for path in folders_of
                        if path.startswith(b"/")
                    ]
    return found, databases
