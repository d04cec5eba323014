"""The app as its screens and actions know it: configuration, sources, the server in question, jobs to start."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import events

from tuibackup.config import Config
from tuibackup.errors import TuibackupError
from tuibackup.overview.gather import Source
from tuibackup.run.operator import Operator
from tuibackup.tui import actions
from tuibackup.tui.held import HeldKeys
from tuibackup.tui.lines import wrapped
from tuibackup.tui.private import QuietCrash
from tuibackup.tui.screens.dialog import Text
from tuibackup.tui.screens.main import MainScreen
from tuibackup.tui.screens.server import ServerPage
from tuibackup.tui.wire.driver import TerminalApp
from tuibackup.words import _

if TYPE_CHECKING:  # a start needs neither jobs nor questions, and what they import takes a while
    from tuibackup.jobs.browsing import Browsing
    from tuibackup.jobs.process.order import Order, Words


class Seat(QuietCrash, TerminalApp, inherit_bindings=False):
    """What an action may use. The app itself adds pictures, keys and themes."""

    config: Config
    main: MainScreen
    source: Source  # of pictures; the real one reads ledger, vault and journals
    browsing: "Browsing"
    operator: Operator
    read_only: bool
    starting = False  # whether a request of ours still asks its questions

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._woken = asyncio.Event()
        self.held = HeldKeys(self)

    async def on_event(self, event: events.Event) -> None:
        """Keys may have to wait for what they are meant for."""
        if not self.held.takes(event):
            await super().on_event(event)

    def wake(self) -> None:
        """Get the next picture now."""
        self._woken.set()

    @property
    def keymap(self) -> Mapping[str, str]:
        """The keys in force that config.toml gives to actions."""
        return self.main.keymap

    @property
    def page(self) -> ServerPage | None:
        """The server's page, where it is the top screen."""
        return self.screen if isinstance(self.screen, ServerPage) else None

    @property
    def here(self) -> str:
        """The server that actions are about."""
        return self.page.server.name if self.page else self.main.servers.chosen

    @property
    def situation(self) -> actions.Situation:
        """What decides which actions can be used now."""
        return self.page.situation if self.page else self.main.situation

    def tell(self, text: str) -> None:
        """Say something in the bottom line of the screen in sight, until the next key."""
        if self.page:
            self.page.tell(text)
        else:
            self.main.tell(text)

    def order(self, words: "Words", server: str, what: str) -> None:
        from tuibackup.jobs.process.order import order

        wanted = order(words, self.operator, server=server, what=what)
        self.run_worker(self._start_job(wanted), name="job")

    async def _start_job(self, wanted: "Order") -> None:
        """Start the process and answer its questions; then its journal tells the rest."""
        from tuibackup.jobs.process.start import start_job
        from tuibackup.tui.answers import ScreenAnswers

        try:
            request = await asyncio.to_thread(start_job, wanted, self.config)
            self.wake()
            await request.put_questions_to(ScreenAnswers(self))
        except TuibackupError as error:
            said = str(error)
            self.push_screen(
                Text(_("It could not be started"), lambda room: wrapped(said, room, 12, "failed"))
            )
        finally:
            self.wake()
