from pathlib import Path

import pytest

from tests.config.texts import HEAD, SERVER, read, refusal
from tuibackup.config import (
    Config,
    Database,
    RunSettings,
    SecretSource,
    Server,
    Standards,
    VaultSettings,
    example,
)
from tuibackup.config.read import parse
from tuibackup.config.table import KEYS
from tuibackup.sop import Period


def test_the_example_is_valid_as_it_is_and_says_only_defaults() -> None:
    config = parse(example().read_text(), Path("/home/andi/config.toml"))
    assert config.servers == {}
    plain = parse('[vault]\npath = "~/backup"\n', config.source)
    assert config == plain


def test_the_example_shows_every_key_and_is_valid_with_all_of_them() -> None:
    lines = example().read_text().splitlines()
    shown = [line.removeprefix("# ") for line in lines if line.startswith(("# [", "[")) or " = " in line]
    # Where the example names alternatives, one of them must go.
    alternatives = ("password_command", "password_file", "option_file", 'socket = "/run/mysqld/mysqld')
    text = "\n".join(line for line in shown if not line.startswith(alternatives))
    config = parse(text, Path("/home/andi/config.toml"))
    assert config.servers["siakad"].database == Database(
        "backup", host="127.0.0.1", port=3306, exclude=("scratch",), checksum=True
    )
    everything = "\n".join(shown)
    for keys in KEYS.values():
        for key in keys:
            assert key in everything, key


def test_what_the_contract_shows_is_read_as_it_says() -> None:
    config = read("""
        language = "id"
        theme = "tuibackup-dark"
        state = "/var/lib/elsewhere"
        operators = ["Andi", "Siti"]
        mouse = true
        symbols = "ascii"
        [vault]
        path = "/srv/backup"
        min_free = "50 GB"
        full_every = "2 months"
        [sop]
        files_within = "10 days"
        databases_within = "2 weeks"
        connect_within = "90 seconds"
        login_within = "1 hour"
        [run]
        parallel = 4
        bandwidth = ["20 MB/s", "08:00-17:00 5 MB/s"]
        [ledger]
        url = "sqlite:////var/lib/l.sqlite"
        [keymap]
        back-up = "f5"
        [servers.siakad]
        label = "SIAKAD"
        host = "10.10.0.5"
        port = 2222
        user = "tuibackup"
        jump = "gateway, ops@[::1]:2200"
        key = "/root/key"
        sudo = true
        folders = ["/var//www/siakad/", "/srv/./data"]
        exclude = ["**/cache/**", "*.log"]
        [servers.siakad.database]
        user = "backup"
        option_file = "~/.my.cnf"
        socket = "/run/mysqld/mysqld.sock"
        exclude = ["scratch"]
        [servers.lms]
        host = "lms"
        database = {}
    """)
    siakad = Server(
        name="siakad",
        host="10.10.0.5",
        label="SIAKAD",
        port=2222,
        user="tuibackup",
        jump="gateway,ops@[::1]:2200",
        key=Path("/root/key"),
        sudo=True,
        folders=("/var/www/siakad", "/srv/data"),
        exclude=("**/cache/**", "*.log"),
        database=Database(
            user="backup",
            password=SecretSource(option_file="~/.my.cnf"),
            socket="/run/mysqld/mysqld.sock",
            exclude=("scratch",),
        ),
    )
    assert config == Config(
        source=Path("c.toml"),
        state=Path("/var/lib/elsewhere"),
        vault=VaultSettings(Path("/srv/backup"), "50 GB", Period(2, "month")),
        language="id",
        theme="tuibackup-dark",
        symbols="ascii",
        mouse=True,
        operators=("Andi", "Siti"),
        sop=Standards(Period(10, "day"), Period(2, "week"), 90.0, 3600.0),
        run=RunSettings(4, ("20 MB/s", "08:00-17:00 5 MB/s")),
        ledger_url="sqlite:////var/lib/l.sqlite",
        keymap={"back-up": "f5"},
        servers={"siakad": siakad, "lms": Server("lms", "lms", database=Database())},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "path = '/x'\n", "c.toml:3: not valid TOML at column 12: a key is there twice"),
        ("[vault]\npath = /srv", "c.toml:2: not valid TOML at column 8: Invalid value"),
        ("[vault\n", "c.toml:1: not valid TOML at column 7: "),
        ("operators = ['a',\n", "c.toml:2: not valid TOML at the end of the file: "),
        ("x = " + "[" * 5000, "c.toml: not valid TOML: nested too deeply"),
    ],
)
def test_broken_toml_is_told_with_its_line(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_windows_line_ends_are_read_and_counted() -> None:
    assert refusal(SERVER.replace("\n", "\r\n") + "x = 1\r\n").startswith("c.toml:6: servers.siakad.x: ")
