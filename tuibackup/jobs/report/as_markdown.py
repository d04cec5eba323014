"""A paper as Markdown: for a wiki, a ticket, a repository."""

import re

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
from tuibackup.words import _

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$])")


def markdown(document: Document) -> bytes:
    """The whole file."""
    return ("\n\n".join(filter(None, map(_block, document.all))) + "\n").encode("utf-8", "backslashreplace")


def _text(text: str) -> str:
    """Escaped: what looks like markup is none, and a line stays in its cell."""
    shown = "<br>".join(map(_line, text.split("\n")))
    return f"**{shown}**" if isinstance(text, Strong) and shown.strip() else shown


def _line(text: str) -> str:
    safe = _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    safe = re.sub(r"^(\s*)([-=]|\d+\.)(?=\s|$)", r"\1\\\2", safe)
    return re.sub(r"(?i)(https?|ftp)://", r"\1&#58;//", safe)  # no link that nobody made


def _block(block: Block) -> str:
    match block:
        case Letterhead():
            return "\\\n".join(_line(line) for line in block.lines)
        case Title():
            number = _("Number: {number}").format(number=block.number or "……………")
            return f"# {_text(block.text)}\n\n{_text(block.about)}\n\n{_text(number)}"
        case Heading():
            return f"## {_text(block.text)}"
        case Paragraph():
            return _text(block.text)
        case Pairs():
            return _rows(("", ""), block.pairs)
        case Table():
            titles = tuple(column.title for column in block.columns)
            return _rows(titles, block.rows) if block.rows else _text(block.empty)
        case Signatures():
            return "\n\n".join((_text(block.place), _rows(*_signed(block))))


def _signed(block: Signatures) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    people = block.people
    return tuple(one.role for one in people), (
        tuple("\n\n\n" for _one in people),
        tuple(one.name or "…………………" for one in people),
        tuple(one.position for one in people),
        tuple(f"NIP {one.nip or '…………………'}" for one in people),
    )


def _rows(titles: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    written = [" | ".join(map(_text, row)) for row in (titles, *rows)]
    written.insert(1, " | ".join("---" for _title in titles))
    return "\n".join(f"| {line} |" for line in written)
