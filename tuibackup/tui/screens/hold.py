"""The reason for a hold, or for its end."""

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


class HoldReason(Dialog[str]):
    """Returns what was typed; None changes nothing."""

    kind = "hold"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("hold")]
    focus_body = False
    reserved = 1

    def __init__(self, snapshot: str, held: str) -> None:
        """`held`: the words of the hold that is to end; "": it is to be held."""
        super().__init__()
        self.title_text = _("Release a snapshot") if held else _("Hold a snapshot")
        self._snapshot, self._held = snapshot, held

    def parts(self) -> Iterable[Widget]:
        yield Field("", _("why"))

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Input).focus()

    def lines(self, room: int) -> list[Line]:
        lines = wrapped(self._snapshot, room, 2, "strong")
        if self._held:
            lines += wrapped(self._held, room, 3)
            text = _("From then on the rules of retention are for it, too.")
        else:
            text = _(
                "Nothing removes it, nor what it points into, until somebody releases it. With an end:"
                " tuibackup hold {snapshot} --until DATE --reason TEXT"
            ).format(snapshot=self._snapshot)
        return [*lines, *wrapped(text, room, 4, "muted"), ()]

    def hints(self) -> list[tuple[str, str, bool]]:
        return [("enter", _("release it") if self._held else _("hold it"), True), ("esc", _("cancel"), True)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
