"""The registry: one list feeds bindings, footer, palette, help and the key sheet."""

from pathlib import Path

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.tui import actions
from tuibackup.tui.app import Cockpit
from tuibackup.tui.screens.main import MainScreen


def test_every_action_can_be_carried_out() -> None:
    for action in actions.ACTIONS:
        assert hasattr(Cockpit, action.method) or hasattr(MainScreen, action.method), action.id


def test_no_key_has_two_meanings() -> None:
    keys = [key for action in actions.ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_no_key_is_a_prefix_of_tmux_or_screen() -> None:
    keys = {key for action in actions.ACTIONS for key in action.keys}
    assert not keys & {"ctrl+a", "ctrl+b", "ctrl+c"}


def test_the_key_sheet_is_not_stale() -> None:
    sheet = Path(__file__).parents[2] / "docs" / "keys.md"
    assert sheet.read_text("utf-8") == actions.sheet(), "python -m tuibackup.tui.actions writes it"


async def test_a_remapped_key_works_and_is_shown_everywhere(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), keymap={"mark-overdue": "f5"}) as seat:
        assert "f5 mark overdue" in seat.foot
        await seat.press("o")
        assert "marked" not in seat.screen
        await seat.press("f5")
        assert "4 marked" in seat.screen
        await seat.press("ctrl+p", *"overdue")
        assert "f5  mark overdue" in seat.screen


async def test_read_only_takes_away_what_changes_and_says_so(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), read_only=True) as seat:
        assert "back up" not in seat.foot
        assert "stop" not in seat.foot
        for key in "b", "x":
            await seat.press(key)
            assert "read-only" in seat.foot
            assert seat.app.screen is seat.app.main
        for key in "question_mark", "ctrl+p":
            await seat.press(key)
            assert "back up" not in seat.screen.lower()
            assert "stop" not in seat.screen.lower()
            await seat.press("escape")


async def test_a_disabled_key_says_why_until_the_next_key(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("x")
        assert "no run or job of simpeg is under way" in seat.foot
        await seat.press("down")
        assert "quit" in seat.foot


async def test_help_and_palette_hold_every_action(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), "140x80") as seat:
        await seat.press("?")
        for action in actions.ACTIONS:
            assert action.help[:40] in seat.screen, action.id
        await seat.press("escape", "ctrl+p")
        for action in actions.ACTIONS:
            if action.id != "palette":
                assert actions.label(action, seat.app.main.situation) in seat.screen, action.id
