"""Asks before something that cannot be undone: it says what will happen, and every key except `y` means no."""

import shlex
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.lines import Line, wrapped
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


class Confirm(Dialog[bool]):
    """True only for `y`; enter, n and esc are no."""

    kind = "confirm"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm")]
    wide = 70

    def __init__(self, title: str, text: list[str], yes: str, no: str, command: Sequence[str] = ()) -> None:
        """`command`: the words after `tuibackup` that do the same."""
        super().__init__()
        self.title_text = title
        self._text = text
        self._yes, self._no = yes, no
        self._command = command

    def lines(self, room: int) -> list[Line]:
        lines = [line for text in self._text for line in wrapped(text, room, 6)]
        if self._command:
            lines += [(), *wrapped(shlex.join(("tuibackup", *self._command)), room, 4, "strong")]
        return [*lines, ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        yes, no = self.key("confirm-yes"), self.key("confirm-no")
        return [(yes, self._yes, True), (no, self._no, True), ("esc", _("close"), True)]

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_close(self) -> None:
        self.dismiss(False)


def stop(server: str, run: str, doing: str) -> Confirm:
    """The dialog of `x`."""
    return Confirm(
        _("Stop the run of {server}?").format(server=server),
        [
            _("It is at: {doing}.").format(doing=doing),
            _("It ends as interrupted, with your name in the record. Its clocks are not renewed."),
        ],
        _("stop it"),
        _("let it run"),
        ("stop", run),
    )


def stop_job(name: str, job: str) -> Confirm:
    """The dialog of `x` on a job that is no run."""
    return Confirm(
        _("Stop it?"),
        [
            name,
            _("It ends as interrupted, with your name in the record. What it has restored stays."),
        ],
        _("stop it"),
        _("let it run"),
        ("stop", job),
    )


def leave(text: list[str]) -> Confirm:
    """The dialog of `q` if leaving would harm a run."""
    return Confirm(_("Leave the cockpit?"), text, _("leave"), _("stay"))
