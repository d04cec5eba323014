"""Names anywhere in a snapshot, and the beginning of what is in a file: what a screen asks about while it browses."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

from tuibackup.jobs.content import content_of
from tuibackup.jobs.stored_names import StoredNames
from tuibackup.overview.browse import Browser, Row, SnapshotLine
from tuibackup.sop import Clock
from tuibackup.text import printable
from tuibackup.vault.index.pattern import NamePattern
from tuibackup.vault.index.search import LateError

MOST_FOUND = 1000
SECONDS = 10.0  # for a search
_TEXT = 64 << 10  # bytes of a text that are shown …
_HEX = 4 << 10  # … and of anything else
_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file, or of a table's SQL: `shown` bytes of `size`, as lines that harm no terminal."""

    lines: tuple[str, ...]
    text: bool
    shown: int
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, by its path. `many`: there is more, and no list has room for it; `late`: not every name was
    looked at in the time that a search may take.
    """

    rows: tuple[Row, ...]
    many: bool = False
    late: bool = False


def search(browser: Browser, line: SnapshotLine, words: str) -> Found:
    """What has `words` in its name (or matches, with `*`, `?` or `/` in them). Raises VaultError."""
    pattern = NamePattern(words if any(sign in words for sign in "*?[/") else f"*{words}*", ignore_case=True)
    rows: list[Row] = []
    late = False
    try:
        for row in (_names if line.clock is Clock.DATABASES else _files)(browser, line, pattern):
            rows.append(row)
            if len(rows) > MOST_FOUND:
                break
    except LateError:
        late = True
    shown = sorted(rows[:MOST_FOUND], key=lambda one: one.path)
    return Found(tuple(shown), many=len(rows) > MOST_FOUND, late=late)


def _files(browser: Browser, line: SnapshotLine, pattern: NamePattern) -> Iterator[Row]:
    with closing(browser.index(line).search(monotonic() + SECONDS)) as found:
        for path, _seen in found.matching(pattern):
            yield browser.row(line, path)


def _names(browser: Browser, line: SnapshotLine, pattern: NamePattern) -> Iterator[Row]:
    for name, stored in StoredNames(browser.snapshot(line)).matching(pattern):
        path = name.database.encode(errors="surrogateescape")
        if name.kind == "table":
            path += b"\0" + name.name.encode(errors="surrogateescape")
        kind = "" if name.kind in ("database", "table") else f" ({name.kind})"
        yield Row(path, printable(str(name)) + kind, name.kind == "database", stored.size, rows=stored.rows)


def preview(browser: Browser, line: SnapshotLine, path: bytes) -> Preview:
    """Raises UsageError for what has no content, VaultError."""
    word = path.decode(errors="surrogateescape").replace("\0", ".")
    content = content_of(browser.snapshot(line), word)
    data = bytearray()
    for part in content.parts:
        data += part[: _TEXT - len(data)]
        if len(data) >= _TEXT:
            break
    head = bytes(data)
    if (lines := _text(head, whole=len(head) == content.size)) is not None:
        return Preview(lines, True, len(head), content.size)
    head = head[:_HEX]
    return Preview(tuple(_hex(head)), False, len(head), content.size)


def _text(data: bytes, *, whole: bool) -> tuple[str, ...] | None:
    """Its lines; None for what is no text."""
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if whole or error.start < len(data) - 4:  # else a letter is cut at the end
            return None
        text = data[: error.start].decode("utf-8")
    return tuple(printable(line.expandtabs(8)) for line in text.replace("\r\n", "\n").split("\n"))


def _hex(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), _COLUMNS):
        some = data[at : at + _COLUMNS]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in some)
        yield f"{at:08x}  {some.hex(' '):<{3 * _COLUMNS - 1}}  {letters}"
