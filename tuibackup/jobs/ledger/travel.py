"""What travels with a copy: the ledger in pieces that are never replaced, and the newest seals.

A copy creates objects and replaces none. So the entries that it does not have yet become more pieces, each named by its
first and last entry; a piece that was lost is made anew with what follows.
"""

import re
from collections.abc import Collection, Iterator

from tuibackup.config import Config
from tuibackup.ledger import seal as seals
from tuibackup.run.places import look_into_ledger, seals_folder

FOLDER = "ledger"  # of a copy, beside its servers
_PIECE = re.compile(r"entries-(\d{9,})-(\d{9,})\.jsonl")
_LARGEST = 16 << 20  # bytes of a piece, but for its last line


def pieces(config: Config, have: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each object that a copy lacks which has those named `have` in FOLDER.

    Each is to be created, and none replaced. Raises LedgerError, OSError.
    """
    yield from _entries(config, _last(have))
    for seal in seals.written(seals_folder(config)):
        name = f"seal-{seal.head.seq:09}-{seals.short(seal.fingerprint)}.txt"
        for file, text in ((name, seal.statement), (f"{name}.sig", seal.signature)):
            if file not in have:
                yield file, text.encode()


def _entries(config: Config, after: int) -> Iterator[tuple[str, bytes]]:
    ledger, _fault = look_into_ledger(config)
    lines: list[bytes] = []
    first, length = 0, 0
    with ledger:
        for last, line in ledger.lines(after):
            first = first or last
            lines.append(line.encode("utf-8", "backslashreplace") + b"\n")
            length += len(lines[-1])
            if length >= _LARGEST:
                yield _named(first, last), b"".join(lines)
                lines, first, length = [], 0, 0
        if lines:
            yield _named(first, last), b"".join(lines)


def _named(first: int, last: int) -> str:
    return f"entries-{first:09}-{last:09}.jsonl"


def _last(have: Collection[str]) -> int:
    """The last entry up to which the pieces hold everything, without a gap."""
    found = sorted((int(match[1]), int(match[2])) for name in have if (match := _PIECE.fullmatch(name)))
    last = 0
    for first, end in found:
        if first > last + 1:
            break
        last = max(last, end)
    return last
