"""Looks for runs that died without recording their end, and for snapshots that the ledger does not know.

Every start looks, so what is done about them (`burial`) is imported only where there are any.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tuibackup.config import Config
from tuibackup.errors import VaultError
from tuibackup.ledger.store import Ledger
from tuibackup.run.configured import notice
from tuibackup.run.journal import journal as jr
from tuibackup.run.places import HELD, open_ledger, open_vault, runs_folder
from tuibackup.run.process.afterwards import tell_afterwards
from tuibackup.run.process.settled import Settled
from tuibackup.vault.layout import Vault

KEEP_DAYS = 90  # of journals; the lasting record of a run is in the ledger


def recover(config: Config, patience: float = HELD) -> list[str]:
    """Record what died without a word as *interrupted*, and sweep what it left; the ids of those runs.

    Call it at the start of every command that shows or starts runs; it is cheap when all is well. Safe when
    several do so at once: one of them records a run, once. Raises LedgerHeldError where another process holds the
    ledger for longer than `patience` seconds, LedgerError. A vault that is not there now is left for the next time.
    """
    dead, ended = _not_live(config.state)
    try:
        vault = open_vault(config, create=False)
    except VaultError:
        vault = None
    with open_ledger(config, patience=patience) as ledger:
        notice(config, ledger)
        recorded = _buried(dead, config, ledger, vault)
        if vault is not None:
            _record_all_unknown(config, ledger, vault)
    _forget_old(config.state)
    for path in ended:
        jr.put_away(path)
    if recorded:
        tell_afterwards(config)  # those that died told nobody
    return recorded


def _buried(dead: list[Path], config: Config, ledger: Ledger, vault: Vault | None) -> list[str]:
    if not dead:
        return []
    from tuibackup.run.process.burial import bury

    return [run for path in dead if (run := bury(path, config, ledger, vault))]


def _not_live(state: Path) -> tuple[list[Path], list[Path]]:
    """Journals that were not put away: those of dead runs, and those with a last line (an older version wrote them, or
    the process died just then)."""
    dead: list[Path] = []
    ended: list[Path] = []
    for path in jr.journals(state):
        if not jr.is_live(path):
            (dead if jr.last(path) is None else ended).append(path)
    return dead, ended


def _record_all_unknown(config: Config, ledger: Ledger, vault: Vault) -> None:
    settled = Settled(config.state, vault, ledger)
    for server in config.servers:
        times = settled.times(server)
        if not settled.has(times):
            from tuibackup.run.process.burial import finish_removals, record_unknown

            finished = finish_removals(server, ledger, vault)
            if record_unknown(server, ledger, vault) and finished:
                settled.add(times)
    settled.keep()


def _forget_old(state: Path) -> None:
    oldest = time.time() - KEEP_DAYS * 86400
    oldest_day = f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"
    for day in jr.days(state):
        if day < oldest_day:
            jr.forget_day(state, day)
    folder = runs_folder(state)
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    os.unlink(entry.path)
