"""Commands, streams and channels on one connection: exact bytes, bounded memory, and every way to end."""

import asyncio
import hashlib
import os
import resource
import socket
import time
from pathlib import Path

import pytest

from tests.remote.conftest import Face, Site, a_server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import NoChannelError, RemoteCommandError
from tuibackup.remote import session as session_module
from tuibackup.remote.session import Session
from tuibackup.remote.sftp import NO_SUCH_FILE, SftpError, opened
from tuibackup.remote.stream import STDERR_TAIL


async def test_a_command_and_its_end(ready: Session) -> None:
    done = await ready.run(["sh", "-c", "cat; echo oh >&2; exit 3"], input=b"hello", timeout=30)
    assert (done.stdout, done.stderr, done.exit_status, done.signal) == (b"hello", b"oh\n", 3, None)
    assert not done.ok
    with pytest.raises(RemoteCommandError, match=r"exited with 3: oh$"):
        done.check()
    assert (await ready.run("true", timeout=30)).check().ok


async def test_words_arrive_as_they_are(ready: Session) -> None:
    words: list[str | bytes] = [
        b"a b",
        b"",
        b"'",
        b'"$HOME`id`\\',
        b"*",
        b"new\nline",
        b"\xff\xfe",
        "naïve",
        b"-n",
        b"!x",
    ]
    said = (await ready.run(["printf", "%s\\0", *words], timeout=30)).stdout
    assert said.split(b"\0")[:-1] == [w if isinstance(w, bytes) else w.encode() for w in words]


async def test_a_script_runs_in_sh_whatever_the_login_shell_is(ready: Session) -> None:
    text = "set -e\nx='a  b'\nprintf '%s|%s' \"$x\" \"$(echo '!\\')\"\n"
    assert (await ready.run(text, timeout=30)).stdout == b"a  b|!\\"


async def test_a_killed_command_has_its_signal(ready: Session) -> None:
    done = await ready.run("kill -9 $$", timeout=30)
    assert (done.exit_status, done.signal, done.ok) == (-1, "KILL", False)
    with pytest.raises(RemoteCommandError, match=r"was killed by SIGKILL$"):
        done.check()


async def test_output_has_a_limit(ready: Session) -> None:
    assert len((await ready.run("head -c 1000 /dev/zero", timeout=30, limit=1000)).stdout) == 1000
    with pytest.raises(RemoteCommandError, match=r"^siakad: cat /dev/zero said more than 1000 B$"):
        await ready.run(["cat", "/dev/zero"], timeout=30, limit=1000)
    assert (await ready.run("echo on", timeout=30)).stdout == b"on\n"


async def test_a_command_has_a_time_limit(ready: Session) -> None:
    began = time.monotonic()
    with pytest.raises(RemoteCommandError, match=r"^siakad: sleep 47 did not end within 0.2 s$"):
        await ready.run("sleep 47", timeout=0.2)
    assert time.monotonic() - began < 20


async def test_sudo_that_is_not_there_is_an_ordinary_failure(ready: Session) -> None:
    done = await ready.run("exec >&2; id", timeout=60, sudo=True)
    assert done.ok or done.exit_status in (1, 126, 127)


def processes(marker: str) -> list[str]:
    """The processes of this machine (the private sshd's commands run on it) with `marker` as an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


async def vanishes(marker: str) -> bool:
    for _ in range(150):
        if not await asyncio.to_thread(processes, marker):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_leaving_the_block_ends_the_command(ready: Session) -> None:
    async with ready.stream("echo on; exec yes marker-left-in-the-middle") as stream:
        assert (await stream.read(3)).startswith(b"on\n")
    assert await vanishes("marker-left-in-the-middle")
    assert (await ready.run("echo on", timeout=30)).stdout == b"on\n"


async def test_cancelling_ends_the_command_and_keeps_the_connection(ready: Session) -> None:
    started = asyncio.Event()

    async def reads() -> None:
        async with ready.stream("exec yes marker-cancelled") as stream:
            while await stream.read():
                started.set()

    task = asyncio.create_task(reads())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await vanishes("marker-cancelled")
    assert (await ready.run("echo on", timeout=30)).stdout == b"on\n"


async def test_cancelling_while_a_channel_opens_leaves_no_command_and_no_channel(ready: Session) -> None:
    """More often than MaxSessions (10): a channel that is forgotten would use up the server's."""

    async def opens() -> None:
        async with ready.stream("exec cat - marker-opening"):
            await asyncio.sleep(60)

    for turn in range(30):
        task = asyncio.create_task(opens())
        for _ in range(turn % 6):
            await asyncio.sleep(0)
        if turn >= 20:
            await asyncio.sleep(0.001 * (turn - 20))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ready.run("echo on", timeout=30)).stdout == b"on\n"
    assert await vanishes("marker-opening")


async def test_what_the_server_has_no_session_for_waits_or_is_refused_in_one_line(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    config = ["MaxSessions 1"]
    with PrivateSshd(tmp_path / "narrow", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        async with site.session(a_server(server)) as session:
            async with session.stream("cat") as first:
                with pytest.raises(
                    NoChannelError, match=r"^siakad: echo two cannot be opened: open failed; "
                ):
                    await session.run("echo two", timeout=5, beside=True)
                assert session.at_once == 1
                waits = asyncio.create_task(session.run("echo two", timeout=30))
                await first.write(b"still here")
                back = b""
                while len(back) < len(b"still here"):  # in as many packets as the server likes
                    back += await first.read()
                assert back == b"still here"
                assert not waits.done()
            assert (await waits).stdout == b"two\n"


class Memory:
    """How much more memory this process came to have than at the beginning, in bytes."""

    def __init__(self) -> None:
        self._before = self._now()
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, self._now() - self._before)

    def _now(self) -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.long
async def test_much_data_in_both_directions_at_once(ready: Session) -> None:
    """No deadlock, exact bytes, bounded memory: the command fills its output while we fill its input."""
    piece = os.urandom(1 << 20)
    pieces = 100
    sent, got = hashlib.sha256(), hashlib.sha256()
    received = 0
    memory = Memory()

    async with ready.stream(["cat"]) as stream:

        async def feed() -> None:
            for _ in range(pieces):
                sent.update(piece)
                await stream.write(piece)
            stream.write_eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            while data := await stream.read():
                received += len(data)
                got.update(data)
                memory.look()
        assert (await stream.wait()).ok
    assert received == pieces << 20
    assert got.digest() == sent.digest()
    assert memory.most < 64 << 20


async def test_input_larger_than_every_window(ready: Session) -> None:
    data = os.urandom(1 << 20) * 40
    done = await ready.run(["cat"], input=data, timeout=60, limit=len(data))
    assert done.stdout == data


async def test_a_command_that_does_not_read_its_input(ready: Session) -> None:
    for text in ("true", "exec <&-; sleep 0.2; echo done", "head -c 5 >/dev/null; echo done"):
        done = await ready.run(text, input=bytes(30 << 20), timeout=20)
        assert done.ok
        assert done.stdout in (b"", b"done\n")


async def test_a_slow_reader_holds_the_server_back(ready: Session) -> None:
    memory = Memory()
    async with ready.stream("exec cat /dev/zero") as stream:
        await asyncio.sleep(0.8)
        memory.look()
        assert (await stream.read(100)).count(0)
    assert memory.most < 80 << 20, "a window of 32 MiB beside what waits to be read, and a little"


async def test_stderr_is_bounded_and_heard_line_by_line(ready: Session) -> None:
    lines: list[bytes] = []
    script = (
        "i=0; while [ $i -lt 20000 ]; do echo complaint $i >&2; i=$((i+1)); done; echo said; printf last >&2"
    )
    async with ready.stream(script, on_line=lines.append) as stream:
        assert await stream.read() == b"said\n"
        assert (await stream.wait()).ok
    assert lines == [b"complaint %d" % number for number in range(20000)] + [b"last"]
    assert len(stream.stderr) <= STDERR_TAIL
    assert bytes(stream.stderr).endswith(b"complaint 19999\nlast\n")


async def test_a_flood_of_stderr_without_lines_is_bounded(ready: Session) -> None:
    lines: list[bytes] = []
    memory = Memory()
    async with ready.stream("head -c 60000000 /dev/zero >&2", on_line=lines.append) as stream:
        assert (await stream.wait()).ok
    assert len(stream.stderr) <= STDERR_TAIL
    memory.look()
    assert len(lines) == 1
    assert memory.most < 32 << 20
    assert len((await ready.run("head -c 3000000 /dev/zero >&2", timeout=20)).stderr) <= STDERR_TAIL


async def test_many_streams_at_once(ready: Session) -> None:
    async def one(number: int) -> None:
        data = bytes([number]) * (1 << 20)
        done = await ready.run(["cat"], input=data, timeout=30)
        assert done.stdout == data

    async with asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(one(number))


async def test_nothing_breaks_when_keys_are_exchanged_anew(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    config = ["RekeyLimit 1M"]
    with PrivateSshd(tmp_path / "rekey", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        async with site.session(a_server(server)) as session:
            data = os.urandom(6 << 20)
            assert (await session.run(["cat"], input=data, timeout=30, limit=len(data))).stdout == data


async def test_a_unix_socket_on_the_server(ready: Session, tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def shouts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(shouts, path)
    reader, writer = await ready.open_unix(str(path))
    writer.write(b"hello\n")
    assert await reader.read() == b"HELLO\n"
    writer.close()
    server.close()
    with pytest.raises(RemoteCommandError) as caught:
        await ready.open_unix(f"{tmp_path}/missing\x1b[1m")
    assert str(caught.value).startswith(f"siakad: socket {tmp_path}/missing\\x1b[1m cannot be opened: ")


async def test_a_tcp_port_on_the_server(ready: Session, sshd: PrivateSshd) -> None:
    reader, writer = await ready.open_tcp("127.0.0.1", sshd.port)
    assert (await reader.readline()).startswith(b"SSH-2.0-")
    writer.close()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(RemoteCommandError) as caught:
            await ready.open_tcp("127.0.0.1", port)
    assert str(caught.value) == f"siakad: 127.0.0.1 port {port} cannot be opened: Connection refused"


async def test_forwarding_that_the_server_forbids(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    config = ["AllowTcpForwarding no", "AllowStreamLocalForwarding no", "Subsystem sftp /nonexistent"]
    with PrivateSshd(tmp_path / "closed", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        async with site.session(a_server(server)) as session:
            for opening in (session.open_tcp("127.0.0.1", 1), session.open_unix("/x"), over_sftp(session)):
                with pytest.raises(RemoteCommandError, match=r"^siakad: .* cannot be opened: "):
                    await opening
            assert (await session.run("echo on", timeout=30)).stdout == b"on\n"


async def over_sftp(session: Session) -> None:
    async with opened(session):
        pass


async def test_sftp(ready: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with opened(ready) as sftp:
        path = os.fsencode(tmp_path / "file")
        assert (await sftp.stat(path)).size == 7
        handle = await sftp.open(path)
        assert await sftp.read(handle, 3, 100) == b"tent"
        assert await sftp.read(handle, 7, 100) == b""
        sftp.close(handle)
        with pytest.raises(SftpError) as caught:
            await sftp.stat(b"/nowhere")
        assert caught.value.code == NO_SUCH_FILE
    with pytest.raises(RemoteCommandError, match=r"^siakad: SFTP was closed$"):
        await sftp.stat(path)


async def test_a_server_that_does_not_start_a_command(
    site: Site, own_sshd: PrivateSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_OPEN_SECONDS", 0.3)
    site.trust(own_sshd)
    async with site.session(a_server(own_sshd)) as session:
        silence = pytest.raises(RemoteCommandError, match=r"^siakad: echo x: no answer within 0.3 s$")
        with own_sshd.frozen(), silence:
            await session.run("echo x", timeout=30)
        assert (await session.run("echo on", timeout=30)).stdout == b"on\n"


async def test_what_one_says_of_a_session(ready: Session, sshd: PrivateSshd) -> None:
    assert ready.user == sshd.user
    assert ready.address == "127.0.0.1"
    assert ready.host_key.algorithm == "ssh-ed25519"
    assert not ready.lost


async def test_nothing_is_asked_on_the_way_to_a_known_server(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    face = Face()
    async with site.session(a_server(sshd), face):
        pass
    assert face.asked == []
    assert site.notes == []
