"""Which line of a TOML file a key stands on. tomllib tells that only for broken syntax.

The text must have passed tomllib before: the scanner knows the grammar just well enough to skip values. Keys
inside an inline table or an array are not listed; `line_of` then answers with the line of what holds them.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tuibackup.words import sentence

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r"""\"{3}(?:[^\\]|\\.)*?"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"""[^"'\[\]{}#\n]+""")

Path = tuple[str, ...]


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, from 1, on which `path` is set, or else the table or key around it; None at the top."""
    lines = locate(text)
    for length in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:length]))) is not None:
            return line
    return None


def locate(text: str) -> Mapping[Path, int]:
    """The first line of every key and table of a valid TOML text, by its full path."""
    found: dict[Path, int] = {}
    for one in statements(text):
        line = text.count("\n", 0, one.start) + 1
        for length in range(1, len(one.path) + 1):
            found.setdefault(one.path[:length], line)
    return found


class Statement(NamedTuple):
    """A header or a key with its value, by its full path. Positions in the text; `value` is `end` for a header."""

    path: Path
    is_header: bool
    start: int
    value: int
    end: int  # a comment behind it is not part of it


def statements(text: str) -> Iterator[Statement]:
    """Every statement of a valid TOML text, in its order."""
    table: Path = ()
    position = 0
    while (position := _skip(_BLANK, text, position)) < len(text):
        start = position
        is_header = text[position] == "["
        if is_header:
            position += 2 if text.startswith("[[", position) else 1
        keys, position = _dotted(text, position)
        path = keys if is_header else table + keys
        if is_header:
            table = path
            position = text.index("]", position) + 1
            position += text.startswith("]", position)
            yield Statement(path, True, start, position, position)
        else:
            value = _skip(_SPACE, text, text.index("=", position) + 1)
            position = _after_value(text, value)
            yield Statement(path, False, start, value, position)


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _dotted(text: str, position: int) -> tuple[Path, int]:
    """The keys of `a."b.c".d` and the position after them."""
    keys = []
    while True:
        position = _skip(_SPACE, text, position)
        if match := _BARE.match(text, position):
            keys.append(match[0])
        elif match := _STRING.match(text, position):
            keys.append(str(tomllib.loads(f"key = {match[0]}")["key"]))
        else:
            raise ValueError(
                sentence("not a key at {position}: the text is no valid TOML", position=position)
            )
        position = _skip(_SPACE, text, match.end())
        if not text.startswith(".", position):
            return tuple(keys), position
        position += 1


def _after_value(text: str, position: int) -> int:
    """The end of the value; lists and inline tables may hold line breaks."""
    depth = 0
    end = position
    while position < len(text):
        character = text[position]
        if character in "\n#" and not depth:
            break
        if match := _STRING.match(text, position):
            end = position = match.end()
        elif character == "#":
            position = (text.find("\n", position) + len(text) + 1) % (len(text) + 1)
        elif character in "[]{}\n":
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
            end = position = position + 1
        else:
            position = max(position + 1, _skip(_PLAIN, text, position))
            end = position - len(text[end:position]) + len(text[end:position].rstrip())
    return end
