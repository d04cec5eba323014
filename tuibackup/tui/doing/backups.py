"""Back up: choose servers, show the plan, start the runs and answer their questions."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from tuibackup.errors import TuibackupError
from tuibackup.overview.picture import ServerRow
from tuibackup.tui.lines import wrapped
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.run.plan import Plan, PlanSummary
    from tuibackup.tui.screens.plan import Again, Wants


class Backups:
    """Runs that the cockpit starts."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_back_up(self) -> None:
        rows = [row for row in self._chosen_rows() if not row.run and row.clocks]
        if not rows:
            self.seat.tell(_("nothing to back up there, or a run is under way already"))
            return
        self._open_plan(rows, {})

    def do_back_up_failed(self) -> None:
        """The clocks whose last try did not renew them, as `run --failed` takes them."""
        rows = [row for row in self._chosen_rows() if not row.run and row.why]
        if not rows:
            self.seat.tell(_("nothing there failed at its last try, or a run is under way already"))
            return
        self._open_plan(rows, {row.name: row.why for row in rows})

    def _chosen_rows(self) -> list[ServerRow]:
        """The marked servers, else the one under the cursor; on a server's page that server."""
        marked = [name for name in self.seat.main.servers.order if name in self.seat.main.servers.marks]
        names = [self.seat.here] if self.seat.page or not marked else marked
        return [row for name in names if (row := self.seat.main.picture.row(name))]

    def _open_plan(self, rows: list[ServerRow], again: "Again") -> None:
        from tuibackup.tui.screens.plan import PlanScreen

        planner = partial(self._plan, again=again) if again else self._plan
        hidden = () if self.seat.page else self.seat.main.servers.hidden_marks
        self.seat.push_screen(PlanScreen(rows, self.seat.config, planner, again, hidden), self._planned)

    def _plan(
        self, wants: "Wants", full: bool, again: "Again | None" = None
    ) -> "tuple[tuple[Plan, ...], PlanSummary]":
        return self.seat.source.desk.plan(wants, full, self.seat.operator, again)

    def _planned(self, plans: "tuple[Plan, ...] | None") -> None:
        if plans:
            if not self.seat.page:
                self.seat.main.servers.mark(self.seat.main.servers.marks)
            self.seat.run_worker(self.start(plans), name="request")

    async def start(self, plans: "tuple[Plan, ...]") -> None:
        """Start the processes and answer their questions; then their journals tell the rest."""
        from tuibackup.run.process.start import start
        from tuibackup.tui.answers import ScreenAnswers

        self.seat.starting = True
        try:
            request = await asyncio.to_thread(start, plans, self.seat.config.source)
            self.seat.wake()
            await request.put_questions_to(ScreenAnswers(self.seat))
        except TuibackupError as error:
            said = str(error)
            self.seat.push_screen(
                Text(_("The runs could not be started"), lambda room: wrapped(said, room, 12, "failed"))
            )
        finally:
            self.seat.starting = False
            self.seat.wake()
