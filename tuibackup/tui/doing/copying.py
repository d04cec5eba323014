"""Copy now what is missing of a server in its second places: the plan, then the job."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from tuibackup.errors import TuibackupError
from tuibackup.tui.held import Wait
from tuibackup.tui.screens.job import JobPlan
from tuibackup.tui.seat import Seat
from tuibackup.words import _, sentence


class Copying:
    """Asks the desk how the copies stand, in a thread, before it shows the plan."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def do_copy_now(self) -> None:
        server = self.seat.here
        copies = [one.name for one in self.seat.config.copies.values() if one.takes(server)]
        if copies:
            self.seat.run_worker(self._propose(server, copies, self.seat.held.wait()), name="copy-now")
        else:
            self.seat.tell(_("no copy of [copies] takes {server}").format(server=server))

    async def _propose(self, server: str, copies: list[str], wait: Wait) -> None:
        try:
            said = await self._asked(server, copies)
        except TuibackupError as error:
            self.seat.tell(str(error))
        else:
            if not wait.over:
                self._show(server, copies, said)
        finally:
            self.seat.held.release(wait)

    async def _asked(self, server: str, copies: list[str]) -> list[str]:
        """What the plan says."""
        from tuibackup.tui.screens.copylines import copy_words

        desk = self.seat.source.desk
        past = await asyncio.to_thread(desk.past, server)
        there = None  # a disk that does not answer is the job's to tell
        with suppress(TuibackupError):
            there = await asyncio.to_thread(desk.stored, server)
        now = datetime.now(UTC)
        text = _(
            "What is missing of {server} goes from the backup disk to its copies. A place that is away gets it when it"
            " is back."
        )
        return [
            text.format(server=server),
            *(copy_words(one.lacking(there), now) for one in past.copies if one.name in copies),
            _("You may leave: it goes on."),
        ]

    def _show(self, server: str, copies: list[str], said: list[str]) -> None:
        from tuibackup.jobs.process.order import Copy

        words = Copy(what=(server,))
        what = sentence("to {copies}", copies=", ".join(copies))
        dialog = JobPlan(_("Copy {server}").format(server=server), said, words.command())
        self.seat.push_screen(dialog, lambda yes: self.seat.order(words, server, what) if yes else None)
