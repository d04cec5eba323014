"""The base of the four panes: they draw the picture whenever it, their size or their focus changes."""

from collections.abc import Callable

from textual import events

from tuibackup.overview.picture import Picture
from tuibackup.tui.lines import Line, Lines
from tuibackup.words import _


class Pane(Lines, can_focus=True):
    """A pane of the main screen. `number` is its key; `filter` what `/` set, "" for everything."""

    number = 0
    can_filter = False

    def __init__(self) -> None:
        super().__init__(f"pane-{self.number}", classes="pane")
        self.picture: Picture | None = None
        self.filter = ""
        self.top = 0  # the first line or row that is shown
        # Called when the cursor, the marks or the filter changed, so that what depends on them is drawn in one go: as a
        # message it came after the pane had been drawn.
        self.changed: Callable[[], None] = lambda: None

    @property
    def hint(self) -> str:
        """What stands in the empty field of its filter."""
        return _("filter: enter keeps it, esc clears it")

    def take(self, picture: Picture) -> None:
        """Show a newer picture."""
        self.picture = picture
        self.redraw()

    def redraw(self) -> None:
        if self.picture is not None and self.is_attached and self.size:
            lines, cursor = self.draw(self.picture)
            self.show(lines, cursor)

    def draw(self, picture: Picture) -> tuple[list[Line], int | None]:
        """The lines of the whole pane, its rule first, and which of them the cursor is on."""
        raise NotImplementedError

    def move(self, by: int) -> None:
        """Up or down by so many rows."""

    def page(self) -> int:
        """Rows that a page key moves by."""
        return max(1, self.size.height - 2)

    def set_filter(self, text: str) -> None:
        self.filter = text
        self.top = 0
        self.redraw()
        self.changed()

    def scrolled(self, lines: list[Line]) -> list[Line]:
        """The lines below the rule, from `top` on, as far as they fit; for panes without a cursor."""
        room = max(0, self.size.height - 1)
        self.top = max(0, min(self.top, len(lines) - room))
        return lines[self.top : self.top + room]

    def on_resize(self) -> None:
        self.redraw()

    def on_focus(self) -> None:
        self.redraw()
        self.repaint_cursor()

    def on_blur(self) -> None:
        self.redraw()
        self.repaint_cursor()

    def pick(self, line: int) -> None:
        """The line of the pane that was clicked; panes with a cursor move it there."""

    def on_click(self, event: events.Click) -> None:
        self.pick(event.y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)
