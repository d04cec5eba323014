"""What a terminal shows that was sent a frame, or changes between frames: pyte plays it."""

from functools import cache
from unicodedata import category, normalize

import pyte
from pyte.screens import Char

from tuibackup.tui.wire.frame import Frame, Pen


def terminal(width: int, height: int) -> tuple[pyte.Screen, pyte.Stream]:
    """A terminal as the cockpit sets it, without wrapping at the last column."""
    screen = pyte.Screen(width, height)
    screen.reset_mode(pyte.modes.DECAWM)
    return screen, pyte.Stream(screen)


def shown(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """What a person sees of each cell of the terminal."""
    rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
    for row in rows:
        for x, cell in enumerate(row):
            if (
                category(cell.data[:1] or " ") == "Mn"
            ):  # pyte keeps a wide character's mark in its second cell
                row[x - 1], row[x] = (
                    row[x - 1]._replace(data=row[x - 1].data + cell.data),
                    cell._replace(data=""),
                )
    return [[_seen(cell) for cell in row] for row in rows]


def whole(picture: Frame) -> list[list[tuple[object, ...]]]:
    """What a person is to see of each cell of the frame."""
    return [
        [
            _seen(_written(pen)._replace(data=normalize("NFC", text)))
            for text, pen in zip(row.texts, row.pens, strict=True)
        ]
        for row in picture
    ]


def _seen(cell: Char) -> tuple[object, ...]:
    """On blanks the colour and weight of letters are not seen."""
    letters = cell.data != " " or cell.reverse or cell.underscore
    return cell.data, cell.bg, cell.reverse, cell.underscore, *((cell.fg, cell.bold) if letters else ())


@cache
def _written(pen: Pen) -> Char:
    """A cell that was written with `pen`, all its codes sent."""
    screen, stream = terminal(1, 1)
    codes = [*map(str, sorted(pen.attributes)), pen.foreground or "39", pen.background or "49"]
    stream.feed(f"\x1b[{';'.join(codes)}mx")
    cell: Char = screen.buffer[0][0]
    return cell
