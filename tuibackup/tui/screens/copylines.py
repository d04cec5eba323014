"""How the copies of a server stand, in lines: what each holds, what it lacks, since when its place is away."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tuibackup.text import count, when
from tuibackup.tui.lines import Line
from tuibackup.tui.screens.details import field
from tuibackup.words import _, ngettext

if TYPE_CHECKING:  # comes with the answer of a helper
    from tuibackup.overview.copies import CopyState

_NAMED = 20  # missing snapshots that are named


def copy_lines(
    copies: "Iterable[CopyState]", there: Collection[str] | None, now: datetime, room: int
) -> list[Line]:
    """A line or two for each. `there`: the snapshots on the backup disk, None where nobody knows: only these are
    missing elsewhere.
    """
    lines: list[Line] = []
    for one in copies:
        known = one.lacking(there)
        style = "warnings" if known.missing or known.damaged or known.is_unlocked else "muted"
        lines += field(_("copy"), copy_words(known, now), style, room, 2)
    return lines


def missing_lines(copies: "Iterable[CopyState]", there: Collection[str] | None, room: int) -> list[Line]:
    """What each lacks, by name."""
    lines: list[Line] = []
    for one in copies:
        if missing := one.lacking(there).missing:
            named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
            text = _("{copy} lacks {snapshots}").format(copy=one.name, snapshots=named)
            lines += field(_("copy"), text, "warnings", room, 6)
    return lines


def copy_words(one: "CopyState", now: datetime) -> str:
    """One copy in a line."""
    if one.last is None:
        said = _("{copy}: nothing yet").format(copy=one.name)
    else:
        text = ngettext(
            "{copy}: {count} snapshot, last copied {time}",
            "{copy}: {count} snapshots, last copied {time}",
            one.held,
        )
        said = text.format(copy=one.name, count=count(one.held), time=when(one.last, now))
    return "; ".join((said, *map(_, one.remarks(now))))
