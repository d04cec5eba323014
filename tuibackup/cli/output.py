"""What commands print: aligned tables, marks, colours where a terminal shows them, JSON."""

import codecs
import json
import os
import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from time import monotonic
from typing import Any, TextIO

from tuibackup.cli import attended
from tuibackup.cli.columns import GAP, Shape, fit, line
from tuibackup.parts import with_parts
from tuibackup.text import cells, printable, shown, wrap

LOOKED_AT = 1000  # rows that decide the widths of a table's columns; further rows are printed as they come
_HANGING_LEAST = 24  # cells that a text needs beside its first word
_INDENT = 4
_SOON, _MUCH = 0.05, 1 << 16  # seconds, characters: so much of a list waits to be printed

# For terminals and files without UTF-8.
_PLAIN = {
    "√": "+", "×": "x", "►": ">", "▲": "^", "○": "o", "…": "...", "·": "-", "–": "-", "≤": "<=", "≠": "!=",
    "■": "#", "█": "#", "▓": "=", "▒": "-", "░": ".", "─": "-", "│": "|", "→": "->", "’": "'",
}  # fmt: skip

MARKS = {
    "done": "√", "warnings": "▲", "failed": "×", "interrupted": "■", "fresh": "√", "due": "~", "overdue": "!",
    "never": "○", "damaged": "≠", "running": "►", "waiting": "…", "unknown": "·",
}  # fmt: skip

_COLOURS = {
    "done": "32", "fresh": "32", "warnings": "33", "due": "33", "running": "36", "waiting": "36",
    "failed": "31", "damaged": "31", "interrupted": "31", "overdue": "31;1", "never": "35", "dim": "2", "bold": "1",
}  # fmt: skip


def plain_symbols(*streams: TextIO) -> None:
    """Make `streams` print similar characters for those that their encoding lacks, and never fail on a name."""
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
    """Whether `stream` (default: stdout) shows colours: it is a terminal that can, and NO_COLOR is not set."""
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
        cell = super().__new__(cls, shown(text))
        cell.state = state
        return cell


class Head(str):
    """A heading with a short form, used if the long one would be cut."""

    __slots__ = ("short",)
    short: str

    def __new__(cls, text: str, short: str) -> "Head":
        head = super().__new__(cls, text)
        head.short = short
        return head


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    align: str = "",
    shape: Shape | None = None,
    like: Sequence[Sequence[str]] = (),
) -> None:
    """Print rows below their heads, columns aligned ("<" or ">" each, default left); no more rows than are looked at
    are held at a time. Rows `like` these tell the widths, where the first one is not to wait for others.

    On a terminal it is fitted into its width by `shape`; in a file or pipe nothing is cut.
    """
    rows = iter(rows)
    first = [] if like else list(islice(rows, LOOKED_AT))
    colour = coloured()
    align = align.ljust(len(heads), "<")
    shape = shape or Shape(remark=len(heads) - 1)
    room = terminal_width() if sys.stdout.isatty() else sys.maxsize
    widths = fit(heads, like or first, room, shape)
    heads = [
        head.short if isinstance(head, Head) and cells(head) > widths.get(column, 0) else head
        for column, head in enumerate(heads)
    ]
    headings = [[Cell(head, "dim") for head in heads]] if any(heads) else []
    for row in chain(headings, first, rows):
        parts = []
        for column, fit_text in fitted(row, widths, shape).items():
            text, cell = shown(fit_text), row[column]
            space = " " * (widths[column] - cells(text))
            drawn = paint(text, cell.state if isinstance(cell, Cell) else "", colour)
            parts.append(space + drawn if align[column] == ">" else drawn + space)
        print((" " * GAP).join(parts).rstrip())


def fitted(row: Sequence[str], widths: Mapping[int, int], shape: Shape) -> Mapping[int, str]:
    """The texts of a row that are shown, by column: within their widths on a terminal, whole in a file or pipe."""
    return line(row, widths, shape) if sys.stdout.isatty() else {column: row[column] for column in widths}


def print_hanging(start: str, text: str, *, drawn: str = "", stream: TextIO | None = None) -> None:
    """Print `text` after `start` (`drawn`: as that is to be shown, with colours) on `stream` (default: stdout).

    On a terminal it goes on below its own beginning where the line is full, or near the left where that would leave
    too little room; in a file or pipe it is one line.
    """
    start, text, stream = shown(start), shown(text), stream or sys.stdout
    width = terminal_width(stream) if stream.isatty() else sys.maxsize
    indent = cells(start)
    if width - indent >= _HANGING_LEAST:
        lines = wrap(text, width - indent)
        lines[0] = start + lines[0]
    else:
        indent = _INDENT
        lines = wrap(start + text, width - indent, used=-indent)
    if drawn and lines[0].startswith(start):
        lines[0] = drawn + lines[0].removeprefix(start)
    print(f"\n{' ' * indent}".join(lines).rstrip(), file=stream, flush=True)


def say(text: str, start: str = "tuibackup: ") -> None:
    """A line for the person at the keyboard, on stderr."""
    print_hanging(start, text, stream=sys.stderr)


def terminal_width(stream: TextIO | None = None) -> int:
    """Columns of the terminal behind `stream` (default: stdout); 80 if it is not a terminal, or does not tell."""
    try:
        return os.get_terminal_size((stream or sys.stdout).fileno()).columns or 80
    except OSError:
        return 80


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, in ASCII, because names from servers may hold control characters."""
    print(json.dumps(_recorded(document), indent=2))


def _recorded(document: Any) -> Any:
    """A document, or a list of them, with what their sentences were made of."""
    if isinstance(document, list):
        return [_recorded(item) for item in document]
    return with_parts(document) if isinstance(document, dict) else document


def exact_name(key: str, value: bytes) -> dict[str, str]:
    """The exact text if it is UTF-8; otherwise readable text, with the bytes in base64 beside it."""
    try:
        return {key: value.decode()}
    except UnicodeDecodeError:
        return {key: printable(value), f"{key}-base64": b64encode(value).decode()}


class JsonList:
    """One JSON document on stdout, a list whose items are printed as they come; the same text as of `print_json`.

    `around`: the document is this object, with the list at its end as `key`. What is printed are always whole items.
    """

    def __init__(self, around: Mapping[str, Any] | None = None, key: str = "") -> None:
        self._start, self._end = "[", "]\n"
        if around is not None:
            start = json.dumps(around, indent=2).removesuffix("\n}") + "," if around else "{"
            self._start, self._end = f"{start}\n  {json.dumps(key)}: [", "]\n}\n"
        self._margin = "\n" if around is None else "\n  "
        self.begun = False  # whether there was an item; before that nothing is printed
        self._ready = ""
        self._printed = 0.0  # when something was printed last

    def add(self, item: Any) -> None:
        """Print one more, soon."""
        indent = self._margin + "  "
        self._ready += ("," if self.begun else self._start) + indent
        self._ready += json.dumps(_recorded(item), indent=2).replace("\n", indent)
        if not self.begun:
            attended.closing(self._margin + self._end)
        self.begun = True
        if monotonic() - self._printed > _SOON or len(self._ready) > _MUCH:
            self._print("")

    def end(self, more: Mapping[str, Any] | None = None) -> None:
        """Close the list and the document, with `more` keys behind the list."""
        end = self._end
        if more:
            end = "]" + json.dumps(more, indent=2).replace("{", ",", 1) + "\n"
        self._print((self._margin if self.begun else self._start) + end)
        attended.closing("")

    def _print(self, more: str) -> None:
        sys.stdout.write(self._ready + more)
        sys.stdout.flush()
        self._ready, self._printed = "", monotonic()


def print_json_list(items: Iterable[Any], around: Mapping[str, Any] | None = None, key: str = "") -> None:
    """Print the document of a `JsonList` with these items.

    If the first one raises, nothing has been printed yet; if another one does, the document is whole all the same.
    """
    printed = JsonList(around, key)
    try:
        for item in items:
            printed.add(item)
    except BaseException:
        if printed.begun:
            printed.end()
        raise
    printed.end()
