"""Accounts and hosts as directories and networks name them are taken, or refused with one line and the way out."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd


def changed(site: Site, sshd: PrivateSshd, application: Path, lines: str) -> None:
    site.add("siakad", sshd, [application])
    keys = [line.split(" =")[0] for line in lines.splitlines()]
    kept = [line for line in site.servers["siakad"].splitlines() if line.split(" =")[0] not in keys]
    site.servers["siakad"] = "\n".join([*kept, lines]) + "\n"
    site.write_config()


@pytest.mark.parametrize(
    "user",
    [
        "andi@kampus.local",
        "KAMPUS\\\\andi",
        pytest.param("andi pratama@kampus.local", marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_accounts_of_a_directory_reach_the_server(
    site: Site, sshd: PrivateSshd, application: Path, user: str
) -> None:
    """This machine has no such account: what its sshd was asked for is in its log."""
    changed(site, sshd, application, f'user = "{user}"')
    said = site.tuibackup("check", "siakad")
    assert f"for user {user.replace(chr(92) * 2, chr(92))} (tried" in said.out
    asked = user.partition(" ")[0].replace("\\", "\\\\") if "\\" in user else user.partition(" ")[0]
    log = sshd.log.read_text()
    assert f"nvalid user {asked}" in log or f"nvalid user {user}" in log, log[-500:]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('host = "127.0.0.1:22"', "has a port in it; put that into port = …"),
        ('host = "[::1]:22"', "has a port in it; put that into port = …"),
        ('host = "andi@127.0.0.1"', 'has a user in it; put that into user = "…"'),
        ('host = "ssh://127.0.0.1"', "write only the name of the host"),
        ('user = "andi:rahasia"', "put a password into password_file"),
        ('jump = ["gate", "a:b:c"]', 'write it as "host", "user@host:22"'),
    ],
)
def test_what_is_refused_says_how_to_write_it(
    site: Site, sshd: PrivateSshd, application: Path, lines: str, said: str
) -> None:
    changed(site, sshd, application, lines)
    refused = site.tuibackup("check", "siakad")
    assert refused.code == 2
    assert said in refused.err
    assert "rahasia" not in refused.err


@pytest.mark.long
def test_jump_hosts_as_a_list(site: Site, sshd: PrivateSshd, application: Path) -> None:
    gate = f"{sshd.user}@{sshd.host}:{sshd.port}"
    changed(site, sshd, application, f'jump = ["{gate}"]')
    said = site.tuibackup("run", "siakad", "--json")
    assert said.finished["outcome"] == "done", said.out
