"""The guided set-up in the cockpit: its screens, and its keys."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.steps import draft, example
from tests.tui import pictures
from tests.tui.conftest import Open, Opener
from tuibackup.jobs.recorder import Recorder
from tuibackup.jobs.setup.engine import Setup
from tuibackup.jobs.setup.guide import Guide
from tuibackup.jobs.setup.reach import Reach
from tuibackup.jobs.setup.save import FirstCheck
from tuibackup.remote.questions import NoAnswers
from tuibackup.tui.screens.setup import SetUp

Golden = Callable[[str, str], None]


async def opened(seat: Open) -> list[Guide | None]:
    """Open the dialog over canned steps; what it returned is in the list once it is closed."""
    ended: list[Guide | None] = []

    def make(note: Callable[[str], None]) -> Guide:
        app = seat.app
        reach = Reach(app.config, Recorder(app.config, app.operator), NoAnswers(), note)
        return Guide(Setup(example(), draft()), reach, FirstCheck(reach))

    seat.app.push_screen(SetUp("Add a server", make), ended.append)
    await seat.until("Which host?")
    return ended


async def typed(seat: Open, text: str, then: str) -> None:
    await seat.press("ctrl+u", *text, "enter")
    await seat.until(then)


@pytest.mark.parametrize("size", ["80x24", "140x40"])
async def test_screens_of_a_set_up(cockpit: Opener, golden: Golden, size: str) -> None:
    async with cockpit(pictures.drawn(), size) as seat:
        await opened(seat)
        await typed(seat, "10.0.0.9", "is sshd running there?")
        golden(f"set-up-refused-{size}", seat.screen)
        await typed(seat, "10.10.0.5", "What is it to be called?")
        await typed(seat, "siakad", "Is this its host key?")
        golden(f"set-up-host-key-{size}", seat.screen)
        await typed(seat, "yes", "Password of tuibackup")
        await seat.press("ctrl+u", *"rahasia")
        assert "rahasia" not in seat.screen
        await seat.press("enter")
        await seat.until("Which folders?")
        await typed(seat, "1", "Read through sudo")
        golden(f"set-up-sudo-{size}", seat.screen)


async def test_keys_of_a_set_up(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "100x40") as seat:
        ended = await opened(seat)
        await typed(seat, "10.10.0.5", "What is it to be called?")
        await seat.press("ctrl+u", *"a b")
        await seat.until("no spaces in a name")
        await seat.press("escape")
        await seat.until("Which host?")
        assert "10.10.0.5" in seat.screen  # nothing is lost backwards
        await seat.press("enter")
        await seat.until("What is it to be called?")
        await seat.press("enter")
        await seat.until("Is this its host key?")
        await seat.press("down")
        screen = seat.app.screen
        assert isinstance(screen, SetUp)
        assert screen.field.value == "yes"
        await seat.press("up")
        assert screen.field.value == "no"
        await seat.press("ctrl+q")
        assert not isinstance(seat.app.screen, SetUp)
        assert ended
        assert ended[0]
        assert not ended[0].first_check.back_up


async def test_a_opens_it_and_nothing_is_written(cockpit: Opener, tmp_path: Path) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("a")
        await seat.until("Add a server", "Which host?")
        await seat.press("escape")
        assert not isinstance(seat.app.screen, SetUp)
        await seat.press("e")
        await seat.until("What is to be done with")
        await seat.press("escape")
        assert not isinstance(seat.app.screen, SetUp)
