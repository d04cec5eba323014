"""A config.toml that is no TOML, read all the same: every line that is wrong is named, in plain words.

A parser stops at the first such line. Here that line is mended as it was most likely meant, or left out, and the rest
is read too, so that all that is wrong can be said at once. Nothing that was mended is ever used: it is only looked at.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tuibackup.words import sentence

_MOST = 100  # lines that are mended; then we say that there may be more
_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"', "‘": "'", "’": "'", "‚": "'"}
)
_SPACES = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u202f\u3000", " ") | dict.fromkeys("\u200b\u2060\ufeff", "")
)
_SETTING = re.compile(r"""(\s*)((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*([=:])\s*(.*)""")
_WORD = re.compile(r"""[^\s"'#\[\]{},][^"'#\[\]{}]*""")
_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)
_PLAIN = {
    "Invalid value": sentence("the value is neither text in quotes, a number, true or false, nor a list"),
    "Invalid statement": sentence("is neither a [table], a key = value, nor a # comment"),
    "Unclosed array": sentence("a list is not closed: its ] is missing"),
    "Unclosed inline table": sentence("its } is missing"),
    "Unterminated string": sentence("a quote is missing at the end of the text"),
}


Edits = dict[int, str | None]  # lines, from 1, and what is read instead; None: the line is left out


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a line (from 1), and the way out. `key`: what is set there; "" where that is not known."""

    line: int
    problem: str
    way_out: str = ""
    key: str = ""


class Mended(msgspec.Struct):
    """The text after mending, line by line as it was, and what it says. `dropped`: keys that were left out."""

    text: str
    values: Mapping[str, Any] = msgspec.field(default_factory=dict)
    faults: list[Fault] = msgspec.field(default_factory=list)
    dropped: set[str] = msgspec.field(default_factory=set)


def read(text: str) -> Mended:
    """The values of `text`, and every line of it that is no TOML. Raises RecursionError: nested too deeply."""
    mended = Mended(text)
    lines = text.split("\n")
    touched: set[int] = set()
    while True:
        mended.text = "\n".join(lines)
        try:
            mended.values = tomllib.loads(mended.text)
            return mended
        except tomllib.TOMLDecodeError as error:
            number, what = _place(str(error), lines)
        if len(touched) >= _MOST:
            mended.faults.append(Fault(number, sentence("fix what is above first; more may follow")))
            mended.text = ""
            return mended
        fault, edits = _mend(lines, number, what)
        if touched.issuperset(edits):  # it did not help
            edits = dict.fromkeys(edits)
        else:
            touched.update(edits)
            mended.faults.append(fault)
        for at, new in edits.items():
            if new is None and (match := _SETTING.match(lines[at - 1])):
                mended.dropped.add(match[2])
            lines[at - 1] = new or ""


def _place(said: str, lines: list[str]) -> tuple[int, str]:
    """Line and message of tomllib's "Expected '=' … (at line 3, column 5)"."""
    match = _PLACE.fullmatch(said)
    what, line = match.groups() if match else (said, None)
    last = next((number for number in range(len(lines), 0, -1) if lines[number - 1].strip()), 1)
    number = int(line) if line else last
    return min(number, len(lines)), what


def _mend(lines: list[str], number: int, what: str) -> tuple[Fault, Edits]:
    """What is wrong, and what the lines were most likely meant to be (None: unknown)."""
    if twice := _twice(lines, number, what):
        return twice
    if what == "Unclosed array":
        number = _opened(lines, number)
    for at in (number, number - 1):  # what is not closed is noticed on the next line
        if at >= 1 and (found := _look(lines[at - 1], at, what)):
            fault, new = found
            return fault, {at: new}
    plain = _PLAIN.get(what, what[:1].lower() + what[1:])
    return Fault(number, sentence("not valid TOML: {plain}", plain=plain)), {number: None}


def _look(line: str, number: int, what: str) -> tuple[Fault, str] | None:
    for problem, way_out, new in _guesses(line, what):
        if new != line and _is_toml(new):
            match = _SETTING.match(line)
            return Fault(number, problem, way_out, match[2] if match else ""), new
    return None


def _is_toml(line: str) -> bool:
    try:
        tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _guesses(line: str, what: str) -> Iterator[tuple[str, str, str]]:
    """(problem, way out, the line without it), the likeliest first; a line may have several faults."""
    if _is_toml(line):
        return
    if line.translate(_SPACES) != line:
        problem, way_out = (
            sentence("an invisible sign or a special space, such as web pages have"),
            sentence("type the line again"),
        )
        yield problem, way_out, line.translate(_SPACES)
        line = line.translate(_SPACES)
    if line.translate(_QUOTES) != line:
        problem, way_out = sentence("typographic quotes, such as “ ”"), sentence('write plain ones: "…"')
        straight = line.translate(_QUOTES)
        yield problem, way_out, straight
        for _problem, _way_out, new in _guesses(straight, what):
            yield problem, way_out, new
    if line.lstrip().startswith("["):
        bare = line.split("#")[0].rstrip()
        opened = len(bare.lstrip()) - len(bare.lstrip().lstrip("["))
        yield (
            sentence("the ] at the end is missing"),
            sentence("write it as [table]"),
            bare.rstrip("]") + "]" * opened,
        )
        name = bare.strip(" []")
        way_out = sentence("letters, digits, - and _ need no quotes; put quotes around a name with others")
        before, _dot, last = name.rpartition(".")
        yield (
            sentence("the name of this table cannot be read"),
            way_out,
            f'[{before}."{last}"]' if before else f'["{name}"]',
        )
        return
    match = _SETTING.fullmatch(line)
    if match is None:
        if pair := re.fullmatch(r"(\s*[\w-]+)\s+([\"'\[\w].*)", line):
            key = pair[1].strip()
            for new in (f"{pair[1]} = {pair[2]}", f'{pair[1]} = "{pair[2].strip()}"'):
                yield sentence("an = is missing between the key and its value"), f"{key} = …", new
        return
    indent, key, sign, value = match.groups()
    start = f"{indent}{key} = "
    if sign == ":":
        for new in (start + value, f'{start}"{_bare(value)}"'):
            yield sentence("a colon stands where an = belongs"), f"{key} = …", new
    bare = _bare(value)
    if bare.lower() in _TRUTH:
        word = _TRUTH[bare.lower()]
        yield (
            sentence("{bare} is no value", bare=bare),
            sentence("write {key} = {word}", key=key, word=word),
            start + word,
        )
    if not bare:
        yield (
            sentence("the value is missing"),
            sentence("write it behind the =, or take {key} out", key=key),
            f"#{line}",
        )
    if bare.isdigit() and bare.startswith("0"):
        yield (
            sentence("a number has no zeros in front"),
            sentence("leave them out"),
            start + (bare.lstrip("0") or "0"),
        )
    if "\\" in value and '"' in value:
        way_out = sentence(
            "write it twice (\\\\), or put single quotes around the text: {key} = '…'", key=key
        )
        yield sentence("a single backslash in double quotes"), way_out, start + value.replace('"', "'")
        yield sentence("a single backslash in double quotes"), way_out, start + value.replace("\\", "\\\\")
    if value.startswith("["):
        yield from _lists(start, key, value)
    for quote in "\"'":
        if value.startswith(quote):
            text = value.strip().strip(quote)
            problem = (
                sentence("a quote is missing at the end of the text") if value.count(quote) < 2 else _AFTER
            )
            yield (
                problem,
                sentence("write it as {key} = {quote}…{quote}", key=key, quote=quote),
                f"{start}{quote}{text.split(quote)[0]}{quote}",
            )
        elif value.endswith(quote) and value.count(quote) == 1:
            problem = sentence("a quote is missing in front of the text")
            yield (
                problem,
                sentence("write it as {key} = {quote}…{quote}", key=key, quote=quote),
                start + quote + value,
            )
    if _WORD.fullmatch(bare):
        yield (
            sentence("text must stand in quotes"),
            sentence('write it as {key} = "…"', key=key),
            f"{start}'{bare}'",
        )
    elif bare and not value.startswith(("[", "{")):
        way_out = sentence(
            "write it as {key} = \"…\", or as {key} = '…' where the text has double quotes in it", key=key
        )
        quoted = bare.replace("\\", "").replace('"', "").replace("'", "")
        yield sentence("text must stand in quotes, alone on its line"), way_out, f'{start}"{quoted}"'


_AFTER = sentence("something stands behind the text")


def _lists(start: str, key: str, value: str) -> Iterator[tuple[str, str, str]]:
    inside = _bare(value).strip("[] ")
    quoted = re.findall(r"\"[^\"]*\"|'[^']*'", inside)
    if quoted and not re.sub(r"\"[^\"]*\"|'[^']*'", "", inside).strip(" ,"):
        closed = f"{start}[{', '.join(quoted)}]"
        if not _bare(value).endswith("]"):
            yield (
                sentence("a list is not closed: its ] is missing"),
                sentence('write it as {key} = ["…", "…"]', key=key),
                closed,
            )
        yield (
            sentence("a comma is missing between two entries"),
            sentence('write it as {key} = ["…", "…"]', key=key),
            closed,
        )
    words = [word.strip(" \"'") for word in inside.split(",")]
    entries = ", ".join(f"'{word}'" for word in words if word)
    yield (
        sentence("each entry of a list stands in quotes"),
        sentence('write it as {key} = ["…", "…"]', key=key),
        f"{start}[{entries}]",
    )


def _bare(value: str) -> str:
    """A value that has no quotes, without the comment behind it."""
    return re.split(r"\s#", value, maxsplit=1)[0].strip() if not value.startswith("#") else ""


def _twice(lines: list[str], number: int, what: str) -> tuple[Fault, Edits] | None:
    """A table, or a key, that is there twice."""
    line = lines[number - 1]
    if (declared := re.match(r"Cannot declare \((.*?),?\) twice", what)) and "[" in line:
        name = ".".join(part.strip(" '\"") for part in declared[1].split(","))
        first = _first(lines, number, lambda text: text.split("#")[0].strip() == line.split("#")[0].strip())
        fault = Fault(
            number,
            sentence("the table [{name}] is there twice{first}", name=name, first=first),
            sentence("put everything into one of the two"),
        )
        after = range(number + 1, len(lines) + 1)
        end = next((at for at in after if lines[at - 1].lstrip().startswith("[")), len(lines) + 1)
        return fault, dict.fromkeys(range(number, end))
    if what in ("Cannot overwrite a value", "Cannot mutate immutable namespace") or "twice" in what:
        key = match[2] if (match := _SETTING.match(line)) else line.strip()
        first = _first(lines, number, lambda text: re.match(rf"\s*{re.escape(key)}\s*=", text) is not None)
        return Fault(
            number,
            sentence("{key} is there twice{first}", key=key, first=first),
            sentence("keep one of the two"),
        ), {number: ""}
    return None


def _first(lines: list[str], number: int, is_it: Any) -> str:
    """Where the other one stands: the nearest before it."""
    for before in range(number - 1, 0, -1):
        if is_it(lines[before - 1]):
            return sentence(", first in line {before}", before=before)
    return ""


def _opened(lines: list[str], number: int) -> int:
    """The line on which the list begins that is not closed at `number`."""
    for before in range(number, 0, -1):
        if re.search(r"=\s*\[", lines[before - 1]):
            return before
    return number
