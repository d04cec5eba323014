"""Whatever way a file is written in: what is added, changed and removed is that, and everything else stays as it is."""

import tomllib
from pathlib import Path

import pytest
from msgspec.structs import fields, replace

from tests.config.texts import put
from tuibackup.config import Database, RetentionSettings, SecretSource, Server, load
from tuibackup.config.keep import Rule
from tuibackup.config.write import add_server, change_server, remove_server
from tuibackup.errors import ConfigError

SPACED = """\
# ours
[vault]
path   =   '/srv/backup'    # the blue disk
[ servers . siakad ]   # the first
host="10.10.0.5"   # rack 3
folders = [
    "/var/www/siakad/",  # the application
    "/srv/data",         # uploads
]

# its database
[servers.siakad.database]
checksum = false     # too slow
wait_for_tables = "30 seconds"
dry_load   = false

# the second
# of two
[servers.lms]
host = "lms"
folders = ["/srv"]   # all
# the end
"""
INLINE = """\
vault = { path = "/srv/backup" }
servers = { siakad = { host = "10.10.0.5", folders = ["/var/www/siakad"], database = { checksum = false } }, LMS }
""".replace("LMS", 'lms = {host="lms", folders=["/srv"]}')
DOTTED = """\
vault.path = "/srv/backup"
servers.siakad.host = "10.10.0.5"
servers.siakad.folders = ["/var/www/siakad"]
servers.siakad.database.checksum = false
servers.lms.host = "lms"  # dotted
servers.lms.folders = ["/srv"]
"""
HALF = """\
[servers.lms]
host = "lms"
folders = ["/srv"]
[servers]
siakad = { host = "10.10.0.5", folders = ["/var/www/siakad"], database = { checksum = false } }
[vault]
path = "/srv/backup"
"""
APART = """\
[servers.siakad]
host = "10.10.0.5"
folders = ["/var/www/siakad"]
[vault]
path = "/srv/backup"
[servers.lms]
host = "lms"
folders = ["/srv"]
[servers.siakad.database]
checksum = false
[run]
parallel = 3
"""
ALL = {"spaced": SPACED, "inline": INLINE, "dotted": DOTTED, "half": HALF, "apart": APART}
ALL["windows"] = SPACED.replace("\n", "\r\n")
EVERYTHING = Server(
    "e-office", 'has "quotes"', label="E-Office", port=2222, user="a", jump="b@c:2", key=Path("/k"), sudo=True,
    folders=("/srv/a b",), exclude=("*.log",),
    database=Database(
        "u", SecretSource(file=Path("/p")), None, "h", 3307, ("x",), checksum=False, dry_load=False, wait_for_tables=5.0
    ),
    retention=RetentionSettings(files=Rule.parse("8 weeks, 3 years")),
)  # fmt: skip


def test_every_field_of_a_server_is_written() -> None:
    """One that is forgotten in `values` would be lost, as checksum = false was."""
    assert EVERYTHING.database is not None
    pairs = ((EVERYTHING, Server("e-office", "")), (EVERYTHING.database, Database()))
    alike = [
        one.name
        for mine, usual in pairs
        for one in fields(mine)
        if getattr(mine, one.name) == getattr(usual, one.name)
    ]
    assert alike == ["name", "password", "socket"]  # what excludes others, or stands in the header


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_file_in_any_form_takes_a_server_and_lets_it_go(home: Path, text: str) -> None:
    path = put(home / "config.toml", "")
    path.write_bytes(text.encode())
    before = load(path).servers
    new = replace(EVERYTHING, host="e.example")
    assert add_server(path, new).servers == {**before, "e-office": new}
    if text != INLINE:
        assert path.read_bytes().startswith(text.encode())
    plain = replace(new, password=SecretSource(file=Path("/f")), key=None, database=None)
    assert change_server(path, new, plain).servers == {**before, "e-office": plain}
    assert change_server(path, plain, new).servers == {**before, "e-office": new}
    assert remove_server(path, "e-office").servers == before
    assert path.read_bytes().decode().strip() == text.strip() or text == INLINE


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_a_server_is_changed_and_nothing_else(home: Path, text: str) -> None:
    path = put(home / "config.toml", "")
    path.write_bytes(text.encode())
    before = load(path).servers["siakad"]
    assert before.database is not None
    after = replace(
        before, label="SIAKAD", sudo=True, folders=("/new", *before.folders),
        database=replace(before.database, user="backup"),
    )  # fmt: skip
    config = change_server(path, before, after)
    assert set(config.servers["siakad"].folders) == set(after.folders)
    assert replace(config.servers["siakad"], folders=after.folders) == after
    after = config.servers["siakad"]
    assert not after.database.checksum if after.database else False
    assert config.servers["lms"] == Server("lms", "lms", folders=("/srv",))
    changed = path.read_bytes().decode()
    lost = [word for line in text.splitlines() for word in (line.partition("#")[2],) if word not in changed]
    assert lost == []
    assert config.vault.path == Path("/srv/backup")
    assert ("\r\n" in changed) == ("\r\n" in text)
    without = replace(after, database=None)
    assert change_server(path, after, without).servers["siakad"] == without
    assert set(remove_server(path, "siakad").servers) == {"lms"}
    tomllib.loads(path.read_bytes().decode().replace("\r\n", "\n"))


def test_what_is_changed_stands_where_a_person_would_write_it(home: Path) -> None:
    path = put(home / "config.toml", SPACED)
    before = load(path).servers["siakad"]
    change_server(
        path, before, replace(before, sudo=True, host="10.10.0.6", folders=("/var/www/siakad", "/new"))
    )
    expected = SPACED.replace('"10.10.0.5"', '"10.10.0.6"').replace(
        '    "/srv/data",         # uploads\n', ""
    )
    expected = expected.replace("# the application\n", '# the application\n    "/new",\n').replace(
        "]\n\n# its", "]\nsudo = true\n\n# its"
    )
    assert path.read_text() == expected
    before = load(path).servers["siakad"]
    remove_server(path, "siakad")
    assert path.read_text() == SPACED[: SPACED.index("[ servers")] + SPACED[SPACED.index("# the second") :]


def test_a_file_that_changed_meanwhile_is_not_overwritten(home: Path) -> None:
    path = put(home / "config.toml", SPACED)
    before = load(path).servers["siakad"]
    by_hand = SPACED.replace('"10.10.0.5"', '"10.10.0.99"')
    path.write_text(by_hand)
    with pytest.raises(ConfigError, match="was changed meanwhile"):
        change_server(path, before, replace(before, sudo=True))
    assert path.read_text() == by_hand


def test_the_first_server_makes_the_file(home: Path) -> None:
    path = home / "new" / "tuibackup" / "config.toml"
    server = Server("siakad", "h", folders=("/srv",))
    config = add_server(path, server, Path("/srv/backup"))
    assert config.servers == {"siakad": server}
    assert config.vault.path == Path("/srv/backup")
    assert [oct(one.stat().st_mode & 0o7777) for one in (path, path.parent)] == ["0o600", "0o700"]
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]
