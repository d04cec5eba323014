"""A paper before it has a format: letterhead, headings, paragraphs, tables, signatures. Pure data, texts in words.

Every renderer draws these blocks and nothing else. Texts are names and sentences, never markup; `cleaned` makes them
safe to show, once, for all formats.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from tuibackup.text import printable
from tuibackup.words import in_language

NONE = "–"  # a cell with nothing to say


class Strong(str):
    """A text that a reader must not miss; formats that can print it bold."""

    __slots__ = ()


class Letterhead(msgspec.Struct, frozen=True, tag="letterhead"):
    """Who issues the paper; the last line is the unit."""

    lines: tuple[str, ...]


class Title(msgspec.Struct, frozen=True, tag="title"):
    """The paper's name, in capitals, what it is about, and its number, "" for a line to fill in."""

    text: str
    about: str = ""
    number: str = ""


class Heading(msgspec.Struct, frozen=True, tag="heading"):
    """The heading of a section; it stays with what follows."""

    text: str


class Paragraph(msgspec.Struct, frozen=True, tag="paragraph"):
    """Sentences."""

    text: str


class Pairs(msgspec.Struct, frozen=True, tag="pairs"):
    """Names and values side by side; `boxed`: as the block at the head of an SOP."""

    pairs: tuple[tuple[str, str], ...]
    boxed: bool = False


class Column(msgspec.Struct, frozen=True):
    """A column's title, its share of the width, and whether numbers stand in it."""

    title: str
    share: float
    right: bool = False


NUMBER = Column("No", 4.5, right=True)


class Table(msgspec.Struct, frozen=True, tag="table"):
    """Rows below titles that are repeated on each page; `empty` is said where there are none."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


class Signature(msgspec.Struct, frozen=True):
    """Room for one signature above a name ("" for dots to write on)."""

    role: str
    name: str = ""
    nip: str = ""
    position: str = ""


class Signatures(msgspec.Struct, frozen=True, tag="signatures"):
    """Where and when, and who signs."""

    place: str
    people: tuple[Signature, ...]


Block = Letterhead | Title | Heading | Paragraph | Pairs | Table | Signatures


class Document(msgspec.Struct, frozen=True):
    """A whole paper. `last` are the blocks that stay on one page with the signatures, so that these are never alone."""

    language: str
    paper: str
    landscape: bool
    name: str  # for the file's properties and the foot of each page
    day: str  # ISO 8601
    foot: str
    page_of: str  # "Page {page} of {pages}"
    blocks: tuple[Block, ...]
    last: tuple[Block, ...]

    @property
    def all(self) -> tuple[Block, ...]:
        """All blocks in their order."""
        return (*self.blocks, *self.last)


def cleaned(document: Document) -> Document:
    """The same with every text in the language in use and without anything that could steer or mislead."""
    safe: Document = _safe(document)
    return safe


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        lines = (printable(line) for line in in_language(value).split("\n"))
        return type(value)("\n".join(lines)) if isinstance(value, Strong) else "\n".join(lines)
    if isinstance(value, tuple):
        return tuple(map(_safe, value))
    if isinstance(value, msgspec.Struct):
        return type(value)(*(_safe(getattr(value, name)) for name in value.__struct_fields__))
    return value


def lines(texts: Iterable[str]) -> str:
    """Texts below each other in one cell; NONE where there are none."""
    return "\n".join(in_language(text) for text in texts if text) or NONE
