"""Guided set-up: a new server, or one that is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tuibackup.tui.seat import Seat
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs none of these, and what they import takes a while
    from tuibackup.jobs.recorder import Recorder
    from tuibackup.jobs.setup.guide import Guide
    from tuibackup.run.plan import Plan


class SettingUp:
    """`start` starts the first backup, where it is wanted."""

    def __init__(self, seat: Seat, start: "Callable[[tuple[Plan, ...]], Awaitable[None]]") -> None:
        self.seat = seat
        self._start = start

    def do_add(self) -> None:
        """Set up a server by questions."""
        from tuibackup.jobs.setup.guide import Begun, adding
        from tuibackup.tui.answers import ScreenAnswers

        recorder = self._recorder()

        def make(note: Callable[[str], None]) -> "Guide":
            begun = Begun(self.seat.config, lacks_vault=False)
            return adding(begun, recorder, ScreenAnswers(self.seat), note, {})

        self._set_up(_("Add a server"), make)

    def do_edit(self) -> None:
        if self.seat.here in self.seat.config.servers:
            self.edit(self.seat.here)

    def edit(self, server: str) -> None:
        """The same questions of a server that is there; or take it out."""
        from tuibackup.jobs.setup.guide import editing
        from tuibackup.tui.answers import ScreenAnswers

        recorder = self._recorder()

        def make(note: Callable[[str], None]) -> "Guide":
            there = self.seat.config.server(server)
            return editing(self.seat.config, recorder, ScreenAnswers(self.seat), note, there)

        self._set_up(_("Edit {server}").format(server=server), make)

    def _recorder(self) -> "Recorder":
        from tuibackup.jobs.recorder import Recorder

        return Recorder(self.seat.config, self.seat.operator)

    def _set_up(self, title: str, make: "Callable[[Callable[[str], None]], Guide]") -> None:
        from tuibackup.tui.screens.setup import SetUp

        def done(guide: "Guide | None") -> None:
            if guide is not None:
                self.seat.run_worker(self._after_set_up(guide), name="set-up")

        self.seat.push_screen(SetUp(title, make), done)

    async def _after_set_up(self, guide: "Guide") -> None:
        """Say what stays of a set-up that was left; begin the first backup, if it is wanted."""
        left = list(await guide.close())
        recorder = guide.reach.recorder
        await asyncio.to_thread(recorder.close)
        if recorder.fault:
            left.append(_("NOT RECORDED in the ledger: {fault}").format(fault=recorder.fault))
        if guide.reach.saved and guide.server in guide.reach.config.servers:
            self.seat.main.servers.expect(guide.server)
        if left:
            self.seat.tell(" · ".join(left))
        self.seat.wake()
        if guide.first_check.back_up:
            from tuibackup.run.plan import make_plans, wants

            config = guide.reach.config
            wanted = wants(config, [guide.server])
            plans = await asyncio.to_thread(
                make_plans, config, wanted, full=False, operator=self.seat.operator
            )
            await self._start(plans)
