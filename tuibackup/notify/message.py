"""What one message says: plain text for people, and the same as data for machines. Nothing in it steers a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tuibackup.text import printable, shorten
from tuibackup.words import in_language

_SUBJECT = 160  # cells
_LINES = 250
_WIDTH = 600  # cells of one line
_BYTES = 60_000  # well below what mail servers and chat services take


class Message(msgspec.Struct, frozen=True):
    """One message; `document` is what a POST has beside subject and text."""

    subject: str
    text: str
    document: Mapping[str, Any]


def message(subject: str, lines: Iterable[str], document: Mapping[str, Any]) -> Message:
    """Make one: a name with a line break in it makes no header, and a list of thousands no endless text."""
    clean = [shorten(printable(in_language(line)), _WIDTH) for line in lines]
    if len(clean) > _LINES:
        clean[_LINES:] = ["…"]
    text = "\n".join(clean) + "\n"
    if len(encoded := text.encode()) > _BYTES:
        text = encoded[:_BYTES].decode(errors="ignore").rpartition("\n")[0] + "\n…\n"
    return Message(shorten(printable(in_language(subject)), _SUBJECT), text, document)
