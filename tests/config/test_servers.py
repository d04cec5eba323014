from pathlib import Path

import pytest

from tests.config.texts import HEAD, SERVER, read, refusal, server
from tuibackup.config import (
    SecretSource,
)


@pytest.mark.parametrize("name", ["siakad", "e-office", "web_01", "dns1.poltekkes", "A", "1", "x" * 40])
def test_a_name_that_is_safe_as_folder_and_word_is_taken(name: str) -> None:
    assert name in read(HEAD + f"[servers.'{name}']\nhost = 'h'\nfolders = ['/x']").servers


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".x", "-x", "_x", "a/b", "a b", "x" * 41, "é", "a\\u001b", "tuibackup-vault.toml"],
)
def test_a_name_that_could_be_a_path_an_option_or_a_trick_is_refused(name: str) -> None:
    message = refusal(HEAD + f'[servers."{name}"]\nhost = "h"\nfolders = ["/x"]')
    assert message.startswith("c.toml:3: servers.")
    assert "is no name for a server; use 1 to 40 letters" in message


def test_names_must_differ_on_a_disk_that_ignores_case() -> None:
    message = refusal(SERVER + "[servers.SIAKAD]\nhost = 'h'\nfolders = ['/x']")
    assert message.startswith("c.toml:6: servers.SIAKAD: differs from siakad only in upper and lower case")


def test_folders_that_only_look_alike_do_not_overlap() -> None:
    folders = ("/var/www", "/var/www2", "/var/www-old", "/srv")
    assert server(f"host = 'h'\nfolders = {list(folders)}").folders == folders


def test_prompt_false_is_no_source() -> None:
    found = server("host = 'h'\nfolders = ['/x']\nprompt = false\npassword_command = 'pass x'")
    assert found.password == SecretSource(command="pass x")


def test_home_folders_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/andi")
    assert read("[vault]\npath = '~/backup'").vault.path == Path("/home/andi/backup")
