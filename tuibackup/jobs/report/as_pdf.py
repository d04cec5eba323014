"""A paper as PDF, by typst: the same facts give the same bytes. The paper goes to the template as JSON, as text alone.

PDF/A-2b where every character can be printed, which archives ask for. A character that no font of this machine has is
printed as its number, so that no reader takes an empty box for a name.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from tuibackup.errors import UsageError
from tuibackup.jobs.report.as_html import PAPERS
from tuibackup.jobs.report.document import (
    Block,
    Document,
    Heading,
    Letterhead,
    Pairs,
    Paragraph,
    Signatures,
    Strong,
    Table,
    Title,
)
from tuibackup.words import _, sentence

_MISSING = re.compile(r'the text `("(?:[^"\\]|\\.)*")` could not be displayed')
_CODE = re.compile(r"\\u\{([0-9a-f]+)\}")
_TRIES = 5
_MARGINS = 28.0  # mm, left and right together
_POINT = 0.3528  # mm
_PADDING = 2.6  # mm, of a cell
_NAMES = 0.26  # of the width, for the names of pairs
_TITLE, _TEXT, _CELL = 14.0, 10.0, 8.5  # points
_AFTER = "/_.-,:@"
_JOIN = "\u200b"  # a place where a line may end


def pdf(document: Document) -> bytes:
    """The file. Raises UsageError where typst is not installed."""
    try:
        import typst
    except ImportError:
        raise UsageError(
            sentence("a report as PDF needs the package typst, which is not installed"),
            sentence("pip install 'tuibackup[pdf]', or take --format html and print it from a browser"),
        ) from None
    template = files("tuibackup.jobs.report").joinpath("report.typ").read_bytes()
    midnight = datetime.fromisoformat(document.day).replace(tzinfo=UTC)

    def compiled(*, archive: bool) -> bytes:
        made = typst.compile(
            template,
            sys_inputs={"paper": text},
            timestamp=midnight,
            pdf_standards="a-2b" if archive else None,
        )
        assert isinstance(made, bytes)
        return made

    text = json.dumps(_paper(document), ensure_ascii=False)
    for _try in range(_TRIES):
        try:
            return compiled(archive=True)
        except typst.TypstError as error:
            missing = _missing(error.diagnostic) & set(text)
        if not missing:
            break
        text = "".join(f"U+{ord(one):04X} " if one in missing else one for one in text)
    return compiled(archive=False)


def _missing(said: str) -> set[str]:
    """The characters that no font has, by what typst said."""
    quoted = "".join(_MISSING.findall(said))
    named = {chr(int(code, 16)) for code in _CODE.findall(quoted)}
    return named | {one for one in _CODE.sub("", quoted) if not one.isascii()}


def _paper(document: Document) -> dict[str, Any]:
    """The document as the template reads it: each text with whether it is bold, and with places where it may break."""
    width, height = (float(side.removesuffix("mm")) for side in PAPERS[document.paper])
    room = (height if document.landscape else width) - _MARGINS
    return {
        "language": document.language,
        "paper": document.paper,
        "landscape": document.landscape,
        "name": document.name,
        "foot": document.foot,
        "page_of": document.page_of,
        "blocks": [_block(one, room) for one in document.blocks],
        "last": [_block(one, room) for one in document.last],
    }


def _block(block: Block, room: float) -> dict[str, Any]:
    """`room`: mm from margin to margin."""
    match block:
        case Letterhead():
            return {"type": "letterhead", "lines": [_said(line, room, _TITLE) for line in block.lines]}
        case Title():
            number = _("Number: {number}").format(number=block.number or "……………………………")
            texts = (block.text, block.about, number)
            return {"type": "title", "lines": [_said(text, room * 0.7, _TITLE) for text in texts]}
        case Heading() | Paragraph():
            kind = "heading" if isinstance(block, Heading) else "paragraph"
            return {"type": kind, "text": _said(block.text, room, _TEXT)}
        case Pairs():
            names, values = room * _NAMES - _PADDING, room * (1 - _NAMES) - 2 * _PADDING
            pairs = [(_said(name, names, _TEXT), _said(value, values, _TEXT)) for name, value in block.pairs]
            return {"type": "pairs", "boxed": block.boxed, "names": _NAMES, "pairs": pairs}
        case Table():
            return _table(block, room)
        case Signatures():
            return _signatures(block, room)


def _table(block: Table, room: float) -> dict[str, Any]:
    if not block.rows:
        return {"type": "paragraph", "text": _said(block.empty, room, _TEXT)}
    whole = sum(column.share for column in block.columns)
    widths = [room * column.share / whole - _PADDING for column in block.columns]

    def row(cells: Iterable[str]) -> list[dict[str, Any]]:
        return [_said(cell, width, _CELL) for cell, width in zip(cells, widths, strict=True)]

    return {
        "type": "table",
        "shares": [column.share for column in block.columns],
        "right": [column.right for column in block.columns],
        "titles": row(column.title for column in block.columns),
        "rows": [row(cells) for cells in block.rows],
    }


def _signatures(block: Signatures, room: float) -> dict[str, Any]:
    each = room / 3 - _PADDING
    people = [
        {
            "role": _said(one.role, each, _TEXT),
            "name": _said(one.name or "……………………………………", each, _TEXT),
            "position": _said(one.position, each, _TEXT),
            "nip": _said(f"NIP {one.nip or '…………………………'}", each, _TEXT),
        }
        for one in block.people
    ]
    return {"type": "signatures", "place": _said(block.place, room, _TEXT), "people": people}


def _said(text: str, room: float, size: float) -> dict[str, Any]:
    """A text for so many mm, in letters of so many points."""
    most = room / _POINT / size
    return {
        "text": "\n".join(
            " ".join(_broken(word, most) for word in line.split(" ")) for line in text.split("\n")
        ),
        "strong": isinstance(text, Strong),
    }


def _broken(word: str, most: float) -> str:
    """`word` with places to break, none where it fits into `most` times the height of its letters."""
    pieces, begin, used, after = [], 0, 0.0, 0
    for position, character in enumerate(word):
        wide = _wide(character)
        if used + wide > most and position > begin:
            end = after if after > begin else position
            pieces.append(word[begin:end])
            begin = end
            used = sum(map(_wide, word[begin:position]))
        used += wide
        if character in _AFTER:
            after = position + 1
    return _JOIN.join([*pieces, word[begin:]])


def _wide(character: str) -> float:
    """How wide a letter is beside its height, rather too much than too little."""
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.95 if character in "mwMW@%" or not character.isascii() else 0.75 if character.isupper() else 0.56
