"""All that a run said, from its journal, a page at a time; `/` keeps only the lines that contain a text."""

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.errors import TuibackupError
from tuibackup.overview.asked import LINES, Lines
from tuibackup.overview.desk import Desk
from tuibackup.text import count
from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, cut, wrapped
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


class Output(Dialog[None]):
    """Asks the desk for the lines around those in sight, in a thread."""

    kind = "output"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("output")]
    wide = 150
    focus_body = False
    reserved = 1

    def __init__(self, run: str, desk: Desk) -> None:
        super().__init__()
        self.title_text = _("output of {run}").format(run=run)
        self._run = run
        self._desk = desk
        self._got: Lines | None = None
        self._text = ""
        self._top = 0
        self._fault = ""
        self._notice = ""
        self._asking = False
        self._for = (0, "", -1)  # the room, text and offset that were asked for last
        self.field = Field(placeholder=_("filter: enter keeps it, esc clears it"))
        self.field.display = False

    def parts(self) -> Iterable[Widget]:
        yield self.field

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(None)
        self._ask()

    def draw(self) -> None:
        self._ask()
        super().draw()
        if self._notice:
            self.foot.show([cut(((f" {self._notice}", "notice"),), self.room)])

    # Asking

    def _ask(self) -> None:
        """Ask for the lines around those in sight, unless they are there."""
        if self._asking or not self.is_mounted:
            return
        got, room = self._got, self.room
        fits = got is not None and got.text == self._text and self._for[0] == room
        if fits and got is not None:
            last = min(self._top + self.most, got.total)
            if got.offset <= self._top and last <= got.offset + len(got.lines):
                return
        wanted = (room, self._text, max(0, self._top - LINES // 4))
        if wanted == self._for and (fits or self._fault):
            return
        self._for, self._asking = wanted, True
        self.run_worker(self._answer(*wanted), name="output")

    async def _answer(self, room: int, text: str, offset: int) -> None:
        try:
            self._got = await asyncio.to_thread(self._desk.output, self._run, room, offset, text)
            self._fault = ""
        except TuibackupError as error:
            self._fault = str(error)
        finally:
            self._asking = False
        if self.is_attached:
            self.draw()

    # What is shown

    def lines(self, room: int) -> list[Line]:
        if self._fault:
            return wrapped(self._fault, room, 4, "failed")
        got = self._got
        if got is None:
            return [((_("reading …"), "muted"),)]
        if not got.total:
            return [((_("nothing fits the filter"), "muted"),)]
        rows = self.most
        self._top = max(0, min(self._top, got.total - rows))
        shown: list[Line] = []
        for number in range(self._top, min(self._top + rows, got.total)):
            inside = 0 <= number - got.offset < len(got.lines)
            style, text = got.lines[number - got.offset] if inside else ("muted", "…")
            shown.append(((text, style),))
        return shown

    def hints(self) -> list[tuple[str, str, bool]]:
        hints = [
            (self.key("output-filter"), _("filter"), True),
            (self.key("copy"), _("copy"), True),
            ("esc", _("close"), True),
        ]
        if self._got and self._got.total:
            got = self._got
            last = min(self._top + self.most, got.total)
            seen = _("{first}–{last} of {all}").format(first=self._top + 1, last=last, all=count(got.total))
            some = _("{some} of {all}").format(some=count(got.total), all=count(got.all))
            hints.insert(0, (seen, f"/{self._text} · {some}" if self._text else _("lines"), False))
        return hints

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters belong to the filter while it is typed; every other key takes the notice away."""
        self._notice = ""
        return not self.field.display or action == "close"

    def action_go(self, by: int) -> None:
        total = self._got.total if self._got else 0
        self._top = max(0, min(self._top + by, total - self.most))
        self.draw()

    def action_page(self, by: int) -> None:
        self.action_go(by * max(1, self.most - 1))

    def action_filter(self) -> None:
        self.field.display = True
        self.field.value = self._text
        self.set_focus(self.field)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.field.display and event.value.strip() != self._text:
            self._text, self._top = event.value.strip(), 0
            self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end_filter()

    def _end_filter(self) -> None:
        self.field.display = False
        self.set_focus(None)
        self.draw()

    def action_copy(self) -> None:
        """Copy the lines in sight."""
        self.app.copy_to_clipboard(self.body.whole)
        self._notice = _("copied, as far as your terminal allows it (OSC 52)")
        self.draw()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_close(self) -> None:
        """`esc` clears the filter first, then closes."""
        if self.field.display or self._text:
            self._text, self._top = "", 0
            self._end_filter()
        else:
            self.dismiss(None)
