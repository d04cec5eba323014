"""Notes, and the reasons of slow steps."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuibackup.errors import TuibackupError
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.run.journal.events import Slow


class Notes:
    """What people write down about a server or a run."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_note(self) -> None:
        """About the run under the cursor of a page; else why a step of the newest was slow; else about the server."""
        row, server = self.seat.main.picture.row(self.seat.here), self.seat.here
        if self.seat.page and self.seat.page.tab == "runs" and self.seat.page.run:
            self.ask(server, self.seat.page.run, self.seat.page.slow)
        elif row and row.slow and row.last:
            self.ask(server, row.last.run, row.slow)
        else:
            self.ask(server, "", ())

    def ask(self, server: str, run: str, slow: "Sequence[Slow]", text: str = "", fault: str = "") -> None:
        from tuibackup.run.unusual import slow_sentence
        from tuibackup.tui.screens.note import Note

        about = f"{server} · {run}" if run else server
        dialog = Note(about, [slow_sentence(one) for one in slow], text=text, fault=fault)

        def answered(said: str | None) -> None:
            if said:
                self.seat.run_worker(self._write_note(server, run, slow, said), name="note")

        self.seat.push_screen(dialog, answered)

    async def _write_note(self, server: str, run: str, slow: "Sequence[Slow]", text: str) -> None:
        from tuibackup.jobs.note import NotePlan, cleaned, write_note

        try:
            plan = NotePlan(cleaned(text), server, run or None)
            await asyncio.to_thread(write_note, self.seat.config, plan, self.seat.operator)
        except TuibackupError as error:
            self.ask(server, run, slow, text, str(error))
            return
        self.seat.tell(_("noted"))
        if self.seat.page:
            self.seat.page.load()
        self.seat.wake()
