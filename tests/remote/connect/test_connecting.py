"""The way to a server: every fault of the network as one line with its way out."""

import asyncio
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pump import PUMP
from tests.refusing import Refusing
from tests.remote.conftest import Face, Site, a_server
from tuibackup.config import Server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectError
from tuibackup.remote.connect import connecting, faults
from tuibackup.remote.connect.transport import Direct

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listener(handle: Handler) -> AsyncIterator[Server]:
    """Something that listens and is no sshd."""
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)

    server = await asyncio.start_server(handled, "127.0.0.1", 0)
    try:
        yield Server("siakad", "127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ATTEMPT_SECONDS", 0.3)


async def test_a_refused_port_is_said_at_once(site: Site) -> None:
    began = time.monotonic()
    with socket.socket() as bound:  # bound, not listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        line = await site.refused(Server("siakad", "127.0.0.1", port=port), ConnectError)
    assert line == f"127.0.0.1 port {port} refused; is sshd running there?"
    assert time.monotonic() - began < 10


async def test_a_port_that_opens_a_moment_later_is_reached(
    site: Site, own_sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_PAUSE", 0.5)
    site.trust(own_sshd)
    own_sshd.stop()
    opening = asyncio.create_task(site.connect(a_server(own_sshd)))
    await asyncio.sleep(0.1)
    own_sshd.start()
    await (await opening).close()


async def test_a_name_that_does_not_exist(site: Site) -> None:
    line = await site.refused(Server("siakad", "nonexistent.invalid"), ConnectError)
    assert line.startswith("nonexistent.invalid port 22: ")
    assert "no such host; check its name in config.toml" in line or "is the network up?" in line


@pytest.mark.parametrize("text", ["", "220 mail.example ESMTP\r\n", "SSH-2.0-half"])
async def test_a_port_that_never_answers_as_ssh_does(site: Site, quick: None, text: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(text)
        writer.write(text.encode())
        await asyncio.sleep(30)

    came: list[str] = []
    async with listener(silent) as server:
        line = await site.refused(server, ConnectError)
    assert line == (
        f"127.0.0.1 port {server.port}: connected, but no SSH server answered within 0.3 s; check the port"
    )
    assert len(came) == 1, "a time-out is not tried again: it took long enough"


async def test_a_server_that_stops_in_the_middle_of_the_handshake(site: Site, quick: None) -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-Stuck\r\n")
        await asyncio.sleep(30)

    async with listener(stuck) as server:
        line = await site.refused(server, ConnectError)
    assert line == (
        f"127.0.0.1 port {server.port}: did not finish the login within 0.3 s; see the log of its sshd"
    )


async def test_a_host_that_does_not_answer_at_all(site: Site, quick: None) -> None:
    with socket.socket() as full:  # a full backlog drops what comes next, as a firewall does
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        line = await site.refused(Server("siakad", "127.0.0.1", port=port), ConnectError)
        for one in waiting:
            one.close()
    assert line in (
        f"127.0.0.1 port {port}: no answer within 0.3 s; is it up, and is the address right?",
        f"127.0.0.1 port {port}: connected, but no SSH server answered within 0.3 s; check the port",
    )


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def closes_after_its_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    ("handle", "way_out"),
    [
        (closes, "check the port, or see the log of its sshd"),
        (closes_after_its_banner, "see the log of its sshd"),
    ],
)
async def test_a_server_that_closes_early(site: Site, handle: Handler, way_out: str) -> None:
    async with listener(handle) as server:
        line = await site.refused(server, ConnectError)
    line = re.sub(r"; tried \d times in 0:\d\d", "", line)
    assert line == f"127.0.0.1 port {server.port}: closed the connection before the login; {way_out}"


@pytest.mark.parametrize(
    "text", [b"x" * 100_000, b"welcome\r\n" * 5000, b"SSH-1.5-old\r\n", b"HTTP/1.1 400 Bad\r\n" * 2000]
)
async def test_what_is_no_ssh_server(site: Site, text: bytes) -> None:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await asyncio.sleep(30)

    async with listener(says) as server:
        line = await site.refused(server, ConnectError)
    assert line == f"127.0.0.1 port {server.port}: is no SSH server; check the port"


@pytest.mark.parametrize(
    "text", [b"SSH-2.0-\xff\xfe\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 5000, b"SSH-2.0-x\r\n" + bytes(5000)]
)
async def test_a_server_that_talks_nonsense(site: Site, text: bytes) -> None:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await asyncio.sleep(30)

    async with listener(says) as server:
        line = await site.refused(server, ConnectError)
    assert line.startswith(f"127.0.0.1 port {server.port}: ")


async def test_an_endless_banner_ends_and_takes_no_memory(site: Site) -> None:
    async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    began = time.monotonic()
    async with listener(floods) as server:
        assert "is no SSH server" in await site.refused(server, ConnectError)
    assert time.monotonic() - began < 20


def test_what_the_network_says_of_several_addresses() -> None:
    class Unreached:
        reached = speaks = False

    def line(text: str) -> str:
        unreached: Any = Unreached()
        return str(faults.connect_error(OSError(text), "h port 22", unreached, 20.0, Direct(), ""))

    both = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 22, 0, 0), [Errno 111] Connect call failed"
    assert line(both) == "h port 22 refused; is sshd running there?"
    one = "Multiple exceptions: [Errno 101] Connect call failed ('::1', 22), [Errno 113] Connect call failed"
    assert line(one) == "h port 22: No route to host; is it up, and is the address right?"


async def test_an_address_that_no_packet_reaches(site: Site) -> None:
    line = await site.refused(Server("siakad", "255.255.255.255"), ConnectError)
    assert line.startswith("255.255.255.255 port 22: ")
    assert "Errno" not in line


async def test_a_broken_ssh_configuration_names_the_line(site: Site, sshd: PrivateSshd) -> None:
    site.ssh_config('Host *\n Port "22\n')
    line = await site.refused(a_server(sshd), ConnectError)
    assert line.startswith("~/.ssh/config line 2: ")
    site.ssh_config("Host *\n Port many\n")
    assert await site.refused(a_server(sshd, port=None), ConnectError) == (
        "~/.ssh/config line 2: Port: many is no port"
    )


async def test_what_only_a_newer_ssh_would_take_is_named_and_does_not_matter(
    site: Site, sshd: PrivateSshd
) -> None:
    site.trust(sshd)
    site.ssh_config("Ciphers nonsense\nIdentityAgent none\nCertificateFile /nowhere\nWarpDrive on\n")
    async with site.session(a_server(sshd)):
        pass
    said, *others = site.notes
    assert said.startswith("ssh -G 127.0.0.1 says: ")
    assert "Bad" in said
    assert others == [
        "~/.ssh/config line 4: WarpDrive is not known here and is ignored",
        "~/.ssh/config: Ciphers has no effect here (127.0.0.1)",
    ]


async def test_options_without_effect_are_noted_once(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    site.ssh_config(
        "StrictHostKeyChecking no\nHost other !127.0.0.1\n ControlPath x\nHost 127.*\n controlmaster=auto\n"
        "Match all\n VerifyHostKeyDNS yes\n"
    )
    async with site.session(a_server(sshd)):
        pass
    assert site.notes == [
        f"~/.ssh/config: {option} has no effect here (127.0.0.1)"
        for option in ("StrictHostKeyChecking", "ControlMaster", "VerifyHostKeyDNS")
    ]


async def test_an_alias_gives_host_port_user_and_key(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    site.ssh_config(
        f"Host gudang\n HostName 127.0.0.1\n Port {sshd.port}\n User {sshd.user}\n IdentityFile {sshd.client_key}\n"
    )
    async with site.session(Server("siakad", "gudang")) as session:
        assert session.user == sshd.user
        assert session.address == "127.0.0.1"
        assert not session.lost
    assert session.lost


async def test_a_proxy_command(site: Site, sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    site.trust(sshd)
    monkeypatch.setenv("SHELL", "/bin/sh")
    pump = site.home / "pump.py"
    pump.write_text(PUMP)
    # what only a shell understands: quotes, variables, and two commands
    site.ssh_config(f"ProxyCommand sh -c \"true && exec {sys.executable} '{pump}' %h ${{EMPTY:-%p}}\"\n")
    async with site.session(a_server(sshd)) as session:
        assert (await session.run("echo in", timeout=30)).stdout == b"in\n"
    site.ssh_config("ProxyCommand /nonexistent/tool %h\n")
    assert await site.refused(a_server(sshd), ConnectError) == (
        f"127.0.0.1 port {sshd.port}: the ProxyCommand of ~/.ssh/config ended: exit 127:"
        " /bin/sh: 1: exec: /nonexistent/tool: not found; try it in a shell, or see ~/.ssh/config"
    )


async def test_a_refusal_that_comes_through_a_proxy_command_is_waited_out(
    site: Site, sshd: PrivateSshd
) -> None:
    with Refusing(sshd, 2) as refusing:
        key = sshd.known_hosts_lines[0].split(" ", 1)[1]
        (site.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{refusing.port} {key}\n")
        (site.home / "pump.py").write_text(PUMP)
        site.ssh_config(f"ProxyCommand {sys.executable} {site.home}/pump.py %h %p\n")
        async with site.session(a_server(sshd, port=refusing.port)):
            pass
    assert "refuses new logins for the moment (Not allowed at this time)" in site.notes[0]


async def test_a_server_with_none_of_our_ciphers(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    config = ["Ciphers aes256-cbc"]
    with PrivateSshd(tmp_path / "old", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        line = await site.refused(a_server(server), ConnectError)
    assert f"127.0.0.1 port {server.port}: " in line


async def test_cancelling_leaves_nothing_behind(site: Site) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        while await reader.read(1000):
            pass
        gone.set()

    async with listener(waits) as server:
        task = asyncio.create_task(site.connect(server))
        await asyncio.wait_for(came.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 10)


async def test_cancelling_while_somebody_is_asked(site: Site, sshd: PrivateSshd) -> None:
    class Never(Face):
        async def ask(self, question: object) -> str | None:
            started.set()
            await asyncio.sleep(60)
            return "yes"

    started = asyncio.Event()
    task = asyncio.create_task(site.connect(a_server(sshd), Never()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_that_has_passed_still_gives_one_attempt(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    session = await site.connect(a_server(sshd), seconds=-5)
    await session.close()
