"""What verify and drill found in the backups of a server, in sentences: they stand until a later one finds nothing."""

from collections.abc import Iterator
from datetime import datetime

from tuibackup.overview.picture import ServerRow
from tuibackup.sop import Outcome
from tuibackup.text import count, when
from tuibackup.words import _


def findings(row: ServerRow, now: datetime) -> Iterator[str]:
    """A sentence for each snapshot that was found damaged, with the way out."""
    for damage in row.damages:
        problem = damage.problem
        if damage.total > 1:
            problem += " " + _("(and {number} more)").format(number=count(damage.total - 1))
        said = _("verified {time}: {problem}").format(time=when(damage.time, now), problem=problem)
        yield f"{damage.snapshot}: {said}"
    for drill in row.drills.values():
        if drill.outcome is Outcome.FAILED:
            said = _("drilled {time}: {problem}").format(time=when(drill.time, now), problem=drill.error)
            yield f"{drill.snapshot}: {said}"
