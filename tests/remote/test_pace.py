"""The bandwidth limit: smooth, at once when it changes, and short answers do not queue behind long ones."""

import asyncio

import pytest

from tuibackup.remote import pace as pace_module
from tuibackup.remote.pace import LEAST_WINDOW, Pace, window_for
from tuibackup.remote.session import Session


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.longest = 0.0
        monkeypatch.setattr(pace_module.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.longest = max(self.longest, seconds)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def transfer(pace: Pace, count: int) -> None:
    """Read so many bytes from a source that has them all at once."""
    toll = pace.reader()
    while count > 0:
        room = min(await toll.ready(1 << 20), count)
        toll.took(room)
        count -= room


async def test_the_average_is_the_limit_and_no_wait_is_long(time: Time) -> None:
    pace = Pace(lambda: 1e6, LEAST_WINDOW, clock=time)
    began = time.now
    await transfer(pace, 20_000_000)
    assert 19.4 <= time.now - began <= 20.1
    assert time.longest <= 0.3, "a dumper must not stand still for longer"
    assert pace.binding == 1e6


async def test_what_was_not_used_is_not_saved_up(time: Time) -> None:
    pace = Pace(lambda: 1e6, LEAST_WINDOW, clock=time)
    await transfer(pace, 100_000)
    time.now += 3600
    began = time.now
    await transfer(pace, 5_000_000)
    assert time.now - began >= 4.4


async def test_a_new_hour_takes_effect_during_the_run(time: Time) -> None:
    begin = time.now
    pace = Pace(lambda: 1e6 if time.now < begin + 10 else None, LEAST_WINDOW, clock=time)
    await transfer(pace, 100_000_000)
    assert 10 <= time.now - begin <= 12, "ten seconds at the limit, the rest at once"
    assert pace.binding is None or time.now - begin <= 10.6


async def test_a_short_answer_does_not_wait_behind_a_long_one(time: Time) -> None:
    pace = Pace(lambda: 1e5, LEAST_WINDOW, clock=time)
    pace.reader().took(1 << 20)
    before = time.now
    control = pace.reader()
    for _answer in range(3):
        await control.ready()
        control.took(500)
    assert time.now == before


async def test_without_a_limit_at_this_hour_nothing_waits(time: Time) -> None:
    pace = Pace(lambda: None, LEAST_WINDOW, clock=time)
    before = time.now
    await transfer(pace, 1 << 30)
    assert (time.now, pace.binding) == (before, None)


def test_the_window_fits_the_lowest_limit() -> None:
    assert window_for(20e6, 32 << 20) == 10_000_000
    assert window_for(1e5, 32 << 20) == LEAST_WINDOW
    assert window_for(1e9, 32 << 20) == 32 << 20


async def test_a_limited_command_is_held_back_by_its_channel(ready: Session) -> None:
    """Nobody reads faster than allowed, and no more than the window and one read lie in our memory."""
    ready.pace = Pace(lambda: 2e6, window_for(2e6, 32 << 20))
    loop = asyncio.get_running_loop()
    began, total = loop.time(), 0
    async with ready.stream("head -c 4000000 /dev/zero") as stream:
        while chunk := await stream.read():
            total += len(chunk)
            held = stream._waiting
            assert held <= 2 * ready.pace.window + (1 << 18), "a burst came through"
    assert total == 4_000_000
    assert loop.time() - began >= 1.4


async def test_a_limit_holds_for_sockets_too(ready: Session, tmp_path: object) -> None:
    ready.pace = Pace(lambda: 2e6, window_for(2e6, 32 << 20))

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(3_000_000))
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, f"{tmp_path}/socket")
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with server:
        reader, writer = await ready.open_unix(f"{tmp_path}/socket")
        for _part in range(300):
            await reader.readexactly(10_000)
        writer.close()
    assert loop.time() - began >= 0.9
