"""A server that sends faster than we take: what waits stays within the channel's window."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tuibackup.remote.session import Session

# A few windows of 32 MiB, and what Python makes of them; without a bound it was 300 MiB and more.
MOST = 160 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def grown(read: Callable[[], object]) -> int:
    """By how much memory grew at most while some 75 MB were taken, slowly."""
    before = most = resident()
    for _ in range(300):
        await read()  # type: ignore[misc]
        await asyncio.to_thread(threading.Event().wait, 0.006)
        most = max(most, resident())
    return most - before


async def test_a_command_that_is_faster_than_we_are_waits(ready: Session) -> None:
    """asyncssh opened its window again and again for a reader that had paused: memory grew with the server's lead."""
    async with ready.stream(b"exec cat /dev/zero") as stream:
        assert await grown(lambda: stream.read(256 << 10)) < MOST


@pytest.fixture
def flood(tmp_path: Path) -> Iterator[Path]:
    """A socket that sends zeros to whoever connects."""
    path = tmp_path / "flood"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def send() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(bytes(1 << 20))
                except OSError:
                    return

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        yield path
        thread.join(20)


async def test_a_socket_that_is_faster_than_we_are_waits(ready: Session, flood: Path) -> None:
    reader, writer = await ready.open_unix(str(flood))
    assert await grown(lambda: reader.read(256 << 10)) < MOST
    writer.close()
