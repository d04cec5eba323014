"""What `check` says of this machine."""

import shutil
import sqlite3
from collections.abc import Callable

from tuibackup.config import Config
from tuibackup.jobs.check.answer import Check, State
from tuibackup.jobs.check.host import check_host
from tuibackup.ledger.entries import Kind
from tuibackup.run.places import open_ledger, open_vault


def checked(config: Config, what: str) -> Check:
    (found,) = [check for check in check_host(config) if check.what == what]
    return found


def vault_check(config: Config) -> Check:
    return checked(config, "vault")


def test_an_empty_folder_will_do_before_the_first_run(configure: Callable[..., Config]) -> None:
    config = configure("")
    assert vault_check(config).state is not State.FAILED
    assert list(config.vault.path.iterdir()) == [], "checking makes no vault"


def test_an_empty_folder_where_the_vault_was_is_a_disk_that_is_not_mounted(
    configure: Callable[..., Config],
) -> None:
    config = configure("")
    open_vault(config)
    for child in config.vault.path.iterdir():
        child.unlink() if child.is_file() else shutil.rmtree(child)
    found = vault_check(config)
    assert found.state is State.FAILED
    assert "backup disk not mounted?" in found.detail


def test_a_folder_that_cannot_become_a_vault_is_said(configure: Callable[..., Config]) -> None:
    config = configure("")
    (config.vault.path / "photos").mkdir()
    assert "is no vault and not empty" in vault_check(config).detail


def test_a_ledger_that_was_tampered_with_is_said(configure: Callable[..., Config]) -> None:
    config = configure("")
    with open_ledger(config) as ledger:
        for number in range(3):
            ledger.append(Kind.NOTE, {"number": number}, operator="andi")
    assert checked(config, "ledger") == Check("ledger", State.OK, "3 entries, chain whole")
    with sqlite3.connect(config.state / "ledger.sqlite") as database:
        database.execute("DROP TRIGGER entry_no_update")
        database.execute("UPDATE entry SET body = '{\"number\":7}' WHERE seq = 2")
    database.close()
    found = checked(config, "ledger")
    assert found.state is State.FAILED
    assert "entry 2 " in found.detail
