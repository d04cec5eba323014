"""Verify and drill: their plan, then the job."""

from typing import TYPE_CHECKING

from tuibackup.tui.screens.job import JobPlan
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.jobs.process.order import Words


class Proofs:
    """What proves that a backup can be used."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_verify(self) -> None:
        from tuibackup.jobs.process.order import Verify

        server = self.seat.here
        text = _(
            "Everything that is stored of {server} is read from the backup disk again, and every hash compared."
        )
        self._propose(Verify(what=server), server, _("Verify {server}").format(server=server), text)

    def do_drill(self) -> None:
        from tuibackup.jobs.process.order import Drill

        server = self.seat.here
        text = _(
            "The newest good snapshots of {server} are restored into a scratch place ({folder}), compared with what was"
            " recorded when they were made, and thrown away."
        )
        self._propose(Drill(what=server), server, _("Drill {server}").format(server=server), text)

    def _propose(self, words: "Words", server: str, title: str, text: str) -> None:
        """Show the plan of a job; enter starts it."""
        said = [
            text.format(server=server, folder=self.seat.config.drill.folder),
            _("You may leave: it goes on."),
        ]
        dialog = JobPlan(title, said, words.command())
        self.seat.push_screen(dialog, lambda yes: self.seat.order(words, server, server) if yes else None)
