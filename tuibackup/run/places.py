"""Where a configuration's ledger, vault, host keys and journals lie, and how to open them."""

from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.errors import LedgerError

if TYPE_CHECKING:
    from tuibackup.ledger.store import Ledger
    from tuibackup.remote.connect.hostkeys import KnownHosts, Told
    from tuibackup.vault.layout import Vault


HELD = 30.0  # seconds to wait for another process that holds the ledger


def open_ledger(config: Config, *, read_only: bool = False, patience: float = HELD) -> "Ledger":
    """The ledger of this configuration; `read_only`: only to read, without leaving a trace.

    Raises LedgerHeldError if another process holds it for longer than `patience` seconds, LedgerError.
    """
    from tuibackup.ledger.store import Ledger

    target = config.ledger_url or config.state / "ledger.sqlite"
    if read_only:
        return Ledger.read_only(target, patience=patience)
    return Ledger.open(target, patience=patience)


def look_into_ledger(
    config: Config, *, read_only: bool = False, patience: float = HELD
) -> "tuple[Ledger, str]":
    """The ledger for reading, and why nothing can be recorded in it now ("" if it can).

    `read_only`: nothing is changed, and no fault is told because nothing is to be recorded. Raises LedgerError if it
    cannot even be read.
    """
    try:
        return open_ledger(config, read_only=read_only, patience=patience), ""
    except LedgerError as error:
        try:
            return open_ledger(config, read_only=True, patience=patience), str(error)
        except LedgerError:
            raise error from None


def open_vault(config: Config, *, create: bool = True) -> "Vault":
    """The vault of this configuration. Raises VaultError: missing, foreign, "backup disk not mounted?"."""
    from tuibackup.vault.layout import Vault

    return Vault.open(config.vault.path, config.state, create=create)


def known_hosts(config: Config, told: "Told | None") -> "KnownHosts":
    """The host keys that operators accepted through tuibackup; `told` puts each new one into the record."""
    from tuibackup.remote.connect.hostkeys import KnownHosts

    return KnownHosts(config.state / "known_hosts", told)


def runs_folder(state: Path) -> Path:
    """Where the journals of this host lie, with the stop requests beside them."""
    return state / "runs"


def seals_folder(config: Config) -> Path:
    """Where the key of the seals lies, and the newest seal of each key."""
    return config.state / "seals"
