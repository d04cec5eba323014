"""What others know of the ledger's entries: its seals, the vault's snapshots, exports and seals kept elsewhere."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tuibackup.errors import LedgerError, TuibackupError, UsageError
from tuibackup.ledger.chain import Problem
from tuibackup.ledger.entries import Kind
from tuibackup.ledger.seal import Seal, read, seal_of, written
from tuibackup.ledger.store import Ledger
from tuibackup.ledger.witness import Head
from tuibackup.text import printable
from tuibackup.vault.layout import Vault
from tuibackup.vault.sums import sum_of_sums
from tuibackup.words import sentence

_AT_ONCE = 500
EXPORTS, SEALS = ".jsonl", ".txt"


@dataclass(frozen=True, slots=True)
class Known:
    """An entry as somebody else knows it. `by` says who, as a part of a sentence."""

    head: Head
    by: str


@dataclass(slots=True)
class Asked:
    """How many seals, snapshots and lines of exports were compared so far."""

    seals: int = 0
    snapshots: int = 0
    others: int = 0


def by_seals(ledger: Ledger, folder: Path, asked: Asked) -> Iterator[Problem]:
    """Whether each seal in the ledger is one, and the entry that it names is there as it was sealed. Likewise of the
    newest ones, which lie beside it.
    """
    entries = ledger.entries(kinds=[Kind.SEAL])
    while some := list(islice(entries, _AT_ONCE)):
        known = []
        for entry in some:
            by = sentence("the seal in entry {seq}", seq=str(entry.seq))
            found = _sealed(seal_of(entry.body), by, entry.seq)
            if isinstance(found, Known):
                known.append(found)
            else:
                yield found
        asked.seals += len(some)
        yield from compared(ledger, known)
    yield from _beside(ledger, folder, asked)


def _beside(ledger: Ledger, folder: Path, asked: Asked) -> Iterator[Problem]:
    try:
        seals = written(folder) if folder.is_dir() else []
    except OSError as error:
        text = sentence("the seals beside the ledger cannot be read: {error}", error=error.strerror)
        yield Problem(0, "seal", text)
        return
    for one in seals:
        asked.seals += 1
        found = _sealed(one, sentence("a seal beside the ledger"), 0)
        yield from [found] if isinstance(found, Problem) else compared(ledger, [found])


def _sealed(seal: Seal, by: str, entry: int) -> Known | Problem:
    try:
        seal.verify()
        whose = sentence("{by}, of {time} by {who}", by=by, time=seal.time, who=printable(seal.by))
        return Known(seal.head, whose)
    except LedgerError as error:
        return Problem(entry, "seal", sentence("{by} is none: {error}", by=by, error=error.message))


def by_snapshots(ledger: Ledger, vault: Vault, asked: Asked) -> Iterator[Problem]:
    """Whether the ledger has the entry that was its last when each snapshot was made, and the snapshot the sums that
    the ledger knows.
    """
    recorded = ledger.sums()
    snapshots = vault.snapshots()
    while some := list(islice(snapshots, _AT_ONCE)):
        known = []
        for snapshot in some:
            try:
                summary, sums = snapshot.summary, sum_of_sums(snapshot.path)
            except TuibackupError:
                continue  # a damaged snapshot is what `tuibackup verify` tells of
            asked.snapshots += 1
            spec = printable(snapshot.spec)
            if summary.ledger_entry:
                head = Head(summary.ledger_entry, summary.ledger_hash)
                known.append(Known(head, sentence("the snapshot {snapshot}", snapshot=spec)))
            seq, wanted = recorded.get(snapshot.spec, (0, ""))
            if wanted and wanted != sums:
                text = sentence(
                    "entry {seq} has other sums of the snapshot {snapshot} than lie in the vault: one of them was"
                    " changed",
                    seq=str(seq),
                    snapshot=spec,
                )
                yield Problem(seq, "snapshot", text)
        yield from compared(ledger, known)


def by_others(ledger: Ledger, paths: Sequence[Path], asked: Asked) -> Iterator[Problem]:
    """What exports and seals know that were kept elsewhere. Raises UsageError: they cannot be read, or are something
    else.
    """
    for path in _files(paths):
        name = printable(str(path))
        try:
            if path.suffix == EXPORTS:
                yield from _by_export(ledger, path, name, asked)
            else:
                asked.others += 1
                found = _sealed(read(path), sentence("the seal {path}", path=name), 0)
                yield from [found] if isinstance(found, Problem) else compared(ledger, [found])
        except OSError as error:
            raise UsageError(
                sentence(
                    "{path} cannot be read: {error}",
                    path=printable(str(error.filename)),
                    error=error.strerror,
                )
            ) from error


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        inside = (
            [one for end in (EXPORTS, SEALS) for one in sorted(path.rglob(f"*{end}"))]
            if path.is_dir()
            else [path]
        )
        named = [one for one in inside if one.suffix in (EXPORTS, SEALS)]
        if not named:
            raise UsageError(
                sentence("{path} is neither an export nor a seal", path=printable(str(path))),
                sentence("name a .jsonl file, the .txt file of a seal, or a folder with such files"),
            )
        yield from named


def _by_export(ledger: Ledger, path: Path, name: str, asked: Asked) -> Iterator[Problem]:
    by = sentence("the export {path}", path=name)
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        while some := list(islice(file, _AT_ONCE)):
            known = []
            for line in some:
                asked.others += 1
                head = _head_of(line)
                if head is None:
                    text = sentence(
                        "{by}: line {number} was changed after it was written", by=by, number=asked.others
                    )
                    yield Problem(0, "other", text)
                else:
                    known.append(Known(head, by))
            yield from compared(ledger, known)


def _head_of(line: str) -> Head | None:
    """The entry in a line of an export; None where its hash is not that of the line."""
    text, _, end = line.rstrip("\n").rpartition(',"hash":"')
    mark = end[:-2]
    if hashlib.sha256(f"{text}}}".encode("utf-8", "surrogateescape")).hexdigest() != mark:
        return None
    try:
        found: Any = json.loads(f"{text}}}")
        return Head(int(found["seq"]), mark)
    except (ValueError, TypeError, KeyError):
        return None


def compared(ledger: Ledger, known: Iterable[Known]) -> Iterator[Problem]:
    """What the ledger has no more as others know it."""
    wanted = list(known)
    there = ledger.hashes({one.head.seq for one in wanted})
    for one in wanted:
        seq = one.head.seq
        if seq not in there:
            text = sentence("entry {seq} is missing; {by} knows it", seq=str(seq), by=one.by)
            yield Problem(seq, "missing", text)
        elif there[seq] != one.head.hash:
            text = sentence(
                "entry {seq} is another one than {by} knows: it, or one before it, was written anew",
                seq=str(seq),
                by=one.by,
            )
            yield Problem(seq, "other", text)
