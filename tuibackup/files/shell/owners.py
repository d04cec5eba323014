"""The names of owners: asked for once an inventory is complete, each number once.

find's own `%u` and `%g` look into the account database again for every single file (glibc keeps nothing): with them
an inventory takes four times as long, and a directory server is asked a million times.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from tuibackup.errors import RemoteCommandError
from tuibackup.files.workers import in_thread
from tuibackup.remote.session import Session
from tuibackup.vault.index.read import IndexWriter

_SECONDS = 600.0  # a directory server may be slow
_AT_ONCE = 1_000  # numbers on one command line
_ROUNDS = 30  # of `indexintake.OWNERS` each
_LONGEST_NAME = 1024  # bytes; names are kept in memory
_LONGEST_LINE = 64 << 10  # bytes: a group is told with all its members

# Both ways answer in lines of passwd(5) and group(5). getent ends with 2 where it does not know one of the numbers, and
# there may be no such file: names are good to have, no more.
_SCRIPT = b"""names() {
if command -v getent >/dev/null 2>&1; then getent "$@"; else cat "/etc/$1"; fi 2>/dev/null || :; }
%becho =
%b"""


class Names(NamedTuple):
    """Names of users and groups by number."""

    users: dict[int, bytes]
    groups: dict[int, bytes]

    def of(self, uid: int, gid: int) -> tuple[bytes, bytes]:
        """User and group; b"" where there is no name."""
        return self.users.get(uid, b""), self.groups.get(gid, b"")


async def names_of(session: Session, users: Iterable[int], groups: Iterable[int]) -> Names:
    """The names that the server has for these; none where it cannot tell. Raises ConnectionLostError."""
    names = Names({}, {})
    for some_users, some_groups in zip_longest(_batches(users), _batches(groups), fillvalue=()):
        script = _SCRIPT % (_asked(b"passwd", some_users), _asked(b"group", some_groups))
        limit = (len(some_users) + len(some_groups)) * _LONGEST_LINE
        try:
            answer = (await session.run(script, timeout=_SECONDS, limit=limit)).check().stdout
        except RemoteCommandError:
            return names
        told_users, _, told_groups = answer.rpartition(b"=\n")
        for known, asked, told in (
            (names.users, some_users, told_users),
            (names.groups, some_groups, told_groups),
        ):
            for number, name in _parsed(told):
                if number in asked:  # an /etc/passwd tells more than was asked
                    known.setdefault(number, name)
    return names


async def name_owners(session: Session, writer: IndexWriter) -> bool:
    """Give every owner in `writer` that has only numbers the names that the server has; whether it told any.

    Beyond some hundred thousand they keep their numbers alone. Raises ConnectionLostError.
    """
    above = -1, -1
    told = False
    for _ in range(_ROUNDS):
        users, groups = await in_thread(writer.unnamed_owners, above)
        if not users and not groups:
            break
        names = await names_of(session, users, groups)
        told = told or bool(names.users and names.groups)
        await in_thread(writer.name_owners, *names)
        above = max([above[0], *users]), max([above[1], *groups])
    return told


def _batches(numbers: Iterable[int]) -> Iterator[tuple[int, ...]]:
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _AT_ONCE):
        yield tuple(wanted[start : start + _AT_ONCE])


def _asked(database: bytes, numbers: Sequence[int]) -> bytes:
    return (
        b" ".join([b"names", database, *(b"%d" % number for number in numbers)]) + b"\n" if numbers else b""
    )


def _parsed(answer: bytes) -> Iterator[tuple[int, bytes]]:
    for line in answer.splitlines():
        fields = line.split(b":")
        if len(fields) > 2 and fields[2].isdigit() and len(fields[2]) <= 19:
            name = fields[0]
            if 0 < len(name) <= _LONGEST_NAME and b"\0" not in name:
                yield int(fields[2]), name
