"""How a table is fitted into a terminal's width: names first, no line wraps, no two columns touch. Pure.

What gives way, in this order: long remarks down to a few words, headings down to what stands below them, the columns
that can be spared, the remarks at all, and only then the names, cut in their middle.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tuibackup.text import cells, shorten

GAP = 2
_REMARK_LEAST = 16
_NAME_LEAST = 8


class Shape(NamedTuple):
    """How a table's columns give way: `name` is always shown, `remark` is cut first (None: no such column), and
    `spare` are left out in their order."""

    name: int = 0
    remark: int | None = None
    spare: tuple[int, ...] = ()


def fit(heads: Sequence[str], rows: Sequence[Sequence[str]], room: int, shape: Shape) -> dict[int, int]:
    """The width of each column that is shown, by its number, for lines of at most `room` cells."""
    below = [max((cells(row[column]) for row in rows), default=0) for column in range(len(heads))]
    full = [max(cells(head), width) for head, width in zip(heads, below, strict=True)]
    shown = dict(enumerate(full))
    remark = shape.remark
    if remark is not None and _needs(shown) > room:
        shown[remark] = min(full[remark], max(_REMARK_LEAST, room - _needs(shown, without=(remark,)) - GAP))
    if _needs(shown) > room:
        for column in shown:
            if column != remark:
                shown[column] = max(1, below[column])
    for column in (*shape.spare, *(() if remark is None else (remark,))):
        if _needs(shown) > room:
            del shown[column]
    _stretch(shown, full, room, remark)
    over = _needs(shown) - room
    if over > 0:
        shown[shape.name] = max(_NAME_LEAST, shown[shape.name] - over)
    return shown


def line(row: Sequence[str], widths: Mapping[int, int], shape: Shape) -> dict[int, str]:
    """The texts of a row that are shown, each within its column."""
    return {
        column: shorten(row[column], width, middle=column == shape.name) for column, width in widths.items()
    }


def _needs(shown: dict[int, int], without: Collection[int] = ()) -> int:
    widths = [width for column, width in shown.items() if column not in without]
    return sum(widths) + GAP * (len(widths) - 1)


def _stretch(shown: dict[int, int], full: Sequence[int], room: int, remark: int | None) -> None:
    """Give what is left to the headings, and then to the remark."""
    for column in (*(one for one in shown if one != remark), *((remark,) if remark in shown else ())):
        if column is not None:
            shown[column] = min(full[column], shown[column] + max(0, room - _needs(shown)))
