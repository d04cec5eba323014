"""The tables [copies.NAME]."""

from pathlib import Path

import pytest

from tuibackup.config.copies import Address
from tuibackup.config.read import parse
from tuibackup.errors import ConfigError

BEFORE = '[vault]\npath = "/srv/backup"\n[servers.siakad]\nhost = "h"\nfolders = ["/srv"]\n'


def read(text: str):  # type: ignore[no-untyped-def]
    return parse(BEFORE + text, Path("/etc/config.toml"))


def test_a_copy_is_read_with_all_its_terms() -> None:
    config = read(
        '[copies.kampus2]\nto = "sftp://backup@10.20.0.9:2222/srv/tuibackup"\njump = "gate"\n'
        'encrypt_to = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]\n'
        'servers = ["sia*"]\nafter_run = true\nkeep = "12 months"\noff_site = true\n'
        '[copies.usb]\nto = "/mnt/usb"\n'
        '[copies.cloud]\nto = "s3://bucket/a/b/"\nendpoint = "https://s3.example.ac.id"\nlock = "120 days"\n'
        '[retention]\nrequire_copies = ["kampus2"]\n[servers.siakad.retention]\nrequire_copies = []\n'
    )
    copy = config.copies["kampus2"]
    assert copy.to == Address("sftp", "/srv/tuibackup", "10.20.0.9", "backup", 2222)
    assert str(copy.to) == "sftp://backup@10.20.0.9:2222/srv/tuibackup"
    host = config.host("kampus2")
    assert (host.host, host.port, host.user, host.jump) == ("10.20.0.9", 2222, "backup", "gate")
    assert copy.takes("siakad")
    assert not copy.takes("simpeg")
    assert config.copies["usb"].to.folder == Path("/mnt/usb")
    assert config.copies["cloud"].to == Address("s3", "a/b", "bucket")
    assert config.required_copies("siakad") == ()
    assert config.required_copies("siagone") == ("kampus2",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "copies.a.to: is missing"),
        ('to = "usb"', "is no place for copies"),
        ('to = "ftp://x/y"', "is no place for copies"),
        ('to = "sftp://u:geheim@x/y"', "must not hold a password"),
        ('to = "sftp://x/"', "names no folder"),
        ('to = "sftp://x/a/../b"', 'contains ".."'),
        ('to = "/mnt/usb"\nkey = "~/.ssh/id"', "only for SFTP"),
        ('to = "/mnt/usb"\nendpoint = "https://x"', "only for object storage"),
        ('to = "/mnt/usb"\nencrypt_to = ["AGE-SECRET-KEY-1GEHEIM"]', "secret identity"),
        ('to = "/mnt/usb"\nencrypt_to = []', "names nobody"),
        ('to = "/mnt/usb"\nservers = ["sikad"]', 'no server is called "sikad"'),
        ('to = "/mnt/usb"\nkeep = "a while"', "is no number of periods"),
        ('to = "/mnt/usb"\n[retention]\nrequire_copies = ["b"]', '"b" is no copy'),
    ],
)
def test_what_is_wrong_with_a_copy_is_said(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(f"[copies.a]\n{text}\n")
    assert told in str(raised.value)
    assert "geheim" not in str(raised.value).lower()
