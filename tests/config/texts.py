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


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    message = str(caught.value)
    assert message.isprintable(), "one line"
    return message


def server(text: str) -> Server:
    return read(HEAD + "[servers.a]\n" + text).servers["a"]


def server_refusal(text: str) -> str:
    return refusal(HEAD + "[servers.a]\n" + text)


def put(path: Path, text: str = SERVER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path
