"""From one frame to the next with few bytes: only cells that differ, with the shortest moves and colour codes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tuibackup.tui.wire.frame import PLAIN, Frame, Pen, Row, on_blank

_CLEARED = "\x1b[m\x1b[H\x1b[2J"
# The codes that end an attribute: bold and dim share one number.
_OFF = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29, 21: 24, 51: 54, 52: 54, 53: 55}


@dataclass(slots=True)
class Pencil:
    """Where the terminal writes next, and how. `x` None: not known, after a character of uncertain width."""

    x: int | None = 0
    y: int = 0
    pen: Pen = PLAIN


def cleared(pencil: Pencil) -> str:
    """The bytes that clear the screen."""
    pencil.x, pencil.y, pencil.pen = 0, 0, PLAIN
    return _CLEARED


def changes(before: Frame, after: Frame, pencil: Pencil) -> str:
    """The bytes that turn a screen with `before` into one with `after`, of the same size. Moves `pencil`."""
    written: list[str] = []
    for y, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        for start, end in _runs(old, new):
            written.append(_moved(pencil, start, y, new))
            _write(written, new, start, end, pencil)
    return "".join(written)


def _runs(old: Row, new: Row) -> Iterator[tuple[int, int]]:
    """Where the rows differ: from, to (exclusive)."""
    start: int | None = None
    for x, differs in enumerate(
        a != b or p != q for a, b, p, q in zip(old.texts, new.texts, old.pens, new.pens, strict=True)
    ):
        if differs and start is None:
            start = x
        elif not differs and start is not None:
            yield start, x
            start = None
    if start is not None:
        yield start, len(new.texts)


def _write(written: list[str], row: Row, start: int, end: int, pencil: Pencil) -> None:
    """Write the cells `start` to `end` of `row`; the pencil is there."""
    for x in range(start, end):
        text = row.texts[x]
        if not text:
            continue  # the second cell of a wide character
        if pencil.x is None:
            written.append(_moved(pencil, x, pencil.y, row))
        pen = _needed(text, row.pens[x], pencil.pen)
        if pen != pencil.pen:
            written.append(_turned(pencil.pen, pen))
            pencil.pen = pen
        written.append(text)
        # Terminals disagree about the width of these, so the position is unknown after them.
        certain = len(text) == 1 and row.texts[x + 1 : x + 2] != [""]
        pencil.x = x + 1 if certain and x + 1 < len(row.texts) else None


def _moved(pencil: Pencil, x: int, y: int, row: Row) -> str:
    """The shortest way to (x, y) of the frame, whose row there is `row`."""
    at, line = pencil.x, pencil.y
    pencil.x, pencil.y = x, y
    ways = [f"\x1b[{y + 1 if y else ''}{f';{x + 1}' if x else ''}H"]
    if line == y:
        if at == x:
            return ""
        ways.append(f"\x1b[{x + 1 if x else ''}G")
        if at is not None and at < x:
            ways.append(f"\x1b[{x - at if x - at > 1 else ''}C")
            if (between := _again(row, at, x, pencil.pen)) is not None:
                ways.append(between)
        elif at is not None:
            ways.append("\b" * (at - x))
    elif at is not None and at == x and y > line:
        ways.append(f"\x1b[{y - line if y - line > 1 else ''}B")
    if x == 0:
        ways += ["\r" + "\n" * (y - line)] if y >= line else []
    return min(ways, key=_length)


def _length(way: str) -> int:
    """Bytes on the wire: the terminal's driver puts a return before each newline."""
    return len(way.encode()) + way.count("\n")


def _again(row: Row, start: int, end: int, pen: Pen) -> str | None:
    """Unchanged cells written again, if that needs no other pen."""
    texts = row.texts[start:end]
    fits = all(_needed(text, own, pen) == pen for text, own in zip(texts, row.pens[start:end], strict=True))
    return "".join(texts) if fits and all(len(text) == 1 for text in texts) else None


def _needed(text: str, pen: Pen, held: Pen) -> Pen:
    """The pen to write a cell with: on blanks the colour and weight of letters are not seen, and may stay."""
    if text != " " or pen.attributes or on_blank(held).attributes:
        return pen
    return held if held.background == pen.background else held._replace(background=pen.background)


@lru_cache(1024)
def _turned(old: Pen, new: Pen) -> str:
    """The codes from one pen to another: what differs, or everything after a reset, whichever is shorter."""
    fresh = [str(number) for number in sorted(new.attributes)]
    fresh += [colour for colour in (new.foreground, new.background) if colour]
    gone = {_OFF[number] for number in old.attributes - new.attributes}
    differing = [str(number) for number in sorted(gone)]
    differing += [
        str(number) for number in sorted(new.attributes)
        if number not in old.attributes or _OFF[number] in gone
    ]  # fmt: skip
    if new.foreground != old.foreground:
        differing.append(new.foreground or "39")
    if new.background != old.background:
        differing.append(new.background or "49")
    ways = (";".join(["", *fresh] if fresh else []), ";".join(differing))
    return f"\x1b[{min(ways, key=len)}m"
