"""Texts of configurations that the tests share, and how they are read."""

from pathlib import Path

import pytest

from tuibackup.config import Config, Server
from tuibackup.config.read import parse
from tuibackup.errors import ConfigError

HEAD = '[vault]\npath = "/srv/backup"\n'  # two lines that every configuration needs
SERVER = HEAD + '[servers.siakad]\nhost = "10.10.0.5"\nfolders = ["/var/www/siakad"]\n'


def read(text: str) -> Config:
    return parse(text, Path("c.toml"))


def refusals(text: str) -> list[str]:
    """Everything that is wrong with `text`, a line for each."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    lines = str(caught.value).split("\n")
    assert all(line.isprintable() for line in lines)
    return lines


def refusal(text: str) -> str:
    """The first of them."""
    return refusals(text)[0]


def server(text: str) -> Server:
    return read(HEAD + "[servers.a]\n" + text).servers["a"]


def server_refusals(text: str) -> list[str]:
    return refusals(HEAD + "[servers.a]\n" + text)


def put(path: Path, text: str = SERVER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path
