"""The files of the vault that a snapshot consists of, its own and the older archives that it needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tuibackup.errors import VaultError
from tuibackup.vault.layout import Snapshot
from tuibackup.vault.names import file_name
from tuibackup.vault.output import vault_errors
from tuibackup.vault.sums import SUMS, read_sums
from tuibackup.words import sentence


@dataclass(frozen=True, slots=True)
class Content:
    """One file. `file` is its place in the vault; `owner` the spec of the snapshot in whose folder it lies.

    `sha256` in hex; "" of SHA256SUMS itself, which nothing else tells.
    """

    path: Path
    file: str
    owner: str
    size: int
    sha256: str


def contents(snapshot: Snapshot) -> tuple[Content, ...]:
    """All files, SHA256SUMS and snapshot.json last. Raises VaultError."""
    found = [_content(snapshot, one.name, one.sha256.hex()) for one in read_sums(snapshot.path)]
    found.sort(key=lambda one: (one.owner != snapshot.spec, one.file.endswith("/snapshot.json")))
    return (*found, _content(snapshot, SUMS, ""))


def require_sound(snapshot: Snapshot) -> None:
    """Read every file that it needs. Raises VaultError: one is missing, or is not what SHA256SUMS says."""
    for one in contents(snapshot):
        require_whole(one, snapshot)


def require_whole(content: Content, snapshot: Snapshot) -> None:
    """Read the file again. Raises VaultError: it is not what SHA256SUMS says."""
    with vault_errors(content.path), content.path.open("rb") as file:
        if content.sha256 in ("", hashlib.file_digest(file, "sha256").hexdigest()):
            return
    raise damaged(content, snapshot)


def damaged(content: Content, snapshot: Snapshot) -> VaultError:
    """The file is not what SHA256SUMS says."""
    return VaultError(
        sentence("{path}: has another hash than SHA256SUMS says", path=content.path),
        sentence("the backup disk damaged it: tuibackup verify {snapshot}", snapshot=snapshot.spec),
    )


def _content(snapshot: Snapshot, name: str, sha256: str) -> Content:
    owner, below = snapshot.name, name
    if name.startswith("../"):
        _, owner, below = name.split("/", 2)
    path = snapshot.path.parent / owner / below
    with vault_errors(path):
        size = path.stat().st_size
    folder = f"{snapshot.clock}/{owner}"
    return Content(
        path,
        f"{file_name(snapshot.server)}/{folder}/{below}",
        f"{snapshot.server}/{folder}",
        size,
        sha256,
    )
