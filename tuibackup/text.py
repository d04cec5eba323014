"""Safe text and units: what a person sees of names, sizes and times. Numbers are sentences (`words`).

`printable` cleans every string that comes from a server; no face shows one otherwise. The rest turns numbers
into short words. Nothing here knows a terminal: widths are counted in cells, colours do not occur.
"""

import unicodedata
from datetime import datetime, tzinfo
from functools import lru_cache

from tuibackup.words import _, amount, in_language, joined, ngettext

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def printable(value: str | bytes) -> str:
    r"""`value` on one line and without anything that could steer a terminal or mislead the reader.

    Control characters, ESC, line breaks, bidirectional and other invisible characters, odd spaces and code
    points without a glyph become `\xNN`, `\uNNNN` or `\UNNNNNNNN`; so do bytes that are no UTF-8. For showing
    only: a backslash in a name is left as it is, so the text does not lead back to the bytes.
    """
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def shown(text: str) -> str:
    """`text` as every face shows it: a sentence in the language in use, and on one line that steers no terminal.

    What comes through here was often cleaned before; a name that was forgotten on its way is cleaned now.
    """
    return printable(in_language(text))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode or we could not decode
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def size(count_of_bytes: float) -> str:
    """Bytes in binary units, at most eight cells: "0 B", "9.8 KiB", "281 MiB", "1.2 TiB"."""
    bytes_ = max(0.0, float(count_of_bytes))
    for unit in _UNITS:
        # The limit lies where rounding would give 1024 of a unit.
        if bytes_ < 1023.5 or unit == _UNITS[-1]:
            break
        bytes_ /= 1024
    if unit != "B" and bytes_ < 9.95:
        return amount(f"{{number}} {unit}", round(bytes_, 1))
    return f"{bytes_:.0f} {unit}"


def rate(bytes_per_second: float) -> str:
    """Bytes per second: "84 MiB/s"."""
    return joined("", (size(bytes_per_second), "/s"))


def duration(seconds: float) -> str:
    """Whole seconds, rounded down: "0:04", "1:12", "1:02:03"."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def count(number: int) -> str:
    """A number with its thousands apart: "14,210"."""
    return amount("{number}", number) if number >= 1000 else str(number)


def tenths(number: float) -> str:
    """A number with one decimal: "0.4"."""
    return amount("{number}", round(number, 1))


def numbered(number: int, noun: str, plural: str = "") -> str:
    """So many of something, in English: for what is recorded. "1 file", "14,210 files", "2 queries"."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def unit_word(unit: str, number: int) -> str:
    """What so many of a `Progress`' items are called, in the language in use."""
    match unit:
        case "files":
            return ngettext("file", "files", number)
        case "tables":
            return ngettext("table", "tables", number)
        case "databases":
            return ngettext("database", "databases", number)
        case _:
            return unit


def when(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Local time, with the date where it is not today, and the year where it is not this one.

    "08:31", "21 Nov 16:02", "21 Nov 2025". `zone` None is the system's.
    """
    moment, now = moment.astimezone(zone), now.astimezone(zone)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    day = f"{moment.day} {_months()[moment.month - 1]}"
    return f"{day} {moment:%H:%M}" if moment.year == now.year else f"{day} {moment.year}"


def _months() -> tuple[str, ...]:
    return (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"),
        _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )  # fmt: skip


def cells(text: str) -> int:
    """How many terminal cells `text` takes as it is shown: combining marks none, wide characters two."""
    text = shown(text)
    return len(text) if text.isascii() else sum(map(_cell, text))


@lru_cache(4096)
def _cell(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def shorten(text: str, width: int, *, middle: bool = False) -> str:
    """`text` in at most `width` cells, cut with … at the end, or in the middle (for paths).

    What fits stays what it is, also a sentence that is still to be recorded; what is cut is in the language in use.
    """
    if cells(text) <= width:
        return text
    text = shown(text)
    if width < 1:
        return ""
    tail = (width - 1) // 2 if middle else 0
    return _head(text, width - 1 - tail) + "…" + _tail(text, tail)


def wrap(text: str, width: int, used: int = 0) -> list[str]:
    """`text` as it is shown in lines of at most `width` cells, broken at spaces; `used` of the first are taken already.

    A word that is longer than a line begins where it stands and is cut, with nothing put between its pieces: paths and
    fingerprints are copied.
    """
    text, width = shown(text), max(1, width)
    lines, room, gap = [""], width - used, ""
    for word in text.split(" "):
        if cells(gap + word) > room and cells(word) <= width:
            lines, room, gap = [*lines, ""], width, ""
        while cells(gap + word) > room:
            head = _head(word, room - cells(gap)) or ("" if lines[-1] or room < width else word[:1])
            lines[-1] += gap + head if head else ""
            word = word[len(head) :]
            lines, room, gap = [*lines, ""], width, ""
        lines[-1] += gap + word
        room -= cells(gap + word)
        gap = " "
    return lines


def _head(text: str, width: int) -> str:
    used = 0
    for position, character in enumerate(text):
        used += _cell(character)
        if used > width:
            return text[:position]
    return text


def _tail(text: str, width: int) -> str:
    used = 0
    for position in range(len(text), 0, -1):
        used += _cell(text[position - 1])
        if used > width:
            # A mark must not lose the letter it stands on and land on the "…".
            while position < len(text) and _cell(text[position]) == 0:
                position += 1
            return text[position:]
    return text
