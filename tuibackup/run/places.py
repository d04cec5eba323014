"""Where the things of a configuration lie: its ledger, its vault, its host keys, its runs' journals."""

from pathlib import Path
from typing import TYPE_CHECKING

from tuibackup.config import Config

if TYPE_CHECKING:
    from tuibackup.ledger.store import Ledger
    from tuibackup.vault.layout import Vault


def open_ledger(config: Config) -> "Ledger":
    """The ledger of this configuration. Raises LedgerError."""
    from tuibackup.ledger.store import Ledger

    return Ledger.open(config.ledger_url or config.state / "ledger.sqlite")


def open_vault(config: Config, *, create: bool = True) -> "Vault":
    """The vault of this configuration. Raises VaultError: missing, foreign, "backup disk not mounted?"."""
    from tuibackup.vault.layout import Vault

    return Vault.open(config.vault.path, config.state, create=create)


def known_hosts(config: Config) -> Path:
    """The host keys that operators accepted through tuibackup."""
    return config.state / "known_hosts"


def runs_folder(state: Path) -> Path:
    """Where the journals of this host lie, with the stop requests beside them."""
    return state / "runs"
