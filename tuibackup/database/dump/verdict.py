"""Whether a dump is good: its exit, its trailer, what the tool complained of, and the inventory must all agree."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tuibackup.database.dump.division import Share
from tuibackup.database.inventory import TRANSACTIONAL, DatabaseInfo, TableInfo
from tuibackup.database.sql.scan import Contents, Scanner
from tuibackup.remote.command import Exit
from tuibackup.text import count, printable
from tuibackup.words import joined, sentence

_SHOWN = 5
# Most complaints begin with the program's name, but not all.
_COMPLAINT = re.compile(
    r"(?:\S*/)?(?:mariadb-dump|mysqldump|zstd|gzip)(?:\.\w+)?: "
    r"|(?:-- )?(?:Error|Warning|WARNING): (?:Couldn't|Can't|Not enough|Skipping|get_table_structure|old server)"
    r"|-- Warning: |Couldn't |Warning! mysqldump "
)


def ended_badly(ended: Exit, scanner: Scanner, complaints: Sequence[str], last_words: str) -> Iterator[str]:
    """The reasons why nothing that this program wrote can be trusted. `last_words`: the last line of stderr."""
    if not ended.ok:
        said = f": {complaints[-1] if complaints else last_words}" if complaints or last_words else ""
        yield sentence("the dump program {ended}{said}", ended=ended, said=said)
    if not scanner.completed:
        yield sentence("the dump ends without its last line: it is cut off")


def spared(share: Share, scanner: Scanner) -> Iterator[str]:
    """The databases that a program had written whole, with another one begun, before it ended badly."""
    for info in share.databases if share.whole else ():
        left_out = share.left_out.get(info.name, frozenset())
        mine = replace(
            info,
            tables=tuple(table for table in info.tables if table.name not in left_out),
            views=tuple(view for view in info.views if view not in info.apart.views),
        )
        if scanner.passed(info.name) and not any(missing(mine, scanner.contents[info.name])):
            yield info.name


def missing(database: DatabaseInfo, found: Contents) -> Iterator[str]:
    """What the inventory has and the dump lacks."""
    if names := [table.name for table in database.tables if table.name not in found.tables]:
        yield sentence("tables missing in the dump: {some}", some=_some(names))
    if names := [view for view in database.views if view not in found.views]:
        yield sentence("views missing in the dump: {some}", some=_some(names))
    for what, expected in (
        ("trigger", len(database.triggers)),
        ("routine", len(database.routines)),
        ("event", len(database.events)),
    ):
        if found.objects[what] < expected:
            yield sentence(
                "{objects} of {expected} {what} are in the dump",
                objects=found.objects[what],
                expected=expected,
                what=sentence(f"{what}s"),
            )


def miscounted(
    database: DatabaseInfo, found: Contents, counts: Mapping[tuple[str, str], int]
) -> Iterator[str]:
    """Tables whose number of rows in the dump differs from the one that was counted at the same instant."""
    wrong = []
    for table in found.tables.values():
        counted = counts.get((database.name, table.name))
        if counted is not None and table.rows is not None and counted != table.rows:
            wrong.append(
                sentence(
                    "{table} ({rows} instead of {counted})",
                    table=printable(table.name),
                    rows=count(table.rows),
                    counted=count(counted),
                )
            )
    if wrong:
        yield sentence("rows missing in the dump, or too many: {some}", some=_some(wrong))


def uncounted(database: DatabaseInfo, counts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Tables that should have been counted and were not."""
    names = [
        table.name
        for table in database.tables
        if countable(table) and (database.name, table.name) not in counts
    ]
    if names:
        yield sentence("rows not compared because the server did not count them: {some}", some=_some(names))


def countable(table: TableInfo) -> bool:
    """Whether its rows are of the snapshot's instant, even if they are read later."""
    engine = table.engine.lower()
    return table.kind != "SEQUENCE" and engine in TRANSACTIONAL - {"memory", "blackhole", ""}


def complaint(line: str) -> bool:
    """Whether a line of stderr is the dump program's (or its packer's) word that something is wrong.

    With --verbose the program also tells what it does, and a login shell's start-up files may print here, too.
    """
    return bool(_COMPLAINT.match(line)) and "Deprecated program name" not in line


def _some(names: Iterable[str]) -> str:
    names = list(map(printable, names))
    more = sentence(" and {number} more", number=len(names) - _SHOWN) if len(names) > _SHOWN else ""
    return joined("", (joined(", ", names[:_SHOWN]), more))
