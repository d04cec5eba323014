"""The plan of a job: what it does, how much, and the command that does the same; enter starts it."""

import shlex
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Planned
from tuibackup.words import _


class JobPlan(Planned[bool]):
    """True for enter."""

    kind = "job"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("job")]

    def __init__(self, title: str, text: Sequence[str], command: Sequence[str]) -> None:
        """`command`: the words after `tuibackup`."""
        super().__init__()
        self.title_text = title
        self._text = text
        self._command = shlex.join(("tuibackup", *command))

    @property
    def command(self) -> str:
        return self._command

    def lines(self, room: int) -> list[Line]:
        lines = [line for text in self._text for line in wrapped(text, room, 6)]
        return [*lines, (), *self.command_lines(room), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [
            (self.key("job-start"), _("start"), True),
            (self.key("copy"), _("copy the command"), True),
            ("esc", _("close"), True),
        ]

    def action_start(self) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)
