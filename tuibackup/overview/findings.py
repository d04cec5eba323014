"""What verify and drill found in the backups of a server, in sentences: they stand until a later one finds nothing."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from tuibackup.overview.picture import ServerRow
from tuibackup.overview.ways_out import WaysOut, of_damage, of_drill
from tuibackup.sop import Outcome
from tuibackup.text import count, when
from tuibackup.words import _, ngettext

_SENTENCES = 4  # of a server; further snapshots are only counted


class Finding(msgspec.Struct, frozen=True):
    """One of them, and the way out, where no finding above has the same."""

    sentence: str
    ways_out: WaysOut | None = None


def findings(row: ServerRow, now: datetime) -> Iterator[Finding]:
    """One for each snapshot that was found damaged: many point into one archive, so that one way out is enough."""
    clocks = set()
    for damage in row.damages[:_SENTENCES]:
        problem = damage.problem
        if damage.total > 1:
            problem += " " + _("(and {number} more)").format(number=count(damage.total - 1))
        said = _("verified {time}: {problem}").format(time=when(damage.time, now), problem=problem)
        clock = damage.snapshot.split("/")[1]
        way = None if clock in clocks else of_damage(damage.snapshot, damage.damaged, damage.restorable)
        clocks.add(clock)
        yield Finding(f"{damage.snapshot}: {said}", way)
    if (more := len(row.damages) - _SENTENCES) > 0:
        text = ngettext("{number} more snapshot is damaged", "{number} more snapshots are damaged", more)
        yield Finding(text.format(number=count(more)))
    for drill in row.drills.values():
        if drill.outcome is Outcome.FAILED:
            said = _("drilled {time}: {problem}").format(time=when(drill.time, now), problem=drill.error)
            yield Finding(f"{drill.snapshot}: {said}", of_drill(drill.snapshot))
