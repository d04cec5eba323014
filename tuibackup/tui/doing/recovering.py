"""The page to follow when a server is lost, to read and to copy. What it tells is typed in a shell."""

import asyncio

from tuibackup.errors import TuibackupError
from tuibackup.tui.held import Wait
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.seat import Seat
from tuibackup.words import _

_LONGEST_LINE = 400  # rows of one


class Recovering:
    """Asks the helper that may hang in the disk."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_recover(self) -> None:
        self.seat.tell(_("looking at what {server} can be recovered from").format(server=self.seat.here))
        self.seat.run_worker(self._show(self.seat.here, self.seat.held.wait()), name="recover")

    async def _show(self, server: str, wait: Wait) -> None:
        try:
            text, style = await asyncio.to_thread(self.seat.browsing.recovery, server), ""
        except TuibackupError as error:
            text, style = str(error), "failed"

        def lines(room: int) -> list[Line]:
            return [
                line
                for one in text.split("\n")
                for line in (wrapped(one, room, _LONGEST_LINE, style) or [()])
            ]

        if not wait.over:
            self.seat.push_screen(_Page(_("Recover {server}").format(server=server), lines))
        self.seat.held.release(wait)


class _Page(Text):
    wide = 120
