"""What travels with a copy: the ledger in pieces that are never replaced, and the newest seals.

A copy creates files and replaces none. So the entries that it does not have yet become one more piece, named by its
first and last entry; a piece that was lost on the way is written anew with the next one.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from tuibackup.config import Config
from tuibackup.jobs.ledger.export import export_to
from tuibackup.ledger import seal as seals
from tuibackup.run.places import look_into_ledger, seals_folder

FOLDER = "ledger"  # of a copy, beside its servers
_PIECE = re.compile(r"entries-(\d{9,})-(\d{9,})\.jsonl")


def pieces(config: Config, have: Collection[str], folder: Path) -> list[Path]:
    """Write into `folder`, an empty place of the caller's, what a copy lacks that has the names `have` in FOLDER.

    Each file is to be created under its own name, and none replaced. Raises LedgerError, TuibackupError, OSError.
    """
    made = [*_entries(config, have, folder)]
    for seal in seals.written(seals_folder(config)):
        name = f"seal-{seal.head.seq:09}-{seals.short(seal.fingerprint)}.txt"
        if f"{name}.sig" not in have:
            made += [_file(folder / name, seal.statement), _file(folder / f"{name}.sig", seal.signature)]
    return made


def _entries(config: Config, have: Collection[str], folder: Path) -> Iterator[Path]:
    draft = folder / ".piece"
    ledger, _fault = look_into_ledger(config)
    with ledger:
        exported = export_to(ledger, draft, after=_last(have))
    if not exported.entries:
        draft.unlink()
        return
    yield draft.rename(folder / f"entries-{exported.first:09}-{exported.head.seq:09}.jsonl")


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _last(have: Collection[str]) -> int:
    """The last entry up to which the pieces hold everything, without a gap."""
    found = sorted((int(match[1]), int(match[2])) for name in have if (match := _PIECE.fullmatch(name)))
    last = 0
    for first, end in found:
        if first > last + 1:
            break
        last = max(last, end)
    return last
