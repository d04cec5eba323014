"""The top line, alarm first; and the bottom line, with the keys that can be used now or why one cannot."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

from tuibackup.overview.picture import Picture
from tuibackup.text import cells, shorten, size, when
from tuibackup.tui.lines import Line, Lines, Span, cut, ends, width
from tuibackup.tui.panes.serverline import SIGNS
from tuibackup.words import _, ngettext

_SOON = timedelta(days=365)  # until the disk is full: what is later is not said here
_COUNTED = ("overdue", "failed", "interrupted", "never", "damaged", "running", "waiting")


class Bar(Lines):
    """The line that must be seen first, in every pane."""

    picture: Picture | None = None

    def take(self, picture: Picture) -> None:
        self.picture = picture
        self.show([bar_line(picture, self.size.width)])

    def on_resize(self) -> None:
        if self.picture:
            self.take(self.picture)


def bar_line(picture: Picture, room: int) -> Line:
    """Alarms at the left; room on the disk, operator and time at the right. The less needed parts are dropped first."""
    alarms, quiet = _alarms(picture, room), _quiet(picture)
    clock = picture.now.astimezone()
    # Seen from another day of the year, `when` writes the date too.
    dated = when(clock, clock.replace(month=clock.month % 12 + 1, day=1))
    moments = (f"{_weekday(clock.weekday())} {dated}", f"{clock:%H:%M}")
    long_room, short_room = _room(picture)
    endings: tuple[tuple[str, ...], ...] = (
        (long_room, picture.host, picture.operator, moments[0]),
        (short_room, picture.host, picture.operator, moments[1]),
        (short_room, shorten(picture.operator, 12), moments[1]),
        (short_room, moments[1]),
        (short_room,),
        (),
    )
    end: Line = ()
    for asides, parts in (*product(quiet[:1], endings[:4]), *product(quiet[1:], endings)):
        end = (*asides, *(("  " + part, "muted") for part in parts if part))
        if width(alarms) + width(end) + 2 <= room:
            break
    return ends(alarms, (*end, (" ", "")), room)


def _quiet(picture: Picture) -> tuple[Line, Line]:
    """How many servers were not drilled in time, or have something that no backup holds, and on how many ways messages
    cannot be sent: in words, and as briefly as it gets. These are no alarms as the others.
    """
    untold = sum(way.since is not None for way in picture.telling)
    counted = [
        (sign, style, number, words)
        for number, sign, style, words in (
            (picture.count("undrilled"), SIGNS["undrilled"], "undrilled", _("not drilled")),
            (picture.count("unprotected"), SIGNS["warnings"], "warnings", _("unprotected")),
            (untold, SIGNS["failed"], "failed", _("messages not sent")),
        )
        if number
    ]
    worded: Line = tuple((f"  {sign} {number} {words}", style) for sign, style, number, words in counted)
    return worded, tuple((f"  {sign} {number}", style) for sign, style, number, _words in counted)


def _alarms(picture: Picture, room: int) -> Line:
    """The alarms, all of them: if the words do not fit, the last ones are only signs and numbers."""
    words = {
        "overdue": _("OVERDUE"), "failed": _("failed"), "interrupted": _("interrupted"), "never": _("never"),
        "damaged": _("damaged"), "running": _("running"), "waiting": _("waiting"),
    }  # fmt: skip
    counted = [(name, number) for name in _COUNTED if (number := picture.count(name))]
    spans: list[Span] = []
    for worded, gap in ((len(counted), "  "), *((number, " ") for number in range(len(counted), -1, -1))):
        spans = [
            (
                (gap if at else " ") + f"{SIGNS[name]} {number}" + (f" {words[name]}" if at < worded else ""),
                name,
            )
            for at, (name, number) in enumerate(counted)
        ]
        if width(spans) <= room - 2:
            break
    if picture.problems:
        short = [(f" {SIGNS[name]} {number}", name) for name, number in counted]
        text = shorten(f" {SIGNS['failed']} {picture.problems[0]}", room - 2 - width(short))
        return ((text, "failed"), *short)
    if spans and picture.complete:
        return tuple(spans)
    if not picture.complete:
        return (*spans, (" " + _("reading the ledger"), "muted"))
    number = len(picture.rows)
    if not number:
        return ((" tuibackup", "title"),)
    text = ngettext("{count} server, in time", "all {count} servers in time", number).format(count=number)
    return ((f" {SIGNS['fresh']} {text}", "fresh"),)


def _room(picture: Picture) -> tuple[str, str]:
    if picture.room is None:
        return "", ""
    free = size(picture.room.free)
    long = _("{path} {free} of {total} free").format(
        path=shorten(picture.room.path, 30, middle=True), free=free, total=size(picture.room.total)
    )
    short = _("{free} free").format(free=free)
    if picture.full and picture.full - picture.now.astimezone().date() <= _SOON:
        full = _("full {day}").format(day=picture.full.isoformat())
        return f"{long}, {full}", f"{short}, {full}"
    return long, short


def _weekday(number: int) -> str:
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[number]


class Keys(Lines):
    """The bottom line: keys with their labels; or a notice, until the next key is pressed."""

    hints: Sequence[tuple[str, str, bool]] = ()
    notice = ""

    def hint(self, hints: Sequence[tuple[str, str, bool]]) -> None:
        """Show these (key, label, enabled), as many as fit; the last one (quit) always does."""
        self.hints = hints
        self._draw()

    def tell(self, text: str) -> None:
        """Show a notice instead of the keys; "" takes it away."""
        if text != self.notice:
            self.notice = text
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        room = self.size.width
        if self.notice:
            self.show([cut(((" " + self.notice, "notice"),), room)])
        else:
            self.show([keys_line(self.hints, room)])


def keys_line(hints: Sequence[tuple[str, str, bool]], room: int) -> Line:
    spans: list[Span] = []
    used = 0
    last = len(hints) - 1
    reserve = sum(3 + cells(key) + cells(label) for key, label, _on in hints[-2:])
    for number, (key, label, enabled) in enumerate(hints):
        needed = 3 + cells(key) + cells(label) if spans else 2 + cells(key) + cells(label)
        if used + needed > room - (reserve if number < last - 1 else 0):
            continue
        spans += [("  " if spans else " ", ""), (key, "key" if enabled else "muted")]
        spans.append((" " + label, "" if enabled else "muted"))
        used += needed
    return tuple(spans)
