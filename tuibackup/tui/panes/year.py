"""A year of one server as lines: a cell a week of the files, a cell a month of the databases; sizes and times."""

from collections.abc import Callable, Sequence

from tuibackup.overview.bars import ENDED, bars
from tuibackup.overview.past import Cell, Past
from tuibackup.overview.picture import clock_word
from tuibackup.sop import Clock
from tuibackup.text import cells, duration, size
from tuibackup.tui.lines import Line, Span, cut, left
from tuibackup.words import _

_LABEL = 12  # cells in front of a line of signs
_GAP = 2


def year_lines(past: Past, room: int) -> list[Line]:
    """The lines of both clocks, as far as something was ever tried; the newest cells where not all have room."""
    lines: list[Line] = []
    for clock in Clock:
        year = past.cells.get(clock, ())
        if not any(cell.tries for cell in year):
            continue
        shown = year[-max(1, room - _LABEL) :]
        parts = [
            _part(clock_word(clock), [_ended(cell) for cell in shown]),
            _measured(_("size"), shown, [cell.bytes for cell in shown], size),
            _measured(_("took"), shown, [cell.seconds for cell in shown], duration),
        ]
        lines += _side_by_side([part for part in parts if part], room)
    return lines


def _part(label: str, signs: Sequence[Span], end: str = "") -> Line:
    return ((left(label, _LABEL), "muted"), *_joined(signs), (f"  {end}" if end else "", "muted"))


def _ended(cell: Cell) -> Span:
    return ENDED[cell.outcome], cell.outcome.value if cell.outcome else "muted"


def _joined(signs: Sequence[Span]) -> list[Span]:
    """Neighbours of one style as one span: each change of style takes bytes on the wire."""
    joined: list[Span] = []
    for text, style in signs:
        if joined and joined[-1][1] == style:
            joined[-1] = joined[-1][0] + text, style
        else:
            joined.append((text, style))
    return joined


def _measured(
    label: str, shown: Sequence[Cell], values: Sequence[float | None], words: Callable[[float], str]
) -> Line:
    most = max((value for value in values if value is not None), default=None)
    if most is None:
        return ()
    return _part(f"  {label}", [(bars(values), "")], f"≤ {words(most)}")


def _side_by_side(parts: Sequence[Line], room: int) -> list[Line]:
    """All in one line if that has room for them, else a line each."""
    whole: list[Span] = []
    for part in parts:
        whole += [(" " * _GAP, "")] if whole else []
        whole += part
    if sum(cells(text) for text, _style in whole) <= room:
        return [tuple(whole)]
    return [cut(part, room) for part in parts]
