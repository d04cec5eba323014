"""Whether a dump is good: its exit, its trailer, what the tool complained of, and the inventory must all agree."""

from collections.abc import Iterable, Iterator

from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.scan import Scanner
from tuibackup.remote.command import Exit
from tuibackup.text import printable

_SHOWN = 5


def faults(database: DatabaseInfo, scanner: Scanner, ended: Exit, complaints: list[str]) -> Iterator[str]:
    """Every reason why this dump is not whole; none for a good one."""
    if not ended.ok:
        said = f": {complaints[-1]}" if complaints else ""
        yield f"the dump program {ended}{said}"
    if not scanner.completed:
        yield "the dump ends without its last line: it is cut off"
    if missing := [table.name for table in database.tables if table.name not in scanner.tables]:
        yield f"tables missing in the dump: {_some(missing)}"
    if missing := [
        view for view in database.views if view not in scanner.views and view not in database.broken
    ]:
        yield f"views missing in the dump: {_some(missing)}"
    for what, expected in (
        ("trigger", database.triggers),
        ("routine", database.routines),
        ("event", database.events),
    ):
        if scanner.objects[what] < expected:
            yield f"{scanner.objects[what]} of {expected} {what}s are in the dump"


def complaint(line: str, before: str) -> bool:
    """Whether a line of the tool's stderr says that something is wrong. With --verbose it tells what it does.

    `before` is the line before: a name with a line break in it makes one message two lines.
    """
    if not line.strip() or line.startswith("-- "):
        return False
    return not (before.startswith("-- ") and not before.endswith("...") and line.endswith("..."))


def _some(names: Iterable[str]) -> str:
    names = [printable(name) for name in names]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
