"""A paper as CSV (RFC 4180, UTF-8 with a mark, so that spreadsheets know it): section after section.

A section is its heading in a line of its own, the titles of its columns, its rows, and an empty line.
"""

import csv
import io
from collections.abc import Iterator

from tuibackup.jobs.report.document import (
    Block,
    Document,
    Heading,
    Letterhead,
    Pairs,
    Paragraph,
    Signatures,
    Table,
    Title,
)

# A cell that begins so is a formula to a spreadsheet, and runs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(document: Document) -> bytes:
    """The whole file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for block in document.all:
        for row in _rows(block):
            writer.writerow([_cell(text) for text in row])
    return out.getvalue().encode("utf-8-sig", "backslashreplace")


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else str(text)


def _rows(block: Block) -> Iterator[tuple[str, ...]]:
    match block:
        case Letterhead():
            yield from ((line,) for line in block.lines)
        case Title():
            yield from ((text,) for text in (block.text, block.about, block.number) if text)
            yield ()
        case Heading() | Paragraph():
            yield (block.text,)
        case Pairs():
            yield from block.pairs
            yield ()
        case Table():
            yield from (
                (tuple(column.title for column in block.columns), *block.rows)
                if block.rows
                else ((block.empty,),)
            )
            yield ()
        case Signatures():
            yield (block.place,)
            yield from ((one.role, one.name, one.nip, one.position) for one in block.people)
