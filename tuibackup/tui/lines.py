"""Lines of text with named styles, and the one widget that draws them; it draws only lines that changed.

A pane is a pure function from the picture to lines, so that a test reads it as plain text; the widget knows
nothing of backups. Texts are never markup. Colours come from lines.tcss through the style's name.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tuibackup.text import cells, shorten, shown, wrap
from tuibackup.tui import symbols
from tuibackup.words import in_language

Span = tuple[str, str]  # (text, name of a style; "" is plain)
Line = tuple[Span, ...]

STYLES = (
    "fresh", "due", "overdue", "never", "running", "waiting", "warnings", "failed", "interrupted", "done",
    "damaged", "undrilled",
    "unknown", "muted", "rule", "title", "key", "strong", "notice", "cursor", "cursor-blurred",
)  # fmt: skip


# The styles' classes. A screen has them for all its lines: worked out for each widget they took a tenth of a second at
# a start, and ten milliseconds when the focus moves.
COMPONENTS = frozenset(f"lines--{name}" for name in STYLES)


def width(line: Iterable[Span]) -> int:
    """The width of `line` in cells."""
    return sum(cells(text) for text, _ in line)


def plain(line: Iterable[Span]) -> str:
    """The line's text alone."""
    return "".join(shown(text) for text, _ in line)


def left(text: str, room: int, *, middle: bool = False) -> str:
    """`text` in exactly `room` cells, shortened with … if it is longer."""
    text = shown(shorten(text, room, middle=middle))
    return text + " " * (room - cells(text))


def right(text: str, room: int) -> str:
    """`text` at the right end of `room` cells; never cut."""
    return " " * (room - cells(text)) + shown(text)


def cut(line: Iterable[Span], room: int) -> Line:
    """The line in at most `room` cells; the span that does not fit is shortened with …."""
    kept: list[Span] = []
    for part, style in line:
        text = shown(part)
        needed = cells(text)
        if needed > room:
            if room > 0:
                kept.append((shorten(text, room), style))
            elif kept:
                before, style = kept.pop()
                kept.append((shorten(before + text, cells(before)), style))
            break
        kept.append((text, style))
        room -= needed
    return tuple(kept)


def ends(start: Line, end: Line, room: int, fill: Span = (" ", "")) -> Line:
    """`start` at the left and `end` at the right of `room` cells; the start is cut if both do not fit."""
    start = cut(start, max(0, room - width(end) - 1))
    gap = room - width(start) - width(end)
    return cut((*start, (fill[0] * max(gap, 0), fill[1]), *end), room)


def rule(number: int, title: str, end: str, room: int, *, active: bool) -> Line:
    """A pane's heading: "─ 1 SERVERS ─────── 12 servers, worst first ─"."""
    style = "title" if active else "muted"
    start: Line = (
        (f"{symbols.RULE} ", "rule"),
        (f"{number} " if number else "", "key"),
        (f"{title} ", style),
    )
    tail: Line = ((f" {end} ", "muted" if not active else "strong"), (symbols.RULE, "rule")) if end else ()
    return ends(start, tail, room, (symbols.RULE, "rule"))


def wrapped(text: str, room: int, most: int, style: str = "") -> list[Line]:
    """`text` in at most `most` lines, broken at spaces and at its own line breaks; the last is shortened with …."""
    lines = [line for part in in_language(text).split("\n") for line in wrap(part, room)]
    if len(lines) > most:
        lines[most - 1 :] = [shorten(" ".join(lines[most - 1 :]), room)]
    return [((line, style),) for line in lines]


class Kept:
    """The lines of a table, each kept as long as what it is made of stays the same and it is in sight."""

    def __init__(self) -> None:
        self._made: dict[object, tuple[tuple[object, ...], Line]] = {}

    def lines(self, wanted: Iterable[tuple[object, tuple[object, ...], Callable[[], Line]]]) -> list[Line]:
        """Of each line its key, everything that it is made of, and how."""
        made = {}
        for key, made_of, make in wanted:
            before = self._made.get(key)
            made[key] = before if before and before[0] == made_of else (made_of, make())
        self._made = made
        return [line for _made_of, line in made.values()]


class Lines(Widget):
    """Draws lines given by `show`, those that differ from the last time."""

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; }"

    def __init__(self, name: str | None = None, *, classes: str | None = None) -> None:
        """`name` is the widget's id."""
        super().__init__(id=name, classes=classes)
        self._lines: list[Line] = []
        self._cursor: int | None = None

    def show(self, lines: Sequence[Line], cursor: int | None = None) -> None:
        """Draw `lines` from the top; `cursor` is the number of the line that stands out."""
        before, self._lines = self._lines, list(lines)
        cursor_before, self._cursor = self._cursor, cursor
        room = self.size.width
        moved = {cursor, cursor_before} if cursor != cursor_before else set()
        changed = [
            Region(0, y, room, 1)
            for y, (old, new) in enumerate(zip_longest(before, self._lines, fillvalue=()))
            if y in moved or old != new
        ]
        if changed and room:
            self.refresh(*changed)

    def repaint_cursor(self) -> None:
        """Draw the cursor's line again: it looks different with and without the focus."""
        if self._cursor is not None:
            self.refresh(Region(0, self._cursor, self.size.width, 1))

    @property
    def text(self) -> str:
        """What is drawn, as plain text; for tests and for copying."""
        return "\n".join(plain(line).rstrip() for line in self._lines)

    def render_line(self, y: int) -> Strip:
        room = self.size.width
        base = self.rich_style
        spans = self._lines[y] if y < len(self._lines) else ()
        over = self._cursor_style() if y == self._cursor else None
        segments = [Segment(text, self._style(base, name, over)) for text, name in cut(spans, room) if text]
        strip = Strip(segments).adjust_cell_length(room, base if over is None else base + over)
        return strip.simplify()  # joins cells of one style: each change of style takes ten bytes on the wire

    def _style(self, base: Style, name: str, over: Style | None) -> Style:
        style = base + self._named_style(f"lines--{name}") if name else base
        return style if over is None else style + over

    def _named_style(self, name: str) -> Style:
        return self.screen.get_component_rich_style(name, partial=True)

    def _cursor_style(self) -> Style:
        name = "lines--cursor" if self.has_focus else "lines--cursor-blurred"
        style = self._named_style(name)
        if self.has_focus and not self.app.native_ansi_color:
            # Only with 16 colours the cursor has its own text colour: many of them cannot be read on its background.
            return Style(bgcolor=style.bgcolor, bold=style.bold)
        return style
