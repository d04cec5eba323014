"""A list to choose one line from by typing a part of it: the palette, and who is at the keyboard."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from tuibackup.tui.dialog_actions import bindings
from tuibackup.tui.field import Field
from tuibackup.tui.lines import Line, cut, left, right
from tuibackup.tui.screens.dialog import Dialog
from tuibackup.words import _


@dataclass(frozen=True, slots=True)
class Choice:
    """One line: `id` is what is returned; `why_not` says why it cannot be chosen."""

    id: str
    words: str
    key: str = ""
    why_not: str = ""


class Choose(Dialog[str]):
    """Returns the id of the chosen line. `highlighted` is called for every line the cursor comes to."""

    kind = "choose"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("choose")]
    focus_body = False
    reserved = 1

    def __init__(
        self, title: str, choices: Sequence[Choice], highlighted: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        self.title_text = title
        self._choices = list(choices)
        self._highlighted = highlighted
        self._typed = ""
        self._cursor = 0

    def parts(self) -> Iterable[Widget]:
        yield Field(placeholder=_("type a part of it"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    @property
    def found(self) -> list[Choice]:
        words = self._typed.casefold().split()
        return [
            choice
            for choice in self._choices
            if all(word in f"{choice.words} {choice.key} {choice.id}".casefold() for word in words)
        ]

    def lines(self, room: int) -> list[Line]:
        found = self.found
        if not found:
            return [((_("nothing fits"), "muted"),)]
        key = max(len(choice.key) for choice in self._choices)
        return [
            cut(
                (
                    (right(choice.key, key) + "  ", "muted" if choice.why_not else "key"),
                    (
                        left(choice.words, 34) + "  " if choice.why_not else choice.words,
                        "muted" if choice.why_not else "",
                    ),
                    (choice.why_not, "muted"),
                ),
                room,
            )
            for choice in found
        ]

    def at(self) -> int | None:
        return self._cursor if self.found else None

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("choose"), True), ("esc", _("close"), True)]

    def action_go(self, by: int) -> None:
        self._cursor = max(0, min(len(self.found) - 1, self._cursor + by))
        self._tell()
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = event.value
        self._cursor = 0
        self._tell()
        self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if found := self.found:
            self.dismiss(found[self._cursor].id)

    def _tell(self) -> None:
        if self._highlighted and (found := self.found):
            self._highlighted(found[self._cursor].id)
