"""What `status --long` says of copies: what is missing where, and since when a place is away."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, print_hanging, say
from tuibackup.errors import TuibackupError
from tuibackup.words import _, joined, sentence_n

if TYPE_CHECKING:
    from tuibackup.overview.copies import CopyState
    from tuibackup.overview.picture import Picture

SHOWN = 5  # snapshots that are named; `copies --json` names all


def look_at_copies(context: Context, picture: "Picture") -> "tuple[CopyState, ...]":
    """None, and a line that says why, where ledger or vault cannot be read."""
    from tuibackup.overview.copies import copy_states

    if not context.config.copies or picture.room is None:  # the disk's fault is said already
        return ()
    try:
        return copy_states(context.config, context.ledger, context.vault)
    except TuibackupError as error:
        say(str(error))
        return ()


def print_copies(found: "tuple[CopyState, ...]", now: datetime) -> None:
    """A line for each copy, and the snapshots that it lacks."""
    from tuibackup.text import count, size

    for one in found:
        held = sentence_n("{count} snapshot", "{count} snapshots", one.held)
        parts = [f"{_('copy')} {one.name}: {_(held)}, {size(one.bytes)}", *map(_, one.remarks(now))]
        mark = MARKS["warnings" if one.missing or one.damaged or one.is_unlocked else "done"]
        print_hanging(f"{mark} ", joined("; ", parts))
        for spec in one.missing[:SHOWN]:
            print_hanging("    ", _("missing: {snapshot}").format(snapshot=spec))
        if len(one.missing) > SHOWN:
            print(_("    and {number} more").format(number=count(len(one.missing) - SHOWN)))


def document(found: "tuple[CopyState, ...]") -> list[dict[str, Any]]:
    """As `status --long --json` has it under `copies`."""
    return [one.document() for one in found]
