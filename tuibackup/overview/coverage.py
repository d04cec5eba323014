"""What of a server no folder and no database of the configuration covers: *unprotected*. Pure.

It is worked out from what was found there (`discover`), from the configuration of today, and from what was accepted:
so a folder that is added is covered at once, without another look at the server.
"""

import os
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from tuibackup.config import Server
from tuibackup.discover.found import Discovery, FoundDatabase, FoundFolder, discovery_of
from tuibackup.files.exclude import Excludes

if TYPE_CHECKING:
    from tuibackup.ledger.entries import Entry

NOTHING_FOUND = Discovery()
# A folder: in no folder of the configuration; left out by a pattern of `exclude`; covered, but the account may not read
# it. A database: no [database] in the configuration; left out by its `exclude`; the account does not see it; of a kind
# that tuibackup does not dump.
Reason = Literal[
    "folder", "excluded", "unreadable", "no-database", "database-excluded", "unseen", "other-kind"
]
ACCEPTED, TAKEN_BACK = "exception accepted", "exception taken back"  # in an entry of kind config
_LOCAL = ("", "localhost", "127.0.0.1", "::1", "[::1]")


class Acceptance(msgspec.Struct, frozen=True):
    """What nobody needs to back up: why, who answers for it, and when that was said (UTC)."""

    what: str
    reason: str
    owner: str
    time: datetime


class Unprotected(msgspec.Struct, frozen=True):
    """A folder or a database that no backup holds. `name` is its path or its name, `by` the pattern that leaves it out.

    `accepted` is None where it needs somebody's attention.
    """

    name: str
    reason: Reason
    by: str = ""
    folder: FoundFolder | None = None
    database: FoundDatabase | None = None
    accepted: Acceptance | None = None


class Coverage(msgspec.Struct, frozen=True):
    """How far the backups of one server reach. `looked` is when somebody looked at it last, None for never.

    `unprotected` and `accepted` are what is not covered. `elsewhere` are databases on other machines. `found` is the
    look itself.
    """

    looked: datetime | None = None
    unprotected: tuple[Unprotected, ...] = ()
    accepted: tuple[Unprotected, ...] = ()
    elsewhere: tuple[FoundDatabase, ...] = ()
    found: Discovery = NOTHING_FOUND


def coverage(
    server: Server, found: Discovery, looked: datetime | None, accepted: Iterable[Acceptance] = ()
) -> Coverage:
    """What `server`, as it is configured now, leaves unprotected of what was `found` there."""
    said = tuple(accepted)
    folders = list(_folders(server, found))
    databases = [one for one in found.databases if _here(one, server)]
    missed = [
        *folders,
        *(
            Unprotected(one.name, reason, database=one)
            for one in databases
            if (reason := _missed(one, server))
        ),
    ]
    judged = [_judged(one, said) for one in missed]
    return Coverage(
        looked,
        tuple(one for one in judged if one.accepted is None),
        tuple(one for one in judged if one.accepted is not None),
        tuple(one for one in found.databases if not _here(one, server)),
        found,
    )


def _folders(server: Server, found: Discovery) -> Iterable[Unprotected]:
    """Each folder that is not covered, the outermost of those that lie in each other only."""
    missed: dict[str, Unprotected] = {}
    for one in sorted(found.folders, key=lambda folder: (_real(folder).count("/"), _real(folder))):
        real = _real(one)
        if any(_lies_in(real, outer) for outer in missed):
            continue
        reason, by = _left_out(real, server, found)
        if reason is None and not one.readable:
            reason = "unreadable"
        if reason is not None:
            missed[real] = Unprotected(one.path, reason, by, folder=one)
    return missed.values()


def _left_out(real: str, server: Server, found: Discovery) -> tuple[Reason | None, str]:
    """Why no folder of the configuration holds `real`: its reason, and the pattern; None where one does."""
    of_folders = {one.path: _real(one) for one in found.folders}
    left_out: tuple[Reason, str] | None = None
    for folder in server.folders:
        place = found.real.get(folder) or of_folders.get(folder) or folder
        if not _lies_in(real, place):
            continue
        by = _pattern(server.exclude, folder, real[len(place.rstrip("/")) :].strip("/"))
        if not by:
            return None, ""
        left_out = ("excluded", by)
    return left_out or ("folder", "")


def _pattern(patterns: Iterable[str], folder: str, below: str) -> str:
    """The first of `patterns` that leaves out the folder `below`, or one around it; "" for none."""
    parts = below.split("/") if below else []
    paths = [os.fsencode("/".join(parts[: number + 1])) for number in range(len(parts))]
    for pattern in patterns:
        rule = Excludes([pattern], os.fsencode(folder))
        # What a folder that is kept empty loses is all that is in it.
        if any(rule.leaves_out(path, folder=True) or rule.empties(path) for path in paths):
            return pattern
    return ""


def _here(database: FoundDatabase, server: Server) -> bool:
    """Whether it is on this server, as far as anybody can tell."""
    return database.present is True or database.host in (*_LOCAL, server.host)


def _missed(database: FoundDatabase, server: Server) -> Reason | None:
    if database.kind != "mysql":
        return "other-kind"
    if server.database is None:
        return "no-database"
    if database.name in server.database.exclude:
        return "database-excluded"
    return "unseen" if database.present is False else None


def _judged(one: Unprotected, accepted: Iterable[Acceptance]) -> Unprotected:
    """The same with its acceptance, if it or the folder around it was accepted."""
    place = _real(one.folder) if one.folder else one.name
    for said in accepted:
        if said.what == one.name or (
            one.folder and (_lies_in(one.name, said.what) or _lies_in(place, said.what))
        ):
            return Unprotected(one.name, one.reason, one.by, one.folder, one.database, said)
    return one


def _real(folder: FoundFolder) -> str:
    return folder.real or folder.path


def _lies_in(path: str, outer: str) -> bool:
    """Whether `path` is `outer` or lies below it."""
    return path == outer or path.startswith(outer.rstrip("/") + "/")


def coverage_of(server: Server, look: "Entry | None", changes: "Iterable[Entry]") -> Coverage:
    """The same from the ledger's entries: the newest `look` at the server, and the `changes` of its configuration."""
    found = discovery_of(look.body) if look else None
    if look is None or found is None:
        return Coverage()
    return coverage(server, found, look.moment, acceptances(changes))


def acceptances(changes: "Iterable[Entry]") -> tuple[Acceptance, ...]:
    """What is accepted now, by the entries about it, the oldest first; see `jobs.accept`."""
    now: dict[str, Acceptance] = {}
    for entry in changes:
        body = entry.body
        what = str(body.get("what") or "")
        if body.get("change") == ACCEPTED:
            reason, owner = str(body.get("reason") or ""), str(body.get("owner") or entry.operator)
            now[what] = Acceptance(what, reason, owner, entry.moment)
        elif body.get("change") == TAKEN_BACK:
            now.pop(what, None)
    return tuple(now.values())
