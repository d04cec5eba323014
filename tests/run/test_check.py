"""What `check` says of this machine."""

import shutil
from collections.abc import Callable

from tuibackup.config import Config
from tuibackup.run.check import Check, State, check_host
from tuibackup.run.places import open_vault


def vault_check(config: Config) -> Check:
    (found,) = [check for check in check_host(config) if check.what == "vault"]
    return found


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
