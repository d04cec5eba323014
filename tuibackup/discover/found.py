"""What was found on a server, as plain data that goes into the ledger as it is. Names are those of the server.

Texts that are no UTF-8 are kept with surrogates, as Python has them; faces clean what they show.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tuibackup.parts import plain

What = Literal["site", "application", "data", "service", "volume"]
MOST = 500  # folders, and databases, that an entry of the ledger keeps


class FoundFolder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A folder that something on the server uses.

    `path` is its name there and `real` the same with all links resolved ("": that could not be found out). `named_by`
    says who uses it: "nginx kampus.example", "Moodle /var/www/lms". `files` and `bytes` are what lies in it, at least
    so much with `more`; None where that was not counted. `exclude`: patterns proposed for it, of caches, sessions and
    other backups, with its full path, as the configuration takes them.
    """

    path: str
    what: What
    real: str = ""
    named_by: tuple[str, ...] = ()
    application: str = ""
    readable: bool = True
    files: int | None = None
    bytes: int | None = None
    more: bool = False
    exclude: tuple[str, ...] = ()


class FoundDatabase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A database that an application's configuration names, or that the database server has.

    `folder` is that application's, "" where no configuration names it. `host` is the machine where it is said to be,
    "" for this one. `kind`: "mysql", also for MariaDB, or "postgresql" and the like. `present`: whether the account of
    the configuration sees it; None where nobody could log in.
    """

    name: str
    application: str = ""
    folder: str = ""
    host: str = ""
    kind: str = "mysql"
    present: bool | None = None


class Discovery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one look at a server found.

    `unread`: configuration that this account may not read. `cut`: why the look is not whole, in a few words.
    `real`: the folders of tuibackup's own configuration then, with all links resolved. `login`: "" where nobody tried
    to log in to a database, "done", or why that failed. `web`: the web servers and the like that were found.
    """

    folders: tuple[FoundFolder, ...] = ()
    databases: tuple[FoundDatabase, ...] = ()
    web: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    real: Mapping[str, str] = {}
    login: str = ""

    def body(self) -> dict[str, Any]:
        """As the ledger keeps it; `discovery_of` reads it."""
        kept = msgspec.structs.replace(
            self,
            folders=self.folders[:MOST],
            databases=self.databases[:MOST],
            unread=self.unread[:MOST],
        )
        left = len(self.folders) - len(kept.folders) + len(self.databases) - len(kept.databases)
        body: dict[str, Any] = plain(kept)
        return {**body, "left_out": left} if left else body


def discovery_of(body: Mapping[str, Any]) -> Discovery | None:
    """The reverse of `Discovery.body`; None for a body that somebody has changed."""
    try:
        return msgspec.convert(body, Discovery)
    except msgspec.ValidationError:
        return None
