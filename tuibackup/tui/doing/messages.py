"""Where the messages of `[notify]` stand."""

from collections.abc import Iterator
from datetime import datetime

from tuibackup.overview.picture import Telling
from tuibackup.text import count, when
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.seat import Seat
from tuibackup.words import _


class Messages:
    """Shows; sending is the command line's."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_messages(self) -> None:
        picture = self.seat.main.picture

        def lines(room: int) -> list[Line]:
            found = [line for way in picture.telling for line in _of_way(way, picture.now, room)]
            if not found:
                found = wrapped(_("nobody was told anything yet"), room, 3)
            text = _("{command} sends a test on every way that [notify] names, and says what became of it.")
            return [*found, *wrapped(text.format(command="tuibackup notify --test"), room, 3, "muted")]

        self.seat.push_screen(Text(_("Messages"), lines))


def _of_way(way: Telling, now: datetime, room: int) -> Iterator[Line]:
    yield from wrapped(way.name, room, 2, "strong")
    sent = _("last sent {time}").format(time=when(way.sent, now)) if way.sent else _("nothing was sent yet")
    yield from wrapped(f"  {sent}", room, 2)
    if way.since:
        text = _("not sent since {time}: {error}").format(time=when(way.since, now), error=way.error)
        yield from wrapped(f"  × {text}", room, 6, "failed")
    elif way.error:
        yield from wrapped(f"  ▲ {way.error}", room, 6, "warnings")
    if way.waiting:
        yield from wrapped("  " + _("waiting: {number}").format(number=count(way.waiting)), room, 2)
    yield ()
