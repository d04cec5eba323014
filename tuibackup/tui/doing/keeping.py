"""What of the vault stays: retention and holds."""

import asyncio
from typing import TYPE_CHECKING

from tuibackup.errors import TuibackupError
from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.jobs.retention.plan import RetentionPlan
    from tuibackup.tui.screens.retention import RetentionDialog


class Keeping:
    """Each is asked for twice before anything goes."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_retention(self) -> None:
        from tuibackup.tui.screens.retention import RetentionDialog, really

        server, dialog = self.seat.here, RetentionDialog(self.seat.here)

        def answered(wanted: bool | None) -> None:
            plan = dialog.plan
            if wanted and plan is not None:
                self.seat.push_screen(really(plan), lambda yes: self._remove(plan) if yes else None)

        self.seat.push_screen(dialog, answered)
        self.seat.run_worker(self._plan_retention(server, dialog), name="plan")

    async def _plan_retention(self, server: str, dialog: "RetentionDialog") -> None:
        try:
            dialog.take(await asyncio.to_thread(self.seat.browsing.retention, server))
        except TuibackupError as error:
            dialog.take(None, str(error))

    def _remove(self, plan: "RetentionPlan") -> None:
        from tuibackup.jobs.process.order import Retention

        self.seat.order(Retention(goes={plan.server: plan.goes}), plan.server, plan.server)

    def do_hold(self) -> None:
        from tuibackup.jobs.process.order import Hold, Release
        from tuibackup.tui.screens.hold import HoldReason

        line = self.seat.page.snapshot if self.seat.page else None
        if line is None:
            return
        server, spec, held = self.seat.here, line.spec, line.held

        def answered(reason: str | None) -> None:
            if reason:
                words = Release(snapshot=spec, reason=reason) if held else Hold(snapshot=spec, reason=reason)
                self.seat.order(words, server, spec)

        self.seat.push_screen(HoldReason(spec, _(held)), answered)
