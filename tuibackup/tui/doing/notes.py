"""Notes: the reasons of slow steps, what is unusual and right, corrections of the ledger, and whatever else."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuibackup.errors import TuibackupError
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.overview.picture import LogRow
    from tuibackup.run.journal.events import Slow


@dataclass(frozen=True)
class Subject:
    """What a note is about: for people, what of it a reason is `asked` for, and how it is recorded.

    `write` is called in a thread with the text; it raises TuibackupError where nothing was written.
    """

    about: str
    asked: Sequence[str]
    write: Callable[[str], None]


class Notes:
    """What people write down about a server, a run or an entry."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_note(self) -> None:
        """About the run under the cursor of a page, or the entry under that of the log; else about the newest run where
        it was slow or is unusual; else about the server.
        """
        seat = self.seat
        row, server = seat.main.picture.row(seat.here), seat.here
        entry = seat.main.log_pane.chosen if seat.main.number == seat.main.log_pane.number else None
        if seat.page and seat.page.tab == "runs" and seat.page.run:
            self.ask(self.of_run(server, seat.page.run, seat.page.slow))
        elif entry and not seat.page:
            self.ask(self._correction(entry))
        elif row and row.slow and row.last:
            self.ask(self.of_run(server, row.last.run, row.slow))
        elif row and row.unusual:
            self.ask(self._usual(server, row.remarks))
        else:
            self.ask(self.of_run(server, "", ()))

    def ask(self, subject: Subject, text: str = "", fault: str = "") -> None:
        from tuibackup.tui.screens.note import Note

        def answered(said: str | None) -> None:
            if said:
                self.seat.run_worker(self._write(subject, said), name="note")

        self.seat.push_screen(Note(subject.about, subject.asked, text=text, fault=fault), answered)

    async def _write(self, subject: Subject, text: str) -> None:
        try:
            await asyncio.to_thread(subject.write, text)
        except TuibackupError as error:
            self.ask(subject, text, str(error))
            return
        self.seat.tell(_("noted"))
        if self.seat.page:
            self.seat.page.load()
        self.seat.wake()

    def of_run(self, server: str, run: str, slow: "Sequence[Slow]") -> Subject:
        """A run, and the steps of it that were slow; else the server."""
        from tuibackup.run.unusual import slow_sentence

        def write(text: str) -> None:
            from tuibackup.jobs.note import NotePlan, cleaned, write_note

            write_note(self.seat.config, NotePlan(cleaned(text), server, run or None), self.seat.operator)

        about = f"{server} · {run}" if run else server
        return Subject(about, [slow_sentence(one) for one in slow], write)

    def _correction(self, entry: "LogRow") -> Subject:
        def write(text: str) -> None:
            from tuibackup.jobs.note import cleaned, correction, write_note

            config = self.seat.config
            write_note(config, correction(config, cleaned(text), entry.sequence), self.seat.operator)

        what = f"{_(entry.kind)} {entry.server}".strip()
        about = _("corrects entry {number}, which stays as it is: {what}")
        return Subject(about.format(number=entry.sequence, what=f"{what} · {entry.detail}"), (), write)

    def _usual(self, server: str, remarks: Sequence[str]) -> Subject:
        def write(text: str) -> None:
            from tuibackup.jobs.recorder import Recorder
            from tuibackup.jobs.usual import ALL, accept_usual, require_usual

            recorder = Recorder(self.seat.config, self.seat.operator)
            try:
                accept_usual(require_usual(self.seat.config, server, ALL, text), recorder)
            finally:
                recorder.close()

        about = _("{server}: if this is right, say why; figures near these are told no more")
        return Subject(about.format(server=server), remarks, write)
