"""How fast a line is is found out in a moment; where it cannot be, nobody pretends to know."""

import pytest

from tests.remote.conftest import Site, a_server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.remote import linespeed
from tuibackup.remote.linespeed import line_speed
from tuibackup.remote.pace import Pace
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream


@pytest.mark.parametrize("rate", [2e6, 0.1e6])
async def test_a_line_is_as_fast_as_its_bursts(
    ready: Session, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    measured = linespeed._burst

    async def held_up(stream: Stream, blocks: int) -> float:
        took = blocks * 65536 / await measured(stream, blocks)
        return blocks * 65536 / (took + blocks * 65536 / rate)

    monkeypatch.setattr(linespeed, "_burst", held_up)
    found = await line_speed(ready)
    assert found is not None
    assert rate / 3 < found < rate  # this machine may be busy, too


async def test_of_a_server_without_dd_or_shell_it_is_not_known(
    ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (b"exit 3", b"exec cat", b"exec sleep 60"):
        monkeypatch.setattr(linespeed, "_ANSWER", answer)
        monkeypatch.setattr(linespeed, "_PATIENCE", 0.5)
        assert await line_speed(ready) is None
    assert (await ready.run("echo still", timeout=60)).ok


async def test_a_limited_line_is_as_fast_as_its_limit(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    async with site.session(a_server(sshd)) as limited:
        limited.pace = Pace(lambda: 123e3, 1 << 20)
        assert await line_speed(limited) == 123e3
        limited.pace = Pace(lambda: None, 1 << 20)
        assert (await line_speed(limited) or 0) > 0
