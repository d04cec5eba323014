"""What `status --long` says below the table: room and its forecast, what retention would free, and holds."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tuibackup.cli.context import Context
from tuibackup.cli.output import MARKS, print_hanging, print_table, say
from tuibackup.errors import TuibackupError
from tuibackup.words import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tuibackup.overview.picture import Picture
    from tuibackup.overview.room import ServerRoom
    from tuibackup.overview.rule_parts import Part
    from tuibackup.run.holds import Hold


@dataclass(frozen=True, slots=True)
class Long:
    """`full`: the day on which a run finds too little room, None for none in sight. `frees`: what retention would free,
    by server, of those from which something goes."""

    rooms: "Sequence[ServerRoom]"
    free: int
    full: date | None
    frees: dict[str, int]
    holds: "Sequence[Hold]"
    today: date
    rules: "Mapping[str, Sequence[Part]]"  # 3-2-1-1-0, by server

    def document(self) -> dict[str, Any]:
        """As `status --long --json` has it under `room`."""
        from tuibackup.overview.room import document

        return {
            "free-for-runs": self.free,
            "full-on": self.full.isoformat() if self.full else None,
            "servers": {one.server: document(one) for one in self.rooms},
            "retention-frees": self.frees,
            "holds": [one.document(self.today) for one in self.holds],
        }

    def rules_document(self) -> dict[str, Any]:
        """As it stands under `3-2-1-1-0`."""
        return {server: {one.name: one.document() for one in parts} for server, parts in self.rules.items()}


def look_longer(context: Context, picture: "Picture") -> Long | None:
    """None, and a line that says why, where ledger or vault cannot be read."""
    from tuibackup.jobs.retention.plan import plan_retention
    from tuibackup.overview.room import full_on, room_of
    from tuibackup.overview.three_two_one import three_two_one

    if picture.room is None:
        return None  # said already
    today, config = picture.now.astimezone().date(), context.config
    try:
        holds = list(context.holds().values())  # first: it finds out whether the disk answers
        rooms = room_of(context.ledger, config.servers, picture.now)
        frees = {plan.server: plan.frees for plan in plan_retention(config) if plan.goes}
        rules = {one: three_two_one(config, context.ledger, one, picture.now) for one in config.servers}
    except TuibackupError as error:
        say(str(error))
        return None
    free = max(0, picture.room.free - config.vault.least_free(picture.room.total))
    return Long(rooms, free, full_on(free, rooms, today), frees, holds, today, rules)


def print_long(found: Long) -> None:
    """Print it for people."""
    from tuibackup.text import count, size

    rows = [
        [
            one.server,
            count(one.snapshots),
            size(one.bytes),
            "–" if one.a_month is None else size(one.a_month),
            size(found.frees[one.server]) if one.server in found.frees else "–",
        ]
        for one in found.rooms
    ]
    if rows:
        print()
        heads = [_("server"), _("snapshots"), _("on disk"), _("more a month"), _("retention frees")]
        print_table(heads, rows, "<>>>>")
    print_hanging("", _forecast(found))
    _print_rules(found)
    for hold in found.holds:
        mark = MARKS["overdue" if hold.passed(found.today) else "unknown"]
        print_hanging(f"{mark} ", f"{hold.snapshot}: {_(hold.words(found.today))}")


def _print_rules(found: Long) -> None:
    """3-2-1-1-0: a line for each server, and what it lacks."""
    from tuibackup.overview.rule_parts import in_a_line, lacking

    for server, parts in found.rules.items():
        missing = lacking(parts)
        mark = MARKS["warnings" if missing else "done"]
        print_hanging(f"{mark} ", f"{server}: 3-2-1-1-0: {in_a_line(parts)}")
        for text in missing:
            print_hanging("    ", text)


_IN_DAYS = 60  # sooner than that it is told in days


def _forecast(found: Long) -> str:
    from tuibackup.text import size

    free = size(found.free)
    if all(one.a_month is None for one in found.rooms):
        return _("{free} free for runs; when that is used up shows after two weeks of history").format(
            free=free
        )
    if found.full is None:
        return _("{free} free for runs; by the last year's history that is not used up in sight").format(
            free=free
        )
    if found.free <= 0:
        return _("nothing is free for runs: free some room in the vault, or lower min_free")
    days = max(0, (found.full - found.today).days)
    if days < _IN_DAYS:
        number = days
        text = ngettext(
            "{free} free for runs; by the last year's history that is used up in {number} day, on {day}",
            "{free} free for runs; by the last year's history that is used up in {number} days, on {day}",
            number,
        )
    else:
        number = round(days / 30.4)
        text = ngettext(
            "{free} free for runs; by the last year's history that is used up in {number} month, on {day}",
            "{free} free for runs; by the last year's history that is used up in {number} months, on {day}",
            number,
        )
    return text.format(free=free, number=number, day=found.full)
