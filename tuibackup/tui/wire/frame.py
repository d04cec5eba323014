"""One picture of the screen, cell by cell: what a terminal shows once it has got everything."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

# Attributes that are visible on blanks: underline, blink, reverse, strike, and the rarer lines around text.
_SEEN_ON_BLANKS = frozenset((4, 5, 6, 7, 9, 21, 51, 52, 53))


# What makes another symbol of the one beside it, in some terminals only, so that rows get longer or shorter there: the
# form as emoji and the colour of skin are left out, the letters of flags are letters.
_ALONE = dict.fromkeys((0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400))) | {
    0x1F1E6 + number: letter for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}


class Pen(NamedTuple):
    """How a cell is written, as numbers of SGR ("select graphic rendition"). An empty colour is the terminal's own."""

    attributes: frozenset[int] = frozenset()
    foreground: str = ""
    background: str = ""


PLAIN = Pen()


class Row(NamedTuple):
    """`texts` has each cell's character with its combining marks; the second cell of a wide one is ""."""

    texts: list[str]
    pens: list[Pen]


Frame = Sequence[Row]


def blank(width: int, height: int, pen: Pen = PLAIN) -> Frame:
    """A screen without letters."""
    return [Row([" "] * width, [pen] * width) for _line in range(height)]


def certain(text: str, width: int) -> bool:
    """Whether all terminals agree that `text` takes `width` cells: not about emoji, of which more and more are wide."""
    return len(text) == 1 and text < "\U0001f000" and (width == 1 or text >= "\u2e80")


def frame(lines: Iterable[Iterable[Segment]], width: int, colours: ColorSystem) -> Frame:
    """The cells of `lines`, each brought to exactly `width`. Cells are counted as Textual counts them."""
    return [_row(line, width, colours) for line in lines]


def _row(line: Iterable[Segment], width: int, colours: ColorSystem) -> Row:
    texts: list[str] = []
    pens: list[Pen] = []
    for text, style, control in line:
        if control:
            continue
        pen = _pen(style, colours) if style is not None else PLAIN
        found = _by_cell(text)
        texts += found
        if pen.foreground or pen.attributes:
            bare = on_blank(pen)
            pens += [bare if cell == " " else pen for cell in found]
        else:
            pens += [pen] * len(found)
    if len(texts) > width and texts[width] == "":
        texts[width - 1] = " "  # half of a wide character
    missing = max(0, width - len(texts))
    return Row(texts[:width] + [" "] * missing, pens[:width] + [PLAIN] * missing)


@lru_cache(4096)
def _by_cell(text: str) -> tuple[str, ...]:
    if text.isascii():
        return tuple(text)
    found: list[str] = []
    for start, end, width in split_graphemes(text)[0]:
        if width:
            seen = text[start:end].translate(_ALONE)
            own = min(cell_len(seen), width)
            found += [seen, *[""] * (own - 1), *[" "] * (width - own)]
    return tuple(found)


@lru_cache(4096)
def _pen(style: Style, colours: ColorSystem) -> Pen:
    attributes: set[int] = set()
    foreground = background = ""
    numbers = iter(filter(None, Strip.render_ansi(style, colours).split(";")))
    for number in numbers:
        value = int(number)
        if value in (38, 48):
            kind = next(numbers)
            number = ";".join((number, kind, *(next(numbers) for _part in range(3 if kind == "2" else 1))))
        if value == 38 or 30 <= value < 38 or 90 <= value < 98:
            foreground = number
        elif value == 48 or 40 <= value < 48 or 100 <= value < 108:
            background = number
        elif value not in (39, 49):
            attributes.add(value)
    return Pen(frozenset(attributes), foreground, background)


@lru_cache(4096)
def on_blank(pen: Pen) -> Pen:
    """The part of a pen that is visible on blanks: not the colour and weight of letters."""
    return pen if pen.attributes & _SEEN_ON_BLANKS else Pen(background=pen.background)
