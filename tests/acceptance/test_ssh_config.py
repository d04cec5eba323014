"""A server that is reached as ~/.ssh/config says, with an ssh on this machine and without."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.pump import PUMP
from tuibackup.demo.sshd import PrivateSshd

# As people have it: comments in Latin-1 and behind values, a command that decides, names of a newer ssh, times,
# a jump through a shell, files with tokens and such as are not there.
CONFIG = """\
# r\xe9seau
IgnoreUnknown WarpDrive
WarpDrive 9
Host gudang  # the store
    HostName 127.0.0.1 # never moved
    User = "{user}"
    ConnectTimeout 1m
    ServerAliveInterval 2m
    CertificateFile ~/.ssh/absent-cert.pub
    UserKnownHostsFile %d/known_%k ~/.ssh/elsewhere
    HostKeyAlias Store
Match originalhost gudang exec "test %n = gudang && A=b; test $A = b"
    Port {port} # behind the gate
    IdentityFile {key}
    Ciphers aes128-ctr
    ProxyCommand sh -c "exec {python} {home}/pump.py %h ${{NOTHING:-%p}}" # no comment for ssh
Match final
    IdentitiesOnly yes
"""


@pytest.fixture
def gudang(site: Site, sshd: PrivateSshd, application: Path) -> Site:
    """A server that config.toml knows by the name of ~/.ssh/config alone."""
    site.add("siakad", sshd, [application])
    site.servers["siakad"] = f'[servers.siakad]\nhost = "gudang"\nfolders = ["{application}"]\n'
    site.write_config()
    (site.home / ".ssh/known_hosts").unlink()
    key = sshd.known_hosts_lines[0].split(" ", 1)[1]
    (site.home / "known_store").write_text(f"store {key}\n")
    (site.home / "pump.py").write_text(PUMP)
    text = CONFIG.format(
        user=sshd.user, port=sshd.port, key=sshd.client_key, python=sys.executable, home=site.home
    )
    (site.home / ".ssh/config").write_bytes(text.encode("latin-1"))
    return site


def without_ssh(site: Site) -> Mapping[str, str]:
    """The environment of a machine that has a shell and no ssh."""
    tools = site.folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "test", "sleep"):
        there = shutil.which(name)
        assert there
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(there)
    return {"PATH": str(tools), "SHELL": "/bin/sh"}


def connection(said: Said) -> str:
    """What `check --json` says of the connection."""
    (found,) = [one["detail"] for one in said.json if one["check"] == "connection"]
    return str(found)


@pytest.mark.parametrize("program", ["with ssh", pytest.param("without", marks=pytest.mark.long)])
def test_a_configuration_as_people_have_it(gudang: Site, sshd: PrivateSshd, program: str) -> None:
    env = {"SHELL": "/bin/sh"} if program == "with ssh" else without_ssh(gudang)
    checked = gudang.tuibackup("check", "siakad", "--json", env=env)
    details = [one["detail"] for one in checked.json if one["server"] == "siakad"]
    assert connection(checked).startswith(f"{sshd.user}@127.0.0.1, "), details
    assert [detail for detail in details if "ssh/config" in detail] == [
        "~/.ssh/config: Ciphers has no effect here (gudang)"
    ]
    run = gudang.tuibackup("run", "siakad", "--json", env=env)
    assert run.finished["outcome"] == "done", run.out
    assert any("Ciphers has no effect here" in str(event) for event in run.events)


@pytest.mark.long
def test_words_of_a_newer_ssh_are_named_and_passed_over(gudang: Site) -> None:
    path = gudang.home / ".ssh/config"
    path.write_bytes(path.read_bytes().replace(b"IgnoreUnknown WarpDrive\n", b""))
    for env in ({"SHELL": "/bin/sh"}, without_ssh(gudang)):
        checked = gudang.tuibackup("check", "siakad", "--json", env=env)
        details = " | ".join(one["detail"] for one in checked.json)
        assert "~/.ssh/config line 2: WarpDrive is not known here and is ignored" in details
        assert "folder" in {one["check"] for one in checked.json}, details


@pytest.mark.long
def test_a_proxy_command_that_fails_says_why(gudang: Site) -> None:
    path = gudang.home / ".ssh/config"
    path.write_bytes(path.read_bytes().replace(b"pump.py", b"gone.py"))
    said = connection(gudang.tuibackup("check", "siakad", "--json", env={"SHELL": "/bin/sh"}))
    assert "the ProxyCommand of ~/.ssh/config ended: exit 2: " in said
    assert "gone.py" in said


@pytest.mark.long
def test_a_match_exec_that_hangs_does_not_hang_us(gudang: Site) -> None:
    (gudang.home / ".ssh/config").write_text('Match exec "sleep 50"\n Port 1\n')
    began = time.monotonic()
    for env in ({}, without_ssh(gudang)):
        assert "Match exec" in connection(gudang.tuibackup("check", "siakad", "--json", env=env))
    assert time.monotonic() - began < 40


@pytest.fixture
def agent(site: Site, sshd: PrivateSshd) -> Iterator[str]:
    """An agent that holds the client's key."""
    socket = str(site.folder / "agent")
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not os.path.exists(socket):
        time.sleep(0.01)
    subprocess.run(
        ["ssh-add", "-q", sshd.client_key], check=True, env={**os.environ, "SSH_AUTH_SOCK": socket}
    )
    yield socket
    process.terminate()
    process.wait()


@pytest.mark.parametrize("where", ["config.toml", pytest.param("~/.ssh/config", marks=pytest.mark.long)])
@pytest.mark.long
def test_a_key_of_which_only_the_public_half_is_here(
    site: Site, sshd: PrivateSshd, application: Path, agent: str, where: str
) -> None:
    site.add("siakad", sshd, [application])
    public = sshd.client_key.with_suffix(".pub").read_bytes()
    (site.home / ".ssh/mine.pub").write_bytes(public)
    named = f'key = "{site.home}/.ssh/mine"' if where == "config.toml" else ""
    site.servers["siakad"] = site.servers["siakad"].replace(f'key = "{sshd.client_key}"', named)
    if not named:
        (site.home / ".ssh/config").write_text(
            f"IdentityFile ~/.ssh/mine\nIdentitiesOnly yes\nIdentityAgent {agent}\n"
        )
    site.write_config()
    env = {"SSH_AUTH_SOCK": agent} if named else {}
    assert connection(site.tuibackup("check", "siakad", "--json", env=env)).startswith(f"{sshd.user}@")
    if named:
        said = connection(site.tuibackup("check", "siakad", "--json"))
        assert said == (
            f"key {site.home}/.ssh/mine is not here, only its public half, and no agent holds it;"
            " add it to the agent: ssh-add"
        )


@pytest.mark.long
def test_a_key_of_puttys_is_named_with_the_command_that_converts_it(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    key = site.home / ".ssh/andi.ppk"
    key.write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: andi\n")
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    for words in (("check", "siakad"), ("run", "siakad")):
        said = site.tuibackup(*words)
        assert f"puttygen {key} -O private-openssh -o {key.with_suffix('')}" in said.out + said.err, said
