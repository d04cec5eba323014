"""A paper as one HTML file that needs nothing else, reads on a screen and prints well."""

from html import escape
from importlib.resources import files
from string import Template

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

PAPERS = {"A4": ("210mm", "297mm"), "F4": ("215mm", "330mm")}  # width, height


def html(document: Document) -> bytes:
    """The whole file."""
    width, height = PAPERS[document.paper]
    size = f"{height} {width}" if document.landscape else f"{width} {height}"
    before, _page, rest = document.page_of.partition("{page}")
    between, _pages, after = rest.partition("{pages}")
    page = f"{_css(before)} counter(page) {_css(between)} counter(pages) {_css(after)}"
    frame = Template(files("tuibackup.jobs.report").joinpath("report.html").read_text("utf-8"))
    return frame.substitute(
        language=document.language,
        title=escape(document.name),
        size=size,
        foot=_css(document.foot),
        page=page,
        shape="wide" if document.landscape else "tall",
        body="\n".join(map(_block, document.blocks)),
        last="\n".join(map(_block, document.last)),
    ).encode("utf-8", "backslashreplace")


def _css(text: str) -> str:
    """A text as CSS writes one; everything that could end it, or the style element, is escaped."""
    return '"' + "".join(c if c.isalnum() or c in " -./·" else f"\\{ord(c):06x}" for c in text) + '"'


def _text(text: str) -> str:
    """Escaped, its lines kept, and bold where a reader must not miss it. Names may stand in any direction."""
    shown = "<br>".join(f"<bdi>{escape(line)}</bdi>" for line in text.split("\n"))
    return f"<strong>{shown}</strong>" if isinstance(text, Strong) else shown


def _block(block: Block) -> str:
    match block:
        case Letterhead():
            return (
                '<header class="letterhead">'
                + "".join(f"<p>{_text(line)}</p>" for line in block.lines)
                + "</header>"
            )
        case Title():
            number = block.number or "……………………………"
            return (
                f'<h1>{_text(block.text)}</h1>\n<p class="about">{_text(block.about)}</p>\n'
                f'<p class="about">{_text(_("Number: {number}").format(number=number))}</p>'
            )
        case Heading():
            return f"<h2>{_text(block.text)}</h2>"
        case Paragraph():
            return f"<p>{_text(block.text)}</p>"
        case Pairs():
            rows = "".join(
                f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in block.pairs
            )
            return f'<table class="pairs{" boxed" if block.boxed else ""}">{rows}</table>'
        case Table():
            return _table(block)
        case Signatures():
            return _signatures(block)


def _table(table: Table) -> str:
    if not table.rows:
        return f"<p>{_text(table.empty)}</p>"
    whole = sum(column.share for column in table.columns)
    widths = "".join(f'<col style="width:{100 * column.share / whole:.2f}%">' for column in table.columns)
    head = "".join(f"<th>{_text(column.title)}</th>" for column in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=right' if column.right else ''}>{_text(cell)}</td>"
            for column, cell in zip(table.columns, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        f"<table><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>"
    )


def _signatures(block: Signatures) -> str:
    people = "".join(
        f'<div class="signer"><p>{_text(one.role)}</p><div class="room"></div>'
        f'<p class="name">{_text(one.name or "………………………………")}</p>'
        f"<p>{_text(one.position)}</p><p>NIP {_text(one.nip or '………………………')}</p></div>"
        for one in block.people
    )
    return f'<p class="place">{_text(block.place)}</p><div class="signers">{people}</div>'
