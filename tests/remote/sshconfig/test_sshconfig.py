"""The SSH configuration is read as ssh reads it: by asking ssh, and where there is none, by ourselves."""

import contextlib
import getpass
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.remote.conftest import Site
from tuibackup.errors import ConnectError
from tuibackup.remote.connect import algorithms
from tuibackup.remote.sshconfig import program, reader, sshconfig
from tuibackup.remote.sshconfig.sshconfig import Hop, Settings

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh to compare with")


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("gate", [Hop("gate")]),
        ("andi@gate:2222", [Hop("gate", 2222, "andi")]),
        ("ssh://andi@gate:2222", [Hop("gate", 2222, "andi")]),
        ("andi@kampus.example@gate", [Hop("gate", None, "andi@kampus.example")]),
        ("a,b@c, [::1]:22", [Hop("a"), Hop("c", None, "b"), Hop("::1", 22)]),
    ],
)
def test_jump_hosts_are_read_as_ssh_reads_them(text: str, hops: list[Hop]) -> None:
    assert sshconfig.jumps(text) == hops


@pytest.mark.parametrize("text", ["", "a,,b", "a:b", "@a", "a b", "-oProxyCommand=x"])
def test_what_is_no_jump_host(text: str) -> None:
    with pytest.raises(ConnectError, match=r"is not \[user@\]host\[:port\]$"):
        sshconfig.jumps(text)


hosts = st.from_regex(r"[a-z0-9.][a-z0-9.-]{0,19}", fullmatch=True)
hops = st.builds(Hop, hosts, st.one_of(st.none(), st.integers(1, 65535)), st.one_of(st.none(), hosts))


@given(st.lists(hops, min_size=1, max_size=4))
def test_a_hop_is_written_as_it_is_read(way: list[Hop]) -> None:
    assert sshconfig.jumps(",".join(map(str, way))) == way


async def test_the_route_of_a_jump_host_that_has_one_itself(site: Site) -> None:
    site.ssh_config("Host gate\n ProxyJump outer\nHost inside\n ProxyJump gate,second\n")

    async def route(target: str, jump: str | None) -> list[Hop]:
        return [settings.hop for settings in await sshconfig.route(Hop(target), jump)]

    assert await route("inside", None) == [Hop("outer"), Hop("gate"), Hop("second"), Hop("inside")]
    assert await route("inside", "x@other") == [Hop("other", None, "x"), Hop("inside")]
    assert await route("inside", "none") == [Hop("inside")]
    assert await route("elsewhere", None) == [Hop("elsewhere")]


def without_ssh(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine as one that has no ssh."""
    (site.home / "bin").mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", str(site.home / "bin"))


# Configurations as people have them, and hosts to ask for. {home} is the home. Where ssh is installed, its answer and
# ours are compared; what it would take is written beside each, so that the case stands where there is no ssh.
CORPUS = {
    "comments behind values": (
        "Host web # the first\n Port 2222 # not 22\n User andi\n",
        ["web", "other", "first"],
    ),
    "equals signs and quotes": ('Host=web\n\tPort = "2200"\n\tUser="andi b"\n', ["web"]),
    "the first value counts": ("Port 1\nPort 2\nHost *\n Port 3\n", ["x"]),
    "negated hosts": (
        "Host *.example !db.example\n User web\nHost *\n User all\n",
        ["a.example", "db.example"],
    ),
    "hosts in capitals": ("Host WEB\n User upper\nHost web\n User lower\n", ["web", "WEB"]),
    "match exec with tokens": (
        'Match exec "test %h = web && test %p -eq 22"\n User chosen\nMatch exec="test %n = db"\n User other\n',
        ["web", "db", "x"],
    ),
    "match exec with an equals sign": ('Match exec "A=b; test $A = b"\n User chosen\n', ["web"]),
    "match host and user": (
        (
            "Match host web,db*,!db9 user andi\n Port 2201\nMatch originalhost web\n Port 2202\n"
            "Match !host x localuser *\n Port 2203\n"
        ),
        ["web", "db1", "db9", "x"],
    ),
    "match final": (
        "Host web\n HostName real.example\nMatch final host real.example\n Port 2222\n",
        ["web", "x"],
    ),
    "match final and identities": (
        "IdentityFile ~/.ssh/one\nMatch final\n IdentityFile ~/.ssh/two\n Port 9\n",
        ["web"],
    ),
    "match all": ("Match all\n Port 2222\n", ["web"]),
    "canonical names that do not exist": (
        "CanonicalizeHostname yes\nCanonicalDomains invalid\nMatch canonical\n Port 2222\nHost web\n User short\n",
        ["web", "web.other"],
    ),
    "host names with tokens": ("Host *.s\n HostName %h.example\nHost x\n HostName a%%b\n", ["web.s", "x"]),
    "a proxy command": (
        "Host web\n ProxyCommand sh -c 'nc \"%h\" %p' # %r@%n\nHost none\n ProxyCommand none\n",
        ["web", "none", "x"],
    ),
    "jump or command, the first": (
        (
            "Host a\n ProxyJump gate\n ProxyCommand nc %h %p\nHost b\n ProxyCommand nc %h %p\n ProxyJump gate\n"
            "Host c\n ProxyJump none\nHost *\n ProxyJump andi@gate:2200,[::1]:22\n"
        ),
        ["a", "b", "c", "d"],
    ),
    "times": ("ConnectTimeout 1m30s\nServerAliveInterval 2m\n", ["x"]),
    "latin-1": ("# r\xe9seau\nHost web # d\xe9j\xe0\n Port 2222\n", ["web"]),
    "keys": (
        (
            'IdentityFile ~/.ssh/%r_%h\nIdentityFile %d/.ssh/x%%y\nIdentityFile "{home}/a b"\nIdentitiesOnly yes\n'
            "CertificateFile /nowhere/cert.pub\nHost web\n IdentityFile none\n"
        ),
        ["web", "x"],
    ),
    "known hosts with tokens": (
        (
            "Host a\n UserKnownHostsFile ~/kh %d/kh_%k {home}/x_%h\nHost b\n UserKnownHostsFile /dev/null\n"
            "Host c\n UserKnownHostsFile none\n GlobalKnownHostsFile /etc/other\n"
        ),
        ["a", "b", "c", "d"],
    ),
    "aliases and agents": (
        (
            "Host a\n HostKeyAlias Gudang\n IdentityAgent ~/agent\nHost b\n IdentityAgent none\n"
            "Host c\n IdentityAgent SSH_AUTH_SOCK\nHost d\n IdentityAgent $MY_AGENT\n"
        ),
        ["a", "b", "c", "d"],
    ),
    "includes": (
        "Host web\n Include {home}/.ssh/more/*.conf\n Port 3\nHost *\n User last\n",
        ["web", "b", "x"],
    ),
    "words to pass over": ("IgnoreUnknown Future*,Use*\nFutureThing on\nUseKeychain yes\nPort 2222\n", ["x"]),
    "ways to log in": (
        (
            "PreferredAuthentications publickey,password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PubkeyAuthentication yes\nAddressFamily inet\nBindAddress 127.0.0.1\n"
        ),
        ["x"],
    ),
    "tags": ("Host web\n User a\nMatch user a\n Port 7\n", ["web"]),
    "windows line ends": ("Host web\r\n  Port 2222\r\n  User andi\r\n", ["web"]),
    "without effect": (
        "Host a\n Ciphers aes128-ctr\n StrictHostKeyChecking accept-new\n ControlMaster auto\n",
        ["a"],
    ),
}


@needs_ssh
@pytest.mark.parametrize("name", CORPUS)
async def test_our_reader_says_what_ssh_says(name: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    text, hosts = CORPUS[name]
    more = site.home / ".ssh/more"
    more.mkdir()
    (more / "1.conf").write_text("Port 1001\nHost b\n Port 1002\n")
    (more / "2.conf").write_text("Port 2001\nHost b\n User included\n")
    (site.home / ".ssh/config").write_bytes(text.replace("{home}", str(site.home)).encode("latin-1"))
    monkeypatch.setenv("MY_AGENT", "/run/mine")
    for host in hosts:
        for hop in (Hop(host), Hop(host, 2022, "budi")):
            asked = await sshconfig.settings(hop)
            with monkeypatch.context() as without:
                without_ssh(site, without)
                read = await sshconfig.settings(hop)
            assert compared(read) == compared(asked), f"{host}: ssh says the second"
            assert not any("says:" in note for note in asked.notes), asked.notes


def compared(settings: Settings) -> dict[str, object]:
    found = {name: getattr(settings, name) for name in settings.__struct_fields__}
    found["notes"] = [note for note in found["notes"] if "has no effect" in note]
    return found


async def test_canonical_names(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ssh_config(
        "CanonicalizeHostname yes\nCanonicalDomains a.example b.example\n"
        "Match canonical host *.b.example\n Port 2222\nHost web.b.example\n User long\n"
    )

    def resolved(name: str, *rest: object) -> list[object]:
        if name == "web.b.example":
            return [object()]
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    without_ssh(site, monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    found = await sshconfig.settings(Hop("web"))
    assert (found.host, found.port, found.user) == ("web.b.example", 2222, "long")
    assert (await sshconfig.settings(Hop("db"))).host == "db"


async def test_ssh_is_asked_and_found_without(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the program that is there counts, whatever it is."""
    site.ssh_config("Host web\n Port 2222\n")
    (site.home / "bin").mkdir()
    ssh = site.home / "bin/ssh"
    ssh.write_text(
        '#!/bin/sh\necho "$@" >>"$HOME/asked"\necho hostname from-ssh\necho port 4444\necho user siti\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{site.home}/bin:/usr/bin:/bin")
    found = await sshconfig.settings(Hop("web", None, "-x"))
    assert (found.host, found.port, found.user) == ("from-ssh", 4444, "siti")
    assert f"-G -T -F {site.home}/.ssh/config -l -x -- web" in (site.home / "asked").read_text().splitlines()
    ssh.unlink()
    assert (await sshconfig.settings(Hop("web"))).port == 2222


async def test_no_name_becomes_part_of_a_command(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ssh_config('ProxyCommand nc %h %p %r\nMatch exec "echo %r >$HOME/ran"\n')
    for hop in (Hop("a;touch x"), Hop("a$(id)"), Hop("a", None, "b;id"), Hop("a", None, "b`id`")):
        with monkeypatch.context() as without:
            without_ssh(site, without)
            with pytest.raises(ConnectError, match=r"is no name of a host|cannot be part of"):
                await sshconfig.settings(hop)
    assert not (site.home / "ran").exists()


async def test_a_program_that_is_none_is_said_and_passed_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ssh_config("Port 2222\n")
    without_ssh(site, monkeypatch)
    (site.home / "bin/ssh").write_bytes(b"\x7fELF")
    (site.home / "bin/ssh").chmod(0o755)
    found = await sshconfig.settings(Hop("web"))
    assert found.port == 2222
    assert found.notes == ("ssh -G web says: Exec format error; ~/.ssh/config is read without it",)


async def test_an_ssh_that_does_not_end_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ssh_config('Match exec "sleep 60"\n Port 2222\n')
    monkeypatch.setattr(program, "SECONDS", 0.5)
    monkeypatch.setattr(reader, "EXEC_SECONDS", 0.5)
    began = time.monotonic()
    if shutil.which("ssh"):
        with pytest.raises(ConnectError, match=r"^ssh -G web did not end within 0\.5 s; see Match exec"):
            await sshconfig.settings(Hop("web"))
    without_ssh(site, monkeypatch)
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ConnectError, match=r"^~/\.ssh/config line 1: Match exec did not end within 0\.5 s$"):
        await sshconfig.settings(Hop("web"))
    assert time.monotonic() - began < 10


async def test_includes_beside_a_home_of_its_own(site: Site) -> None:
    """ssh would look for them in the home of the account, which is not $HOME here."""
    (site.home / ".ssh/conf.d").mkdir()
    (site.home / ".ssh/conf.d/a").write_text("Host web\n Port 2222\n")
    site.ssh_config("Include conf.d/*\nInclude ~/.ssh/none\n")
    assert (await sshconfig.settings(Hop("web"))).port == 2222


async def test_without_a_configuration(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = await sshconfig.settings(Hop("x"))
    assert plain == Settings(Hop("x"), "x", 22, getpass.getuser())
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    assert (await sshconfig.settings(Hop("x", 2222, "andi"))).agent == "/run/agent"


@pytest.mark.parametrize(
    "line",
    ["IdentityFile %q", "IdentityFile ${NO_SUCH_VARIABLE_HERE}", "User", "Port 1 2", "Match all host", "= 3"],
)
async def test_a_configuration_that_cannot_be_read(site: Site, line: str) -> None:
    site.ssh_config(f"{line}\n")
    with pytest.raises(ConnectError, match=r"^~/\.ssh/config"):
        await sshconfig.settings(Hop("x"))


async def test_unknown_words_are_named_with_their_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.ssh_config("Host x\n Warp 9\n Port 2222\nHost y\n Other 1\nMatch version 9*\n Port 1\n")
    without_ssh(site, monkeypatch)
    found = await sshconfig.settings(Hop("x"))
    assert found.port == 2222
    assert found.notes == (
        "~/.ssh/config line 2: Warp is not known here and is ignored",
        "~/.ssh/config line 6: Match version cannot be decided here and is ignored",
    )


async def test_algorithms_that_asyncssh_does_not_know_are_named(site: Site) -> None:
    site.ssh_config("KexAlgorithms sntrup761x25519-sha512@openssh.com\nMACs hmac-sha2-256\n")
    found = await sshconfig.settings(Hop("x"))
    assert found.further == {"mac_algs": ["hmac-sha2-256"]}
    assert found.notes == (
        "~/.ssh/config: KexAlgorithms names nothing that is known here; it is ignored (x)",
    )


@pytest.mark.parametrize(
    ("spec", "result"),
    [("a,c", ["a", "c"]), ("+z", ["a", "b", "c", "z"]), ("-b*,c", ["a"]), ("^c,z", ["c", "z", "a", "b"])],
)
def test_lists_of_algorithms(spec: str, result: list[str]) -> None:
    assert algorithms.arranged(spec, ["a", "b", "c"]) == result


@given(st.text(max_size=200))
def test_whatever_is_written_the_reader_takes_it_or_says_why(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_text(text.replace("exec", "host").replace("nclude", "dentity"), errors="replace")
        with contextlib.suppress(ConnectError):
            reader.read([path], "x", None, None, lambda note: None)
