"""The page to follow when a server is lost, to read and to copy. What it tells is typed in a shell."""

import asyncio
from datetime import datetime

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.seat import Seat
from tuibackup.words import _

_LONGEST_LINE = 400  # rows of one


class Recovering:
    """Reads vault and ledger in a thread; a disk that hangs keeps no key."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_recover(self) -> None:
        self.seat.tell(_("looking at what {server} can be recovered from").format(server=self.seat.here))
        self.seat.run_worker(self._show(self.seat.here), name="recover")

    async def _show(self, server: str) -> None:
        try:
            text, style = await asyncio.to_thread(_page, self.seat.config, server), ""
        except TuibackupError as error:
            text, style = str(error), "failed"

        def lines(room: int) -> list[Line]:
            return [
                line
                for one in text.split("\n")
                for line in (wrapped(one, room, _LONGEST_LINE, style) or [()])
            ]

        self.seat.push_screen(_Page(_("Recover {server}").format(server=server), lines))


class _Page(Text):
    wide = 120


def _page(config: Config, server: str) -> str:
    from tuibackup.jobs.recover.layout import as_text
    from tuibackup.jobs.recover.page import blocks
    from tuibackup.jobs.recover.sources import sources

    return as_text(blocks(config, sources(config, server), datetime.now().astimezone()))
