"""How a command's output is read: how much at a time, and what a reader does to whom nothing comes."""

import asyncio
import random

import pytest

from tuibackup.remote.connect.receiving import ROOM
from tuibackup.remote.pace import LEAST_WINDOW, Pace
from tuibackup.remote.session import Session


async def test_reads_are_bounded_by_what_is_asked_for(ready: Session) -> None:
    async with ready.stream("head -c 5000000 /dev/zero") as stream:
        await asyncio.sleep(0.3)
        sizes = []
        while data := await stream.read(65536):
            sizes.append(len(data))
        assert sum(sizes) == 5_000_000
        assert max(sizes) <= ROOM, "more than what came at once"
        assert await stream.read() == b""


async def test_a_limit_bounds_each_read(ready: Session) -> None:
    """What came at once may be many seconds' worth."""
    ready.pace = Pace(lambda: 4e6, LEAST_WINDOW)
    content = random.Random(3).randbytes(400_000)
    async with ready.stream("cat") as stream:
        await stream.write(content)
        stream.write_eof()
        pieces = []
        while data := await stream.read(20_000):
            pieces.append(data)
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 20_000


async def test_a_reader_may_give_up_when_nothing_comes_and_read_on(ready: Session) -> None:
    async with ready.stream("read line; echo now; exec sleep 60") as stream:
        await stream.begun()
        for _attempt in range(2):
            with pytest.raises(TimeoutError):
                await stream.read(within=0.2)
        await stream.write(b"\n")
        assert await stream.read(within=100) == b"now\n"
        with pytest.raises(TimeoutError):
            await stream.read(within=0.2)


async def test_what_comes_little_by_little_is_no_silence(ready: Session) -> None:
    async with ready.stream("for one in 1 2 3 4 5 6 7 8; do echo; sleep 0.25; done") as stream:
        came = b""
        while data := await stream.read(within=1.0):
            came += data
    assert came == b"\n" * 8
