"""What a start need not look at again: folders of the vault of which every snapshot is known to be in the ledger.

A folder's time changes with every name that comes or goes, whoever does it. So one whose time is as it was holds what
it held; and a ledger that has the entry it had then, has all that were before it. What is in doubt is looked at.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from tuibackup.ledger.store import Ledger
from tuibackup.sop import Clock
from tuibackup.vault.layout import Vault

FILE_NAME = "settled.json"
_TICK_NS = 2_000_000_000  # a change in the same tick of the clock cannot be seen: only what is older tells


class _Known(msgspec.Struct):
    """What the file holds: the vault's id, an entry of the ledger by number and hash, and the folders' times."""

    vault: str = ""
    number: int = 0
    hash: str = ""
    folders: dict[str, int] = {}


class Settled:
    """The folders that are settled, as the state folder remembers them."""

    def __init__(self, state: Path, vault: Vault, ledger: Ledger) -> None:
        self._path = state / FILE_NAME
        self._vault = vault
        self._ledger = ledger
        known = _read(self._path)
        same = known.vault == vault.id and ledger.hash_of(known.number) == known.hash
        self._folders = known.folders if same else {}
        self._changed = not same

    def times(self, server: str) -> dict[str, int]:
        """The times of a server's folders now. To be asked before their names are: what comes after changes them."""
        return {f"{server}/{clock}": self._vault.changed_ns(server, clock) for clock in Clock}

    def has(self, times: dict[str, int]) -> bool:
        """Whether folders with these times need not be looked at."""
        return all(self._folders.get(folder) == changed for folder, changed in times.items())

    def add(self, times: dict[str, int]) -> None:
        """All that these folders hold is in the ledger."""
        now = time.time_ns()
        old = {folder: changed for folder, changed in times.items() if changed < now - _TICK_NS}
        if old:
            self._folders = self._folders | old
            self._changed = True

    def keep(self) -> None:
        """Remember it for the next start, as far as that can be written."""
        newest = self._ledger.log(1)
        if not self._changed or not newest:
            return
        known = _Known(self._vault.id, newest[0].seq, newest[0].hash, self._folders)
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            new.touch(0o600)
            new.write_bytes(msgspec.json.encode(known))
            new.replace(self._path)


def _read(path: Path) -> _Known:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Known)
    except (OSError, msgspec.MsgspecError):
        return _Known()
