"""What commands print: aligned tables, marks, colours where a terminal shows them, JSON."""

import codecs
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from tuibackup.text import cells, shorten

# For terminals and files without UTF-8.
_PLAIN = {
    "√": "+", "×": "x", "►": ">", "▲": "^", "○": "o", "…": "...", "·": "-", "–": "-", "≤": "<=",
    "■": "#", "█": "#", "▓": "=", "░": ".", "─": "-", "│": "|", "→": "->", "’": "'",
}  # fmt: skip

MARKS = {
    "done": "√", "warnings": "▲", "failed": "×", "interrupted": "■", "fresh": "√", "due": "~", "overdue": "!",
    "never": "○", "running": "►", "waiting": "…",
}  # fmt: skip

_COLOURS = {
    "done": "32", "fresh": "32", "warnings": "33", "due": "33", "running": "36", "waiting": "36",
    "failed": "31", "interrupted": "31", "overdue": "31;1", "never": "35", "dim": "2", "bold": "1",
}  # fmt: skip


def plain_symbols(*streams: TextIO) -> None:
    """Make `streams` print lookalikes of what their encoding lacks, and never fail on a name."""
    codecs.register_error("tuibackup", _replaced)
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="tuibackup")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(character) or ascii(character)[1:-1] for character in bad)
    return plain, error.end


def coloured(stream: TextIO | None = None) -> bool:
    """Whether `stream` (default: stdout) shows colours: a terminal that can, and nobody said no."""
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def paint(text: str, state: str, on: bool) -> str:
    """`text` in the colour of a state, outcome, "dim" or "bold"."""
    code = _COLOURS.get(state)
    return f"\x1b[{code}m{text}\x1b[0m" if on and code and text else text


class Cell(str):
    """A table's cell with a colour; widths are counted without it."""

    __slots__ = ("state",)
    state: str

    def __new__(cls, text: str, state: str = "") -> "Cell":
        cell = super().__new__(cls, text)
        cell.state = state
        return cell


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], align: str = "") -> None:
    """Print rows below their heads, columns aligned ("<" or ">" each, default left).

    On a terminal the last column is cut so that no line breaks; in a file or pipe nothing is cut.
    """
    colour = coloured()
    align = align.ljust(len(heads), "<")
    widths = [max(cells(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    room = terminal_width() if sys.stdout.isatty() else 0
    for number, row in enumerate([[Cell(head, "dim") for head in heads], *rows]):
        if number == 0 and not any(heads):
            continue
        parts = []
        for column, text in enumerate(row):
            last = column == len(heads) - 1
            state = text.state if isinstance(text, Cell) else ""
            if last and room:
                text = shorten(text, max(8, room - sum(widths[:-1]) - 2 * (len(heads) - 1)))
            space = "" if last and align[column] == "<" else " " * (widths[column] - cells(text))
            shown = paint(text, state, colour)
            parts.append(space + shown if align[column] == ">" else shown + space)
        print("  ".join(parts).rstrip())


def terminal_width() -> int:
    """Columns of the terminal that stdout is; 80 where it is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return 80


def print_json(document: Any) -> None:
    """One JSON document on stdout. In ASCII: names from servers may hold what would steer a terminal."""
    print(json.dumps(document, indent=2))
