"""From one frame to the next with few bytes: only cells that differ, with the shortest moves and colour codes.

Colours take more bytes than places: `38;5;188` is eleven, a move mostly two to six. So the cells are cut into pieces of
one pen, and all pieces of a pen are written one after the other, wherever they stand, if that is shorter than going
through the rows. Blanks take any pen with their background, and many of them are erased with one code.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tuibackup.tui.wire.frame import PLAIN, Frame, Pen, Row, blank, certain, on_blank
from tuibackup.tui.wire.moves import At, moved, turned

_CLEARED = "\x1b[m\x1b[H\x1b[2J"
_TO_THE_END = "\x1b[K"  # erases from here to the end of the row
_MANY = 9  # blanks that are a piece of their own: to erase them and to go past them takes as many bytes


class Able(NamedTuple):
    """What a terminal can beyond the usual, as its terminfo says."""

    erases: bool = False  # so many cells from here ("ech")
    paints: bool = False  # what it erases gets the background of the pen ("bce")


class Piece(NamedTuple):
    """Cells of row `y` from `start` to `end` that one pen writes; `blank` if all of them are blanks."""

    y: int
    start: int
    end: int
    pen: Pen
    blank: bool


class Written(NamedTuple):
    """The bytes of a piece, with the way to it, and where the terminal writes next."""

    piece: Piece
    text: str
    at: At


def cleared(frame: Frame, able: Able) -> tuple[str, Frame, At]:
    """The bytes that clear a screen of the size of `frame`, what it shows then, and where the terminal writes next."""
    width, height = len(frame[0].texts), len(frame)
    pen = on_blank(frame[0].pens[0])
    if not able.paints or pen == PLAIN or pen.attributes:
        return _CLEARED, blank(width, height), At()
    painted = "\n".join([_TO_THE_END] * height)
    return _CLEARED + turned(PLAIN, pen) + painted, blank(width, height, pen), At(0, height - 1, pen)


def changes(shown: Frame, wanted: Frame, at: At, able: Able, most: int | None = None) -> tuple[str, At]:
    """The bytes that turn a screen that shows `shown` into one that shows `wanted`, of the same size.

    With `most` only about that many of them. `shown` is changed into what the terminal shows then.
    """
    pieces = [
        piece
        for y, (old, new) in enumerate(zip(shown, wanted, strict=True)) if old != new
        for start, end in _runs(old, new)
        for piece in _pieces(y, new, start, end)
    ]  # fmt: skip
    orders = (pieces, _by_pen(pieces, at.pen))
    ways = [list(_written(order, wanted, at, able)) for order in orders]
    text = ""
    for piece, more, after in min(ways, key=_length):
        if most is not None and len(text) >= most:
            break
        text += more
        at = after
        old, new, cells = shown[piece.y], wanted[piece.y], slice(piece.start, piece.end)
        old.texts[cells], old.pens[cells] = new.texts[cells], new.pens[cells]
    return text, at


def _length(way: Iterable[Written]) -> int:
    return sum(len(one.text) for one in way)


def _runs(old: Row, new: Row) -> Iterator[tuple[int, int]]:
    """Where the rows differ: from, to (exclusive). Never from the second cell of a wide character."""
    start: int | None = None
    for x, differs in enumerate(
        a != b or p != q for a, b, p, q in zip(old.texts, new.texts, old.pens, new.pens, strict=True)
    ):
        if differs and start is None:
            start = x if new.texts[x] else x - 1
        elif not differs and start is not None and new.texts[x]:
            yield start, x
            start = None
    if start is not None:
        yield start, len(new.texts)


def _pieces(y: int, row: Row, start: int, end: int) -> Iterator[Piece]:
    """The cells of `row` from `start` to `end`, cut where the pen must change and around many blanks."""
    piece = Piece(y, start, start, row.pens[start], True)
    x = start
    while x < end:
        pen, empty = row.pens[x], _is_blank(row, x)
        stop = x + 1
        if empty:
            while stop < end and _is_blank(row, stop) and row.pens[stop] == pen:
                stop += 1
        else:
            while stop < end and row.pens[stop] == pen and not _is_blank(row, stop):
                stop += 1
        alone = empty and (stop - x >= _MANY or stop == len(row.texts))
        fits = piece.pen == pen or (_seen_alike(piece.pen, pen) and (empty or piece.blank))
        if piece.end > piece.start and (alone or not fits):
            yield piece
            piece = Piece(y, x, x, pen, True)
        if alone:
            yield Piece(y, x, stop, pen, True)
            piece = Piece(y, stop, stop, PLAIN, True)
        elif piece.end == piece.start or not empty:
            piece = Piece(y, piece.start, stop, pen, empty)
        else:
            piece = piece._replace(end=stop)
        x = stop
    if piece.end > piece.start:
        yield piece


def _is_blank(row: Row, x: int) -> bool:
    return row.texts[x] == " " and not row.pens[x].attributes


def _seen_alike(one: Pen, other: Pen) -> bool:
    """Whether blanks look the same with both pens."""
    return on_blank(one) == on_blank(other)


def _by_pen(pieces: Sequence[Piece], held: Pen) -> list[Piece]:
    """Together what one pen writes; blanks beside what stood before them."""
    groups: dict[Pen, list[Piece]] = {held: []}
    last = held
    for piece in pieces:
        if not (piece.blank and _seen_alike(piece.pen, last)):
            last = piece.pen
        groups.setdefault(last, []).append(piece)
    order: list[Piece] = []
    while groups:
        held = min(groups, key=lambda pen: len(turned(held, pen)))
        order += groups.pop(held)
    return order


def _written(pieces: Iterable[Piece], frame: Frame, at: At, able: Able) -> Iterator[Written]:
    for piece in pieces:
        row = frame[piece.y]
        again = _again(at, piece, row)
        pen = at.pen if piece.blank and _seen_alike(piece.pen, at.pen) else piece.pen
        text = (again or moved(at.x, at.y, piece.start, piece.y)) + turned(at.pen, pen)
        erased = _erased(piece, row, able) if piece.blank else ""
        more, x = (erased, piece.start) if erased else _letters(piece, row)
        at = At(x, piece.y, pen)
        end = len(row.texts) if erased == _TO_THE_END else piece.end
        yield Written(piece._replace(start=piece.start - len(again), end=end), text + more, at)


def _again(at: At, piece: Piece, row: Row) -> str:
    """The cells before the piece, if they need no other pen and are shorter than a move: they are written again."""
    if at.y != piece.y or at.x is None or at.x >= piece.start:
        return ""
    if piece.start - at.x > len(moved(at.x, at.y, piece.start, piece.y)):
        return ""
    cells = slice(at.x, piece.start)
    fits = all(
        len(text) == 1 and text.isascii() and (pen == at.pen or (text == " " and _seen_alike(pen, at.pen)))
        for text, pen in zip(row.texts[cells], row.pens[cells], strict=True)
    )
    return "".join(row.texts[cells]) if fits else ""


def _erased(piece: Piece, row: Row, able: Able) -> str:
    """The code that blanks the piece, "" if there is none or blanks are shorter."""
    if piece.pen.attributes or (piece.pen != PLAIN and not able.paints):
        return ""
    count = piece.end - piece.start
    to_the_end = all(_is_blank(row, x) and row.pens[x] == piece.pen for x in range(piece.end, len(row.texts)))
    code = _TO_THE_END if to_the_end else f"\x1b[{count}X" if able.erases else ""
    return code if len(code) < count else ""


def _letters(piece: Piece, row: Row) -> tuple[str, int | None]:
    """The cells of a piece, and the column after them."""
    cells = row.texts[piece.start : piece.end]
    text = "".join(cells)
    at: int | None = piece.end
    if len(text) != len(cells) or "" in cells:
        text, at = "", piece.start
        for x, own in enumerate(cells, piece.start):
            if own:  # else the second cell of a wide character
                if at is None:
                    text += moved(None, piece.y, x, piece.y)
                width = 2 if row.texts[x + 1 : x + 2] == [""] else 1
                sure = certain(own, width)
                if (
                    not sure and width > 1
                ):  # a terminal may take it for a narrow one, and show what was there before
                    text += " " * width + moved(None, piece.y, x, piece.y)
                at = x + width if sure else None
                text += own
    return text, at if at is None or at < len(row.texts) else None
