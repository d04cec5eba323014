"""What a run does not point into, because the ledger knows better: files that verify found damaged, and snapshots that
are not what was published.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from tuibackup.errors import VaultError
from tuibackup.sop import Clock
from tuibackup.vault.damage import damaged_files, place_of
from tuibackup.vault.layout import Snapshot, Vault
from tuibackup.vault.sums import SUMS, sum_of_sums

if TYPE_CHECKING:
    from tuibackup.ledger.store import Ledger


def not_to_be_used(vault: Vault, ledger: "Ledger", server: str, previous: Snapshot | None) -> Collection[str]:
    """Files of the server's files snapshots, as `vault.damage.damaged_files` calls them. `previous` is the snapshot
    that the run would point into. Raises LedgerError.
    """
    if previous is None:
        return ()
    found = [
        one
        for one in ledger.damages(server).get(server, ())
        if (snapshot := vault.named(one.snapshot))
        and snapshot.clock is Clock.FILES
        and snapshot.path.exists()
    ]
    files = set(damaged_files(vault, found))
    try:
        recorded = ledger.recorded_sums(previous.spec)
        if recorded and recorded != sum_of_sums(previous.path):
            files.add(place_of(previous, SUMS))
    except VaultError:  # `files.reuse` finds that it cannot be read
        pass
    return files
