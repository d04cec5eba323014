import os
from pathlib import Path

import pytest

from tests.config.texts import HEAD, put
from tuibackup.config import (
    MissingConfigError,
    find,
    load,
    place,
)
from tuibackup.config.read import parse
from tuibackup.errors import ConfigError


def test_the_file_named_comes_first_then_the_variable_the_accounts_and_the_systems(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = put(place.SYSTEM)
    assert find() == system
    personal = put(home / ".config/tuibackup/config.toml")
    assert find() == personal
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert find() == system
    other = put(home / "xdg/tuibackup/config.toml")
    assert find() == other
    named = put(home / "by-variable.toml")
    monkeypatch.setenv(place.VARIABLE, str(named))
    assert find() == named
    assert find(put(home / "explicit.toml")) == home / "explicit.toml"


def test_no_configuration_is_told_with_ways_out(home: Path) -> None:
    with pytest.raises(MissingConfigError) as caught:
        find()
    message = str(caught.value)
    assert f"neither {home}/.config/tuibackup/config.toml nor {place.SYSTEM} exists" in message
    assert "`tuibackup add` makes one" in message
    assert caught.value.exit_code == 2


def test_a_named_file_that_is_missing_is_not_replaced_by_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home / ".config/tuibackup/config.toml")
    with pytest.raises(MissingConfigError, match=r"missing\.toml: no such configuration file \(--config\)"):
        find(home / "missing.toml")
    monkeypatch.setenv(place.VARIABLE, str(home / "gone.toml"))
    with pytest.raises(MissingConfigError, match=r"\(\$TUIBACKUP_CONFIG\)"):
        find()


def test_the_state_is_the_accounts_or_the_systems_for_etc(home: Path) -> None:
    assert parse(HEAD, home / "config.toml").state == home / ".local/state/tuibackup"
    assert parse(HEAD, Path("/etc/tuibackup/config.toml")).state == Path("/var/lib/tuibackup")


def load_refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(("mode", "who"), [(0o620, "its group"), (0o602, "others"), (0o666, "others")])
def test_a_file_that_others_may_write_is_refused(home: Path, mode: int, who: str) -> None:
    path = put(home / "config.toml")
    path.chmod(mode)
    assert load_refusal(path) == f"{path}: {who} may write it, and it can name commands; chmod go-w {path}"


def test_a_file_that_others_may_read_is_taken(home: Path) -> None:
    path = put(home / "config.toml")
    path.chmod(0o644)
    assert "siakad" in load(path).servers


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_account_is_refused_also_behind_a_symlink(home: Path) -> None:
    path = put(home / "config.toml")
    os.chown(path, 65534, 65534)
    link = home / "link.toml"
    link.symlink_to(path)
    for name in (path, link):
        assert load_refusal(name).startswith(f"{name}: belongs to another account (uid 65534)")


def test_what_is_no_file_is_refused_at_once(home: Path) -> None:
    fifo = home / "fifo"
    os.mkfifo(fifo, 0o600)
    assert load_refusal(fifo) == f"{fifo}: is not a file"
    assert load_refusal(home) == f"{home}: is not a file"
    assert (
        load_refusal(home / "none")
        == f"{home / 'none'}: cannot be read: No such file or directory; ls -l {home / 'none'}"
    )


def test_text_that_is_no_utf_8_is_told_with_its_line(home: Path) -> None:
    path = put(home / "config.toml")
    path.write_bytes(b"# caf\xc3\xa9\n# caf\xe9\n")
    assert f"{path}:2: not UTF-8 text; save the file as UTF-8" in load_refusal(path).split("\n")
