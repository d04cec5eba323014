from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.texts import HEAD, SERVER, read, refusal, refusals
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
from tuibackup.config.settings import DiscoverSettings
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
        [discover]
        every = "never"
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
        discover=DiscoverSettings(None),
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
    ("text", "lines"),
    [
        (HEAD + "path = '/x'\n", ["c.toml:3: path is there twice, first in line 2; keep one of the two"]),
        ("[vault]\npath = /srv", ['c.toml:2: path: text must stand in quotes; write it as path = "…"']),
        (HEAD + "[run\n", ["c.toml:3: the ] at the end is missing; write it as [table]"]),
        (
            "operators = ['a',\n" + HEAD,
            [
                'c.toml:1: operators: a list is not closed: its ] is missing; write it as operators = ["…", "…"]'
            ],
        ),
        (HEAD + "?\n", ["c.toml:3: not valid TOML: is neither a [table], a key = value, nor a # comment"]),
        ("x = " + "[" * 5000, ["c.toml: not valid TOML: nested too deeply"]),
    ],
)
def test_broken_toml_is_told_with_its_line(text: str, lines: list[str]) -> None:
    assert refusals(text) == lines


EVERYTHING = """\
language = id
mouse = yes
[vault]
path = “/srv/backup”
min_free = "10 percent"
pth = "/x"
[vault]
full_every = "1 wk"
[server.arsip]
host = "10.10.0.9"
folders = ["/srv"]
[servers.siakad]
host = 10.10.0.5
host = "10.10.0.6"
user = tuibackup
port = "22"
sudo = ON
label = "C:\\siakad"
folders = ["/var/www/siakad", "/var/www/moodle"
exclude = ["*.log" "cache"]
password = "planted-secret"
[servers.lms
host = "lms.example
folders = [/var/www/lms]
[servers.empty]
host = "x"
[servers.kosong]
host: "h"
folders = '/x'
label =
[servers.kosong.database]
user "backup"
password_file = ‘~/.secrets/siakad’ # mine
"""


def test_everything_that_is_wrong_is_told_at_once_each_with_its_line() -> None:
    lines = refusals(EVERYTHING.replace("\n", "\r\n"))
    told = [line.removeprefix("c.toml:").partition("; ")[0] for line in lines]
    assert told == [
        "1: language: text must stand in quotes",
        "2: mouse: yes is no value",
        "4: path: typographic quotes, such as “ ”",
        '5: vault.min_free: "10 percent" is no room on a disk',
        "6: vault.pth: unknown key",
        "7: the table [vault] is there twice, first in line 3",
        "9: server: unknown key",
        "13: host: text must stand in quotes",
        "14: host is there twice, first in line 13",
        "15: user: text must stand in quotes",
        "16: servers.siakad.port: must be a whole number from 1 to 65535, without quotes",
        "17: sudo: ON is no value",
        "18: label: a single backslash in double quotes",
        "19: folders: a list is not closed: its ] is missing",
        "20: exclude: a comma is missing between two entries",
        "21: servers.siakad.password: this file must not hold a password",
        "22: the ] at the end is missing",
        "23: host: a quote is missing at the end of the text",
        "24: folders: each entry of a list stands in quotes",
        "25: servers.empty: has nothing to back up",
        "28: host: a colon stands where an = belongs",
        '29: servers.kosong.folders: must be a list of texts: ["…", "…"]',
        "30: label: the value is missing",
        "32: an = is missing between the key and its value",
        "33: password_file: typographic quotes, such as “ ”",
    ]
    assert all("; " in line or "must be" in line for line in lines), "each has its way out"
    assert "planted" not in "".join(lines)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_is_done_to_a_configuration_is_told_in_lines(data: st.DataObject) -> None:
    text = list(EVERYTHING)
    for _change in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from("\"'[]{}=#\n\\.,:“”\t\r\u00a0a0"))
    assert all(line.startswith("c.toml") for line in refusals("".join(text)))


def test_windows_line_ends_are_read_and_counted() -> None:
    assert refusal(SERVER.replace("\n", "\r\n") + "x = 1\r\n").startswith("c.toml:6: servers.siakad.x: ")
