"""The plan of a job: what it does, how much, and the command that does the same; enter starts it."""

import shlex
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


class JobPlan(Dialog[bool]):
    """True for enter. `y` copies the command."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", show=False, priority=True),
        Binding("y", "copy", show=False, priority=True),
        Binding("n,q", "close", show=False, priority=True),
    ]

    def __init__(self, title: str, text: Sequence[str], command: Sequence[str]) -> None:
        """`command`: the words after `tuibackup`."""
        super().__init__()
        self.title_text = title
        self._text = text
        self.command = shlex.join(("tuibackup", *command))
        self._copied = False

    def lines(self, room: int) -> list[Line]:
        lines = [line for text in self._text for line in wrapped(text, room, 6)]
        lines += [(), *wrapped(self.command, room, 4, "strong")]
        if self._copied:
            text = _("copied, as far as your terminal allows it (OSC 52)")
            lines += wrapped(text, room, 2, "notice")
        return [*lines, ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("start"), True), ("y", _("copy the command"), True), ("esc", _("close"), True)]

    def action_start(self) -> None:
        self.dismiss(True)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.command)
        self._copied = True
        self.draw()

    def action_close(self) -> None:
        self.dismiss(False)
