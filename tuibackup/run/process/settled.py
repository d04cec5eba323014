"""Remembers folders of the vault whose snapshots are all in the ledger, so that a start need not look at them again.

A folder's time changes with every name that comes or goes. So a folder with the same time holds the same names; and a
ledger that still has its last entry of then has all entries before it. In doubt the folder is looked at.
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
_TICK_NS = 2_000_000_000  # two changes in one tick of the clock look like one: only an older time is trusted


class _Known(msgspec.Struct):
    """What the file holds: the vault's id, an entry of the ledger by number and hash, and the folders' times."""

    vault: str = ""
    number: int = 0
    hash: str = ""
    folders: dict[str, int] = {}


class Settled:
    """The folders that are settled, from a file in the state folder."""

    def __init__(self, state: Path, vault: Vault, ledger: Ledger) -> None:
        self._path = state / FILE_NAME
        self._vault = vault
        self._ledger = ledger
        known = _read(self._path)
        same = known.vault == vault.id and ledger.hash_of(known.number) == known.hash
        self._folders = known.folders if same else {}
        self._changed = not same

    def times(self, server: str) -> dict[str, int]:
        """The times of a server's folders now. Ask before listing them: later names then change the times."""
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
        """Remember them for the next start, if the file can be written."""
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
