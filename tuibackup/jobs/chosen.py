"""What the words SERVER and SNAPSHOT mean to a job that takes either."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tuibackup.config import Config
from tuibackup.run.places import open_vault

if TYPE_CHECKING:
    from tuibackup.vault.layout import Snapshot, Vault


def chosen(
    config: Config, word: str, of_server: "Callable[[Vault, str], Iterable[Snapshot]]"
) -> "tuple[Snapshot, ...]":
    """The snapshot of that name, or the snapshots that `of_server` chooses; the server need not be configured any more.

    Raises UsageError: there is neither, VaultError.
    """
    vault = open_vault(config, create=False)
    if "/" in word:
        return (vault.find(word),)
    if word not in vault.servers():
        config.server(word)
    return tuple(of_server(vault, word))
