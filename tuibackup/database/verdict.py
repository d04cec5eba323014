"""Whether a dump is good: its exit, its trailer, what the tool complained of, and the inventory must all agree."""

import re
from collections.abc import Iterable, Iterator

from tuibackup.database.inventory import DatabaseInfo
from tuibackup.database.scan import Scanner
from tuibackup.remote.command import Exit
from tuibackup.text import printable

_SHOWN = 5
# The program's name comes before most of what it complains of, but not before all.
_COMPLAINT = re.compile(
    r"(?:\S*/)?(?:mariadb-dump|mysqldump|zstd|gzip)(?:\.\w+)?: "
    r"|(?:-- )?(?:Error|Warning|WARNING): (?:Couldn't|Can't|Not enough|Skipping|get_table_structure|old server)"
    r"|-- Warning: |Couldn't |Warning! mysqldump "
)


def faults(
    database: DatabaseInfo, scanner: Scanner, ended: Exit, complaints: list[str], last_words: str
) -> Iterator[str]:
    """Every reason why this dump is not whole; none for a good one. `last_words`: the last line of stderr."""
    if not ended.ok:
        said = f": {complaints[-1] if complaints else last_words}" if complaints or last_words else ""
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


def complaint(line: str) -> bool:
    """Whether a line of stderr is the dump program's (or its packer's) word that something is wrong.

    With --verbose the program also tells what it does; and what a login shell's start-up files print comes here too.
    """
    return bool(_COMPLAINT.match(line)) and "Deprecated program name" not in line


def _some(names: Iterable[str]) -> str:
    names = [printable(name) for name in names]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
