"""The printed form of a month or a year: made by a key, and where it lies."""

from datetime import datetime
from pathlib import Path

from tuibackup.errors import TuibackupError
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.seat import Seat
from tuibackup.words import _


class Reporting:
    """The report of all servers."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_report(self) -> None:
        self._ask(f"{datetime.now().astimezone():%Y-%m}")

    def _ask(self, about: str, fault: str = "") -> None:
        from tuibackup.tui.screens.typed import AskSpan

        def answered(said: str | None) -> None:
            if said:
                self.seat.run_worker(self._make(said), name="report")

        self.seat.push_screen(AskSpan(about, fault), answered)

    async def _make(self, about: str) -> None:
        from tuibackup.jobs.report.apart import make_apart
        from tuibackup.tui.screens.dialog import Text

        self.seat.tell(_("the report of {about} is being made").format(about=about))
        try:
            path, said = await make_apart(self.seat.config, self.seat.operator, about)
        except TuibackupError as error:
            self._ask(about, str(error))
            return
        self.seat.push_screen(
            Text(_("The report of {about}").format(about=about), lambda room: _lines(path, said, room))
        )
        self.seat.wake()


def _lines(path: Path, said: str, room: int) -> list[Line]:
    return [
        *wrapped(_("It lies in {path}").format(path=path), room, 4, ""),
        (),
        *(line for one in said.splitlines() for line in wrapped(one, room, 4, "muted")),
    ]
