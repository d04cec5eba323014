"""One line to type: what to look for, who approved a restore, and why."""

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


class Typed(Dialog[str]):
    """Returns what was typed, None for nothing. Subclasses say what kind of dialog it is."""

    focus_body = False
    reserved = 1

    def __init__(self, title: str, text: str, key: str, default: str = "") -> None:
        """`text` explains; `key` says what enter does."""
        super().__init__()
        self.title_text = title
        self._text = text
        self._key = key
        self._default = default

    def parts(self) -> Iterable[Widget]:
        yield Field(self._default)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        return [*wrapped(self._text, room, 4, "muted"), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", self._key, True), ("esc", _("close"), True)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())


class FindName(Typed):
    """What to look for in a snapshot."""

    kind = "find"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("find")]

    def __init__(self) -> None:
        text = _(
            "A part of a name, large and small letters alike; * stands for anything, as in *.php or /etc/*.conf"
        )
        super().__init__(_("Find a name in this snapshot"), text, _("find"))


class AskApproval(Typed):
    """Who approved a restore, or why."""

    kind = "approval"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("approval")]

    def __init__(self, question: str) -> None:
        text = _("[restore] approval = true: who approved it, and why, is kept in the log.")
        super().__init__(question, text, _("next"))


class AskSpan(Typed):
    """Which month or year a report is about; `fault` is what was wrong with the last answer."""

    kind = "report"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("report")]

    def __init__(self, about: str, fault: str = "") -> None:
        text = _("A month, as 2026-11, or a year. The report goes to a file, and its SHA-256 into the log.")
        super().__init__(_("Make a report"), fault or text, _("make it"), about)
