"""Stop a run or a job, after a second answer."""

from tuibackup.errors import TuibackupError
from tuibackup.overview.picture import job_word
from tuibackup.tui import actions
from tuibackup.tui.panes.serverline import run_words
from tuibackup.tui.screens import confirm
from tuibackup.tui.seat import Seat
from tuibackup.words import _


class Stopping:
    """Only what is in sight is stopped."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_stop(self) -> None:
        row = self.seat.main.picture.row(self.seat.here)
        if row and row.run:
            run, name = row.run.view.run, row.name
            dialog = confirm.stop(name, run, run_words(row.run, 60))
        elif (job := actions.job_of(self.seat.situation)) and job.planned:
            run, name = job.run, f"{job_word(job.planned.job)} {job.planned.what}"
            dialog = confirm.stop_job(name, run)
        else:
            return
        self.seat.push_screen(dialog, lambda yes: self._stop(run, name) if yes else None)

    def _stop(self, run: str, name: str) -> None:
        from tuibackup.run.process.start import ask_stop

        try:
            ask_stop(self.seat.config, run, self.seat.operator)
        except TuibackupError as error:
            self.seat.tell(str(error))
        else:
            self.seat.tell(_("asked {server} to stop").format(server=name))
        self.seat.wake()
