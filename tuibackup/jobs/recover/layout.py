"""A page of blocks, laid out as text for a terminal and plain paper, or as Markdown."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tuibackup.text import printable

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Block:
    """`kind`: "title", "part", "step", "text", "item" or "code" (a line of a command, or of what was read)."""

    kind: str
    text: str


def as_text(page: Sequence[Block]) -> str:
    """For a terminal, or plain paper."""
    lines: list[str] = []
    for kind, some in groupby(page, lambda one: one.kind):
        texts = [printable(one.text) for one in some]
        if kind == "title":
            for text in texts:
                lines += [text, "=" * len(text), ""]
        elif kind == "part":
            for text in texts:
                lines += [text, "-" * len(text), ""]
        elif kind == "code":
            lines += [*(f"    {text}" for text in texts), ""]
        elif kind == "item":
            lines += [line for text in texts for line in _wrapped(text, "- ")]
            lines.append("")
        else:
            lines += [line for text in texts for line in (*_wrapped(text, ""), "")]
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(text: str, sign: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text.strip(), _WIDTH, initial_indent=indent + sign, subsequent_indent=indent + " " * len(sign),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def as_markdown(page: Iterable[Block]) -> str:
    """For whoever prints it."""
    lines: list[str] = []
    for kind, some in groupby(page, lambda one: one.kind):
        texts = [printable(one.text) for one in some]
        if kind == "code":
            fence = "`" * (3 + max(text.count("```") for text in texts))
            lines += [fence, *texts, fence, ""]
        elif kind == "item":
            lines += [f"{' ' * (len(text) - len(text.lstrip()))}- {_escaped(text.strip())}" for text in texts]
            lines.append("")
        else:
            mark = {"title": "# ", "part": "## ", "step": "### "}.get(kind, "")
            lines += [line for text in texts for line in (mark + _escaped(text), "")]
    return "\n".join(lines).rstrip() + "\n"


def _escaped(text: str) -> str:
    """A server's words are no markup."""
    return "".join("\\" + sign if sign in "\\`*_<>[]#|" else sign for sign in text)
