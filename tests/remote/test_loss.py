"""A connection that goes away is noticed at once, in every call, and what is missing never passes for the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncssh
import pytest

from tests.adversary import unmarked
from tests.remote.conftest import Site, a_server
from tuibackup.config import Server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectionLostError, RemoteCommandError
from tuibackup.remote.connect import connecting
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import opened
from tuibackup.remote.stream import Stream


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd) -> Iterator[PrivateSshd]:
    """An sshd whose connections these tests cut; it takes the shared one's client key."""
    with PrivateSshd(tmp_path_factory.mktemp("fragile"), client_key=sshd.client_key) as server:
        yield server


Using = Callable[[Session], Awaitable[object]]


async def reading(session: Session) -> None:
    async with session.stream("exec cat /dev/zero") as stream:
        while await stream.read():
            pass


async def waiting_to_read(session: Session) -> None:
    async with session.stream("exec sleep 60") as stream:
        await stream.read()


async def writing(session: Session) -> None:
    async with session.stream("exec sleep 60") as stream:
        while True:
            await stream.write(bytes(1 << 20))


async def waiting_for_the_end(session: Session) -> None:
    async with session.stream("exec >&-; exec sleep 60") as stream:
        await stream.wait()


async def running(session: Session) -> None:
    await session.run(["cat", "/dev/zero"], timeout=30, limit=1 << 40)


async def opening_commands(session: Session) -> None:
    while True:
        await session.run("true", timeout=30)


async def opening_sockets(session: Session) -> None:
    while True:
        try:
            _, writer = await session.open_unix("/nowhere")
            writer.close()
        except RemoteCommandError:
            continue


async def opening_sftp(session: Session) -> None:
    while True:
        await once_over_sftp(session)


async def once_over_sftp(session: Session) -> None:
    async with opened(session) as sftp:
        await sftp.stat(b"/")


@pytest.mark.parametrize(
    "use",
    [
        reading,
        waiting_to_read,
        writing,
        waiting_for_the_end,
        running,
        opening_commands,
        opening_sockets,
        opening_sftp,
    ],
)
@pytest.mark.parametrize("way", ["cut", "closed"])
async def test_a_cut_is_noticed_at_once(site: Site, fragile: PrivateSshd, use: Using, way: str) -> None:
    site.trust(fragile)
    async with site.session(a_server(fragile)) as session:
        task = asyncio.ensure_future(use(session))
        await asyncio.sleep(0.15)
        assert not task.done()
        began = time.monotonic()
        if way == "cut":
            fragile.cut_connections()
        else:
            await session.close()
        with pytest.raises(ConnectionLostError) as caught:
            await asyncio.wait_for(task, 30)
        assert time.monotonic() - began < 10
        assert str(caught.value) == "connection to siakad lost"
        assert session.lost


async def test_every_call_on_a_lost_connection_says_so(site: Site, fragile: PrivateSshd) -> None:
    site.trust(fragile)
    async with site.session(a_server(fragile)) as session:
        fragile.cut_connections()
        for _ in range(2):  # just cut, perhaps not noticed; and noticed long ago
            for call in (
                session.run("true", timeout=30),
                session.open_unix("/x"),
                session.open_tcp("127.0.0.1", 1),
                once_over_sftp(session),
            ):
                with pytest.raises(ConnectionLostError, match=r"^connection to siakad lost$"):
                    await call
            await asyncio.sleep(0.05)
        await session.close()
        await session.close()


async def test_the_gate_going_away_is_a_loss_too(site: Site, sshd: PrivateSshd, fragile: PrivateSshd) -> None:
    site.trust(sshd, fragile)
    async with site.session(a_server(sshd, jump=f"127.0.0.1:{fragile.port}")) as session:
        task = asyncio.ensure_future(waiting_to_read(session))
        await asyncio.sleep(0.15)
        fragile.cut_connections()
        with pytest.raises(ConnectionLostError):
            await asyncio.wait_for(task, 30)


async def test_a_frozen_server_is_given_up(
    site: Site, fragile: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "KEEPALIVE_SECONDS", 0.5)
    monkeypatch.setattr(connecting, "KEEPALIVES", 3)
    site.trust(fragile)
    async with site.session(a_server(fragile)) as session:
        task = asyncio.ensure_future(waiting_to_read(session))
        await asyncio.sleep(0.5)
        assert not task.done(), "a silent command on a healthy line is none"
        with fragile.frozen():
            with pytest.raises(ConnectionLostError):
                await asyncio.wait_for(task, 30)
            with pytest.raises(ConnectionLostError):
                await session.run("true", timeout=30)


async def test_what_waits_in_a_paused_channel_is_not_the_end(site: Site, fragile: PrivateSshd) -> None:
    """The command's status overtakes output that nobody has read yet; with the connection that output is lost."""
    site.trust(fragile)
    command = "exec head -c 25000000 /dev/zero"
    async with site.session(a_server(fragile)) as session, session.stream(command) as stream:
        await asyncio.sleep(0.5)  # all of it fits into the window: the command has ended
        fragile.cut_connections()
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionLostError):
            await everything(stream)
        with pytest.raises(ConnectionLostError):
            await stream.wait()


async def everything(stream: Stream) -> int:
    """Read to the end; how much it was."""
    got = 0
    while data := await stream.read():
        got += len(data)
    return got


class Odd(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


def begin(process: Any) -> None:
    """Say that the command begins."""
    _script, mark = unmarked(process.command)
    process.stdout.write(mark + b"[")


@asynccontextmanager
async def odd_server(site: Site, handle: Callable[[Any], Awaitable[None]]) -> AsyncIterator[Server]:
    """A server of asyncssh, whose commands do what sshd's never do."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        Odd, "127.0.0.1", 0, server_host_keys=[key], process_factory=handle, encoding=None
    )
    port = server.get_port()
    with (site.home / ".ssh/known_hosts").open("a") as known:
        known.write(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    try:
        yield Server("siakad", "127.0.0.1", port=port, user="andi")
    finally:
        server.close()
        await server.wait_closed()


async def test_a_goodbye_with_a_status_but_without_the_rest_is_a_loss(site: Site) -> None:
    """A server may say goodbye "by application": asyncssh gives no error then."""

    async def says_goodbye(process: Any) -> None:
        begin(process)
        process.stdout.write(bytes(20 << 20))
        process.channel._send_request(b"exit-status", (0).to_bytes(4, "big"))
        await asyncio.sleep(0.5)
        process.channel.get_connection().disconnect(11, "bye")

    async with (
        odd_server(site, says_goodbye) as server,
        site.session(server) as session,
        session.stream("x") as stream,
    ):
        await asyncio.sleep(0.8)
        with pytest.raises(ConnectionLostError):
            await everything(stream)


async def test_a_channel_closed_without_an_end_of_file_is_an_end(site: Site) -> None:
    """Some servers (Go's) close the channel at once, and say nothing before; all they sent has arrived."""

    async def closes(process: Any) -> None:
        begin(process)
        process.stdout.write(b"all of it")
        process.channel._send_request(b"exit-status", (3).to_bytes(4, "big"))
        process.channel.close()

    async with odd_server(site, closes) as server, site.session(server) as session:
        done = await session.run("x", timeout=30)
        assert (done.stdout, done.exit_status) == (b"all of it", 3)


async def test_a_command_without_a_status_did_not_succeed(site: Site) -> None:
    async def closes(process: Any) -> None:
        begin(process)
        process.stdout.write(b"all of it")
        process.channel.close()

    async with odd_server(site, closes) as server, site.session(server) as session:
        done = await session.run("x", timeout=30)
        assert (done.stdout, done.exit_status, done.ok) == (b"all of it", -1, False)
        with pytest.raises(RemoteCommandError, match=r"ended without an exit status$"):
            done.check()


async def test_a_server_that_breaks_the_protocol_is_a_loss(site: Site) -> None:
    async def breaks(process: Any) -> None:
        process.channel._send_request(b"exit-signal", b"\xff\xff\xff\xff")
        await asyncio.sleep(5)

    async with odd_server(site, breaks) as server, site.session(server) as session:
        with pytest.raises(ConnectionLostError):
            await session.run("x", timeout=30)
        with pytest.raises(ConnectionLostError):
            await session.run("x", timeout=30)


async def test_two_statuses_are_a_broken_protocol(site: Site) -> None:
    async def breaks(process: Any) -> None:
        for status in (1, 0):
            process.channel._send_request(b"exit-status", status.to_bytes(4, "big"))
        await asyncio.sleep(5)

    async with odd_server(site, breaks) as server, site.session(server) as session:
        with pytest.raises(ConnectionLostError):
            await session.run("x", timeout=30)
