"""A note to write: about a run, or a server. Where a step of the run was slow, it is the reason that is asked for."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


class Note(Dialog[str]):
    """Returns what was typed; None when it is left for later."""

    kind = "note"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("note")]
    focus_body = False
    reserved = 1

    def __init__(self, about: str, slow: Sequence[str] = (), *, text: str = "", fault: str = "") -> None:
        """`slow`: the steps whose reason is asked for. `text`: what was typed before; `fault`: why it was refused."""
        super().__init__()
        self.title_text = _("Why?") if slow else _("Note")
        self._about, self._slow, self._text, self._fault = about, slow, text, fault

    def parts(self) -> Iterable[Widget]:
        yield Field(self._text, _("what happened, and why"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        lines = wrapped(self._about, room, 2, "strong")
        for one in self._slow:
            lines += wrapped(one, room, 2, "warnings")
        if self._slow:
            text = _(
                "The record asks for the reason. It can be left for later: till then it is shown as missing."
            )
            lines += wrapped(text, room, 3, "muted")
        if self._fault:
            lines += wrapped(self._fault, room, 3, "failed")
        return [*lines, ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("write it down"), True), ("esc", _("later") if self._slow else _("cancel"), True)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
