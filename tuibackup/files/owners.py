"""The names of owners: asked for once an inventory is complete, each number once.

find's own `%u` and `%g` look into the account database again for every single file (glibc keeps nothing): with them
an inventory takes four times as long, and a directory server is asked a million times.
"""

from collections.abc import Iterable, Iterator

from tuibackup.files.pipe import in_thread
from tuibackup.remote.session import Session
from tuibackup.vault.index import IndexWriter

_SECONDS = 600.0  # a directory server may be slow
_AT_ONCE = 1_000  # numbers on one command line
_LONGEST_NAME = 1024  # bytes; names are kept in memory
_LONGEST_LINE = 64 << 10  # bytes: a group is told with all its members

# Both ways answer in lines of passwd(5) and group(5). getent ends with 2 where it does not know one of the numbers.
_SCRIPT = b"""if command -v getent >/dev/null 2>&1; then getent %b %b || :; else cat /etc/%b; fi"""


async def name_owners(session: Session, writer: IndexWriter) -> None:
    """Give every owner in `writer` that has only numbers the names that the server has for them.

    Raises RemoteCommandError, ConnectionLostError.
    """
    users, groups = await in_thread(writer.unnamed_owners)
    named_users = await _names(session, b"passwd", users)
    named_groups = await _names(session, b"group", groups)
    await in_thread(writer.name_owners, named_users, named_groups)


async def _names(session: Session, database: bytes, numbers: Iterable[int]) -> dict[int, bytes]:
    wanted = sorted(numbers)
    names: dict[int, bytes] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        script = _SCRIPT % (database, b" ".join(b"%d" % number for number in batch), database)
        limit = len(batch) * _LONGEST_LINE
        answer = (await session.run(script, timeout=_SECONDS, limit=limit)).check().stdout
        asked = set(batch)
        for number, name in _parsed(answer):
            if number in asked:  # an /etc/passwd tells more than was asked
                names.setdefault(number, name)
    return names


def _parsed(answer: bytes) -> Iterator[tuple[int, bytes]]:
    for line in answer.splitlines():
        fields = line.split(b":")
        if len(fields) > 2 and fields[2].isdigit() and len(fields[2]) <= 19:
            name = fields[0]
            if 0 < len(name) <= _LONGEST_NAME and b"\0" not in name:
                yield int(fields[2]), name
