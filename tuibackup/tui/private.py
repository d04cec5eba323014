"""The uses of Textual's private parts, all of them, each with its reason. Textual is pinned to the version they fit.

Reviewed for Textual 8.2.8.
"""

import sys
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tuibackup.tui.symbols import to_ascii

if TYPE_CHECKING:
    from textual.app import App


class QuietCrash:
    """Mixed into the App: an unhandled error ends it without printing anything.

    Textual's own `_fatal_error` prints a traceback with the local variables, and a planted password came out of
    it. There is no public hook; the error itself is kept in `_exception`.
    """

    crash: BaseException | None = None

    def _fatal_error(self) -> None:
        self.crash = sys.exc_info()[1] or self._exception  # type: ignore[attr-defined]  # the App's own
        self._close_messages_no_wait()  # type: ignore[attr-defined]  # as in the original


class AsciiOnly(LineFilter):
    """Replaces every character outside ASCII in what goes to the terminal, frames of dialogs too."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]


def show_only_ascii(app: "App[None]") -> None:
    """Filters are reached by an environment variable only, and only those that Textual knows."""
    app._filters.append(AsciiOnly())


def colour_count(app: "App[None]") -> int:
    """Colours of the terminal as Rich sees it from TERM and COLORTERM: 0, 16, 256 or 2**24.

    The console is private in effect: Textual draws with its `_color_system`, and no public name tells it.
    """
    if app.no_color:
        return 0
    system = app.console.color_system
    return {None: 0, "standard": 16, "windows": 16, "256": 256}.get(system, 2**24)
