"""All uses of Textual's private parts, each with its reason. Textual is pinned to the version that they fit.

Reviewed for Textual 8.2.8.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._compositor import CompositorUpdate
from textual._context import visible_screen_stack
from textual._xterm_parser import XTermParser
from textual.app import ScreenStackError
from textual.color import Color
from textual.filter import LineFilter
from textual.keys import _character_to_key
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip

from tuibackup.tui.symbols import to_ascii

if TYPE_CHECKING:
    from textual.app import App


_LONGEST_KEY = 32  # characters of a sequence that Textual's parser looks at


class QuietCrash:
    """Mixed into the App: an unhandled error ends it without printing anything.

    Textual's own `_fatal_error` prints a traceback with the local variables, and a planted password came out of
    it. There is no public hook; the error itself is kept in `_exception`.
    """

    crash: BaseException | None = None

    def _fatal_error(self) -> None:
        self.crash = sys.exc_info()[1] or self._exception  # type: ignore[attr-defined]  # the App's own
        self._close_messages_no_wait()  # type: ignore[attr-defined]  # as in the original


class OwnOutput:
    """Mixed into the App: pictures are not written when Textual composes them, but fetched when the line is free.

    Textual sends whole widgets, with all codes for each piece of text, into a queue that blocks; nothing public stands
    between the compositor and the driver. `frame_changed` is called instead, where a terminal is there.
    """

    frame_changed: Callable[[], None] | None = None

    def _display(self, screen: Screen[object], renderable: object) -> None:
        if self.frame_changed is None:
            super()._display(screen, renderable)  # type: ignore[misc]  # the App's
            return
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:  # type: ignore[attr-defined]  # the App's
            self.frame_changed()
        self.post_display_hook()  # type: ignore[attr-defined]  # as in the original

    def _set_pointer_shape(self, shape: str) -> None:
        """Nothing: the shape of the mouse's pointer is no news on a slow line, and old terminals print it."""


class DrawnOnce:
    """Mixed into every screen: its changes are not drawn for Textual's driver, which would not get them.

    `picture` draws the screen when the line is free. The compositor has no public name.
    """

    def _compositor_refresh(self) -> None:
        app: OwnOutput = self.app  # type: ignore[attr-defined]  # the screen's own
        if app.frame_changed is None or self is not app.screen:  # type: ignore[attr-defined]
            super()._compositor_refresh()  # type: ignore[misc]  # the screen's
            return
        self._compositor._dirty_regions.clear()
        app._display(self, CompositorUpdate())  # nothing looks into it
        self._dirty_widgets.clear()
        app._update_mouse_over(self)  # type: ignore[attr-defined]  # as in the original


class Picture(NamedTuple):
    """What the stacked screens show: a line for each row, none wider than `width` cells."""

    lines: Sequence[Strip]
    width: int
    colours: ColorSystem


def picture(app: "App[None]") -> Picture | None:
    """The present picture; None if none has the terminal's size: a screen is not laid out yet, or the app ends.

    The compositor has no public name, and draws what lies below a dialog only where it is told the screens.
    """
    try:
        compositor = app.screen._compositor
    except ScreenStackError:
        return None
    if compositor.size != app.size or not app._running:
        return None
    visible_screen_stack.set(app._background_screens)
    return Picture(
        compositor.render_strips(), app.size.width, app.console._color_system or ColorSystem.TRUECOLOR
    )


def messages_of(key: str) -> list[Message]:
    """What Textual makes of a key: a character, a whole escape sequence, or a paste with its brackets.

    Its parser waits for more after what it does not know, and takes a letter after esc for alt: it gets key by key.
    """
    if key == "\x1b":
        return [events.Key("escape", key)]
    if len(key) > _LONGEST_KEY and not key.startswith("\x1b[200~"):
        return []  # an answer of the terminal; the parser would make a key of each character
    return list(XTermParser().feed(key))


def sequences() -> Mapping[str, tuple[str, ...]]:
    """The names of the keys that Textual knows, by what terminals send for them."""
    return {
        sequence: tuple(
            key.value for key in keys if not key.value.startswith("<")
        )  # <ignore>, and the mouse's wheel
        for sequence, keys in ANSI_SEQUENCES_KEYS.items()
        if isinstance(keys, tuple)
    }


def name_of(character: str) -> str:
    """Textual's name of the key that types `character`."""
    return _character_to_key(character)


class AsciiOnly(LineFilter):
    """Replaces every character outside ASCII on its way to the terminal, frames of dialogs, too."""

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
