"""Whether a line is faster than a packer is found out in a moment; where it cannot be, it is not."""

import pytest

from tests.remote.conftest import Site, a_server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.remote import linespeed
from tuibackup.remote.linespeed import faster_than
from tuibackup.remote.pace import Pace
from tuibackup.remote.session import Session
from tuibackup.remote.stream import Stream


async def test_any_line_is_faster_than_nothing_and_none_than_everything(
    ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linespeed, "_SLOW", 0.0)  # this machine may be busy
    assert await faster_than(ready, 1.0)
    assert not await faster_than(ready, 1e15)


async def test_what_waits_longer_for_a_burst_finds_the_line_slower(
    ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = linespeed._burst

    async def held_up(stream: Stream, blocks: int) -> float:
        rate = await measured(stream, blocks)
        return blocks * 65536 / (blocks * 65536 / rate + blocks * 0.01)

    monkeypatch.setattr(linespeed, "_burst", held_up)
    assert not await faster_than(ready, 7e6)


async def test_a_server_without_dd_or_shell_is_not_fast(
    ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (b"exit 3", b"exec cat", b"exec sleep 60"):
        monkeypatch.setattr(linespeed, "_ANSWER", answer)
        monkeypatch.setattr(linespeed, "_PATIENCE", 0.5)
        assert not await faster_than(ready, 1.0)
    assert (await ready.run("echo still", timeout=60)).ok


async def test_a_limited_line_is_not_measured(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    async with site.session(a_server(sshd)) as limited:
        limited.pace = Pace(lambda: 1e9, 1 << 20)
        assert not await faster_than(limited, 1.0)
