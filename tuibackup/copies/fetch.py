"""Brings a snapshot back out of a place: into a folder that has the vault's layout, every file proven by its hash.

What an interrupted fetch brought is used by the next one.
"""

import hashlib
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from tuibackup import durable
from tuibackup.copies.held import Held, Opening, pieces
from tuibackup.copies.manifest import Stored
from tuibackup.copies.target import PART, CopyError, Target
from tuibackup.progress import OnProgress, Progress
from tuibackup.vault.output import vault_errors
from tuibackup.vault.sums import SUMS, read_sums
from tuibackup.words import sentence

_UNFINISHED = ".fetching"  # behind a file's name until it is whole


def sizes(held: Held) -> int:
    """Bytes that all files of the snapshot have, at least (what is encrypted is a little shorter)."""
    return sum(part.size for _file, parts in held.files for part in parts)


def fetch(
    held: Held,
    target: Target,
    opener: Opening | None,
    into: Path,
    wanted: Callable[[str], bool] = lambda _file: True,
    on_progress: OnProgress | None = None,
) -> None:
    """Bring those files of the snapshot into `into`, which are `wanted`; SHA256SUMS always is, and comes first.

    Raises CopyError: damaged there, AwayError; VaultError: it cannot be written here.
    """
    sealed = opener if held.manifest.encrypted else None
    own = f"{held.spec}/{SUMS}"
    order = sorted(
        (one for one in held.files if one[0] == own or wanted(one[0])), key=lambda one: one[0] != own
    )
    total = sum(part.size for _file, parts in order for part in parts)
    hashes: dict[str, bytes] = {}
    done = 0
    for number, (file, parts) in enumerate(order):

        def tell(more: int, number: int = number, file: str = file) -> None:
            nonlocal done
            done += more
            if on_progress:
                on_progress(Progress(number, len(order), done, total, file))

        path = into / file
        _fetch(path, parts, hashes.get(file), target, sealed, tell)
        if file == own:
            hashes = _hashes(held, path.parent)
            _require_listed(held, hashes)


def _hashes(held: Held, folder: Path) -> dict[str, bytes]:
    """What SHA256SUMS says, by the file's place in the vault."""
    above = held.spec.rpartition("/")[0]
    found = {}
    for one in read_sums(folder):
        place = f"{above}/{one.name[3:]}" if one.name.startswith("../") else f"{held.spec}/{one.name}"
        found[place] = one.sha256
    return found


def _require_listed(held: Held, hashes: Collection[str]) -> None:
    """The manifest and SHA256SUMS name the same files. Raises CopyError."""
    named = {file for file, _parts in held.files} - {f"{held.spec}/{SUMS}"}
    if odd := sorted(named ^ set(hashes)):
        raise CopyError(
            sentence(
                "{snapshot}: manifest and SHA256SUMS do not name the same files: {file}",
                snapshot=held.spec,
                file=odd[0],
            ),
            sentence("somebody changed that copy; take another one"),
        )


def _fetch(
    path: Path,
    parts: tuple[Stored, ...],
    sha256: bytes | None,
    target: Target,
    opener: Opening | None,
    tell: Callable[[int], None],
) -> None:
    size = sum(part.size for part in parts)
    with vault_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and (sha256 is None or _hash(path) == sha256):
            if sha256 is not None:
                tell(size)
                return
            path.unlink()
    draft = path.with_name(path.name + _UNFINISHED)
    begun = _begun(draft, len(parts)) if sha256 is not None else 0
    for first in dict.fromkeys((begun, 0)):  # what an earlier fetch brought may be wrong
        digest = hashlib.sha256()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if first else os.O_TRUNC)
        with vault_errors(draft), os.fdopen(os.open(draft, flags, 0o600), "r+b", buffering=0) as file:
            for part in parts[:first]:
                digest.update(file.read(PART))
                tell(part.size)
            file.truncate(first * PART)
            file.seek(first * PART)
            for data, part in zip(pieces(target, parts[first:], opener), parts[first:], strict=True):
                digest.update(data)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                tell(part.size)
            os.fsync(file.fileno())
        if sha256 is None or digest.digest() == sha256:
            with vault_errors(path):
                os.replace(draft, path)
                durable.sync_folder(path.parent)
            return
    with suppress(OSError):
        draft.unlink()
    raise CopyError(
        sentence("{file}: what came is not what SHA256SUMS says", file=path.name),
        sentence("that copy of it is damaged; take another one"),
    )


def _begun(draft: Path, parts: int) -> int:
    """How many whole parts an earlier fetch brought; the last one of a file is never one of them."""
    try:
        return min(draft.stat(follow_symlinks=False).st_size // PART, parts - 1)
    except OSError:
        return 0


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
