"""Where a restore goes: a folder of this machine, or a server's database. Enter shows the plan."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


class RestoreTo(Dialog[str]):
    """Returns what was typed; the faults of a wrong answer are shown and it can be typed again."""

    kind = "where"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("where")]
    focus_body = False
    reserved = 1

    def __init__(self, what: str, default: str, *, database: bool, fault: str = "") -> None:
        """`database`: a server's name, or a socket, is an answer too."""
        super().__init__()
        self.title_text = _("Restore: where to?")
        self._what = what
        self._default = default
        self._database = database
        self._fault = fault

    def parts(self) -> Iterable[Widget]:
        yield Field(self._default)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        lines = [*wrapped(self._what, room, 4, "strong"), ()]
        text = _("A folder of this machine. What is there already and differs is left alone and listed.")
        if self._database:
            text += " " + _("Or the name of a server of the configuration: then it goes into its database.")
        lines += wrapped(text, room, 4, "muted")
        if self._fault:
            lines += wrapped(self._fault, room, 4, "failed")
        return [*lines, ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("show the plan"), True), ("esc", _("close"), True)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
