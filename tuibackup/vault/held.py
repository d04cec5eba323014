"""What is held, as the vault itself knows it: a small file beside each held snapshot.

The ledger has the record, and either of them protects the snapshot: a hold outlives a ledger that is lost. The note is
written under the lock of the snapshot's folder, so that nobody removes what is just being held.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from tuibackup.durable import replace_file
from tuibackup.sop import Clock
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.names import HELD, NAME, file_name
from tuibackup.vault.output import sync_folder, vault_errors
from tuibackup.vault.reading import reading
from tuibackup.words import sentence


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Why a snapshot is held, by whom, since when (ISO 8601, UTC) and until which day ("" for no end)."""

    reason: str
    owner: str
    since: str
    until: str = ""


_UNREADABLE = Note(reason=sentence("the note beside it cannot be read"), owner="", since="")


def put_note(snapshot: Snapshot, note: Note) -> None:
    """Write it down beside the snapshot. Raises VaultError."""
    path = _beside(snapshot)
    with reading(snapshot), vault_errors(path):
        replace_file(path, msgspec.json.format(msgspec.json.encode(note)) + b"\n")


def take_note_away(snapshot: Snapshot) -> None:
    """The hold is over. Raises VaultError."""
    path = _beside(snapshot)
    with vault_errors(path), suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def is_held(snapshot: Snapshot) -> bool:
    """Whether there is such a note. Raises OSError."""
    return os.path.lexists(_beside(snapshot))


def notes(vault: Vault, server: str) -> Mapping[str, Note]:
    """By snapshot (as people write it). One that cannot be read holds, too. Raises VaultError."""
    found = {}
    for clock in Clock:
        folder = vault.path / file_name(server) / clock
        with vault_errors(folder):
            names = os.listdir(folder) if folder.is_dir() else []
        for name in names:
            if name.startswith(HELD) and NAME.fullmatch(snapshot := name.removeprefix(HELD)):
                try:
                    note = msgspec.json.decode((folder / name).read_bytes(), type=Note)
                except (OSError, msgspec.MsgspecError):
                    note = _UNREADABLE
                found[f"{server}/{clock}/{snapshot}"] = note
    return found


def _beside(snapshot: Snapshot) -> Path:
    return snapshot.path.with_name(f"{HELD}{snapshot.name}")
