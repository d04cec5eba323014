"""The files of the vault that a snapshot consists of, its own and the older archives that it needs."""

from dataclasses import dataclass
from pathlib import Path

from tuibackup.vault.layout import Snapshot
from tuibackup.vault.names import file_name
from tuibackup.vault.output import vault_errors
from tuibackup.vault.sums import SUMS, read_sums


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
