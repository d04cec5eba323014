"""What is read of ~/.ssh/config beyond what asyncssh does by itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.remote.conftest import Site
from tuibackup.errors import ConnectError
from tuibackup.remote import sshconfig
from tuibackup.remote.sshconfig import Hop


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


@pytest.mark.parametrize("text", ["", "a,,b", "a:b", "@a", "a b"])
def test_what_is_no_jump_host(text: str) -> None:
    with pytest.raises(ConnectError, match=r"is not \[user@\]host\[:port\]$"):
        sshconfig.jumps(text)


hosts = st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True)
hops = st.builds(Hop, hosts, st.one_of(st.none(), st.integers(1, 65535)), st.one_of(st.none(), hosts))


@given(st.lists(hops, min_size=1, max_size=4))
def test_a_hop_is_written_as_it_is_read(way: list[Hop]) -> None:
    assert sshconfig.jumps(",".join(map(str, way))) == way


def test_the_route_of_a_jump_host_that_has_one_itself(site: Site) -> None:
    site.ssh_config("Host gate\n ProxyJump outer\nHost inside\n ProxyJump gate,second\n")
    assert sshconfig.route(Hop("inside"), None) == [Hop("outer"), Hop("gate"), Hop("second"), Hop("inside")]
    assert sshconfig.route(Hop("inside"), "x@other") == [Hop("other", None, "x"), Hop("inside")]
    assert sshconfig.route(Hop("inside"), "none") == [Hop("inside")]
    assert sshconfig.route(Hop("elsewhere"), None) == [Hop("elsewhere")]


def test_ignored_options_where_they_apply(site: Site) -> None:
    site.ssh_config(
        'Host web* !web9\n  strictHostKeyChecking = no\n  ControlPath "~/x y"\nHost db\nCheckHostIP no\n'
        "Match host web1\n RevokedHostKeys x\nMatch all\n LocalCommand x\n"
    )
    assert sshconfig.ignored("web1") == ["StrictHostKeyChecking", "ControlPath", "LocalCommand"]
    assert sshconfig.ignored("web9") == ["LocalCommand"]
    assert sshconfig.ignored("db") == ["CheckHostIP", "LocalCommand"]


def test_without_a_configuration(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sshconfig.files() == []
    assert sshconfig.ignored("x") == []
    plain = sshconfig.plain(Hop("x"))
    assert sshconfig.agent(plain) == ""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    assert sshconfig.agent(plain) == "/run/agent"
    assert sshconfig.paths(plain, "IdentityFile") == []


def test_a_default_key_that_is_garbage_does_not_matter_here(site: Site) -> None:
    (site.home / ".ssh/id_rsa").write_text("garbage")
    assert sshconfig.plain(Hop("x", 2222, "andi")).port == 2222


@pytest.mark.parametrize(
    "line", ["IdentityFile %q", "IdentityFile ${NO_SUCH_VARIABLE_HERE}", "User", "Port 1 2"]
)
def test_a_configuration_that_cannot_be_read(site: Site, line: str) -> None:
    site.ssh_config(f"{line}\n")
    with pytest.raises(ConnectError, match=r"^~/\.ssh/config"):
        sshconfig.plain(Hop("x"))


def test_files_of_the_home_are_found(site: Site) -> None:
    site.ssh_config("IdentityFile ~/.ssh/mine\nUserKnownHostsFile ~/a ~/b\n")
    plain = sshconfig.plain(Hop("x"))
    assert sshconfig.paths(plain, "IdentityFile") == [Path(site.home, ".ssh/mine")]
    assert sshconfig.paths(plain, "UserKnownHostsFile") == [site.home / "a", site.home / "b"]
