"""Bytes between event loop and thread: whole, in order, bounded."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tuibackup.files.workers import in_thread
from tuibackup.remote.pipe import Pipe, StoppedError


async def test_everything_arrives_in_order_and_little_is_held() -> None:
    between = Pipe(1000)
    pieces = [os.urandom(300) for _ in range(100)]
    held: list[int] = []

    def read() -> list[bytes]:
        return list(iter(between.read, b""))

    reading = asyncio.create_task(in_thread(read))
    for piece in [*pieces, b""]:
        await between.put(piece)
        held.append(between._held)
    assert await reading == pieces
    assert max(held) <= 1000 + 300


async def test_only_a_writer_that_waits_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waking the loop for each piece cost more than the piece."""
    woken = 0
    loop = asyncio.get_running_loop()
    wake = loop.call_soon_threadsafe

    def count(callback: Callable[..., object], *args: object, **more: Any) -> asyncio.Handle:
        nonlocal woken
        woken += 1
        return wake(callback, *args, **more)

    between = Pipe(1000)
    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    for _piece in range(10):
        await between.put(bytes(100))
    thread = threading.Thread(target=lambda: [between.read() for _piece in range(10)])
    thread.start()
    thread.join()
    assert woken == 0
    putting = asyncio.create_task(between.put(bytes(2000)))
    await asyncio.sleep(0)
    assert len(between.read()) == 2000
    await asyncio.wait_for(putting, 60)
    assert woken == 1


async def test_a_reader_that_is_stopped_gives_up() -> None:
    between = Pipe()
    reading = asyncio.create_task(in_thread(between.read, stop=between.stop))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert reading.cancelled()


async def test_a_writer_does_not_wait_for_a_reader_that_has_ended() -> None:
    between = Pipe(1000)
    putting = asyncio.create_task(between.put(bytes(2000)))
    await asyncio.sleep(0)
    assert not putting.done()
    between.reader_ended()
    await asyncio.wait_for(putting, 60)
    await asyncio.wait_for(between.put(bytes(2000)), 60)


async def test_cancelling_waits_until_the_thread_has_ended() -> None:
    ended = threading.Event()
    go = threading.Event()

    def work() -> None:
        go.wait(5)
        ended.set()

    task = asyncio.create_task(in_thread(work, stop=go.set))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_reading_after_the_end_stays_at_the_end() -> None:
    between = Pipe()
    await between.put(b"")
    assert [between.read(), between.read()] == [b"", b""]
    between.stop()
    between.read()
    with pytest.raises(StoppedError):
        between.read()
