"""The way to a server through jump hosts: each is asked about, and each fault names the host that it is of."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from tests.remote.conftest import Face, Site, a_server, make_key
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectError, HostKeyError, LoginError


@pytest.fixture
def inner(own_sshd: PrivateSshd) -> PrivateSshd:
    return own_sshd


async def test_through_a_jump_host(site: Site, sshd: PrivateSshd, inner: PrivateSshd) -> None:
    site.trust(sshd, inner)
    site.ssh_config(f"IdentityFile {sshd.client_key}\n")
    async with site.session(a_server(inner, jump=f"127.0.0.1:{sshd.port}")) as session:
        assert (await session.run("echo in", timeout=30)).stdout == b"in\n"
        assert session.address == "127.0.0.1"
        assert session.host_key.data == inner.known_hosts_lines[0].split()[2]


async def test_the_configured_key_serves_the_jump_host_too(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd, tmp_path: Path
) -> None:
    """Locked: its passphrase is asked for once, and only after the jump host's host key is known."""
    key = make_key(tmp_path / "locked", "right")
    text = key.with_suffix(".pub").read_text()
    inner.authorized_keys.write_text(text)
    with PrivateSshd(tmp_path / "gate", client_key=inner.client_key) as gate:
        gate.authorized_keys.write_text(text)
        site.trust(gate, inner)
        face = Face(passphrase="right")
        async with site.session(a_server(inner, key=key, jump=f"127.0.0.1:{gate.port}"), face):
            pass
        assert face.kinds == ["passphrase"]


async def test_proxy_jump_of_the_ssh_configuration_with_its_own_user_port_and_key(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "gate_key")
    with PrivateSshd(tmp_path / "gate", client_key=key) as gate:
        site.trust(gate, inner)
        site.ssh_config(
            f"Host gate\n HostName 127.0.0.1\n User {gate.user}\n Port {gate.port}\n IdentityFile {key}\n"
            f"Host inside\n HostName 127.0.0.1\n Port {inner.port}\n ProxyJump gate\n"
        )
        async with site.session(a_server(inner, host="inside", port=None)):
            pass
        assert "Accepted publickey" in gate.log.read_text()
        # `jump = "none"` goes without
        seen = gate.log.read_text().count("Connection from")
        async with site.session(a_server(inner, host="inside", port=None, jump="none")):
            pass
        assert gate.log.read_text().count("Connection from") == seen


async def test_three_hops(site: Site, sshd: PrivateSshd, inner: PrivateSshd, tmp_path: Path) -> None:
    with PrivateSshd(tmp_path / "gate", client_key=sshd.client_key) as gate:
        site.trust(sshd, gate, inner)
        jump = f"{sshd.user}@127.0.0.1:{sshd.port},127.0.0.1:{gate.port}"
        async with site.session(a_server(inner, jump=jump)) as session:
            data = os.urandom(3_000_000)
            assert (await session.run(["cat"], input=data, timeout=20)).stdout == data
        for log in (sshd.log, gate.log, inner.log):
            assert "Accepted publickey" in log.read_text()


async def test_each_hop_is_asked_about(site: Site, sshd: PrivateSshd, inner: PrivateSshd) -> None:
    face = Face(host_key=["yes", "yes"])
    server = a_server(inner, jump=f"127.0.0.1:{sshd.port}")
    async with site.session(server, face):
        pass
    assert [question.detail[0].split(" is ")[0] for question in face.asked] == [
        f"127.0.0.1 port {sshd.port}",
        f"127.0.0.1 port {inner.port}",
    ]
    assert len(site.known_hosts.read_text().splitlines()) == 2


async def test_a_known_gate_does_not_vouch_for_what_is_behind(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd
) -> None:
    site.trust(sshd)
    server = a_server(inner, jump=f"127.0.0.1:{sshd.port}")
    line = await site.refused(server, HostKeyError)
    assert line.startswith(f"127.0.0.1 port {inner.port}: its host key is not known: ssh-ed25519 SHA256:")
    changed = sshd.known_hosts_lines[0].split(" ", 1)[1]
    with (site.home / ".ssh/known_hosts").open("a") as file:
        file.write(f"[127.0.0.1]:{inner.port} {changed}\n")
    line = await site.refused(server, HostKeyError, Face(host_key="yes"))
    assert line.startswith(f"127.0.0.1 port {inner.port}: its host key has CHANGED")


async def test_an_unknown_gate_is_refused_before_anything_behind_it(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd
) -> None:
    site.trust(inner)
    line = await site.refused(a_server(inner, jump=f"127.0.0.1:{sshd.port}"), HostKeyError)
    assert line.startswith(f"127.0.0.1 port {sshd.port}: its host key is not known")


async def test_a_gate_that_cannot_reach_the_server(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        line = await site.refused(a_server(sshd, port=port, jump=f"127.0.0.1:{sshd.port}"), ConnectError)
    assert line == (
        f"127.0.0.1 port {port}: the jump host 127.0.0.1 cannot reach it: Connection refused; is it up?"
    )


async def test_a_gate_that_forwards_nothing(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    config = ["AllowTcpForwarding no"]
    with PrivateSshd(tmp_path / "gate", client_key=sshd.client_key, config=config) as gate:
        site.trust(gate, sshd)
        line = await site.refused(a_server(sshd, jump=f"127.0.0.1:{gate.port}"), ConnectError)
    assert line == (
        f"127.0.0.1 port {sshd.port}: the jump host 127.0.0.1 forwards no connections: open failed;"
        " see AllowTcpForwarding there"
    )


async def test_a_gate_that_is_down_or_does_not_let_us_in(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd, tmp_path: Path
) -> None:
    site.trust(sshd, inner)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        line = await site.refused(a_server(inner, jump=f"127.0.0.1:{port}"), ConnectError)
    assert line == f"127.0.0.1 port {port} refused; is sshd running there?"
    key = make_key(tmp_path / "stranger")
    line = await site.refused(a_server(inner, key=key, jump=f"127.0.0.1:{sshd.port}"), LoginError)
    assert line.startswith(f"127.0.0.1 port {sshd.port}: accepts none of our keys")


async def test_jump_hosts_in_a_circle(site: Site, sshd: PrivateSshd) -> None:
    site.ssh_config("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    assert await site.refused(a_server(sshd, host="a"), ConnectError) == (
        "a: more than 8 jump hosts; does ProxyJump go round in a circle?"
    )


async def test_nothing_stays_open_when_a_later_hop_fails(
    site: Site, sshd: PrivateSshd, inner: PrivateSshd
) -> None:
    site.trust(inner)
    await site.refused(a_server(sshd, jump=f"127.0.0.1:{inner.port}"), HostKeyError)
    for _ in range(200):
        if "Received disconnect from 127.0.0.1" in inner.log.read_text():
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the gate's connection stayed open")
