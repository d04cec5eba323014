"""The registry: one list feeds bindings, footer, palette, help and the key sheet."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from textual.binding import Binding

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.tui import actions, screens
from tuibackup.tui.dialog_actions import DIALOGS, HELP, TAKEN
from tuibackup.tui.screens.dialog import Dialog


async def test_every_action_can_be_carried_out(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        for action in actions.ACTIONS:
            assert callable(seat.app.doing(action)), action.id


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
    async with cockpit(pictures.drawn(), "140x100") as seat:
        await seat.press("?")
        for action in actions.ACTIONS:
            assert action.help[:40] in seat.screen, action.id
        await seat.press("escape", "ctrl+p")
        for action in actions.ACTIONS:
            if action.id != "palette":
                assert actions.label(action, seat.app.main.situation) in seat.screen, action.id


def test_each_action_has_what_help_and_key_sheet_need() -> None:
    for action in actions.ACTIONS:
        assert action.keys, action.id
        assert action.help[0].isupper(), action.id
        assert action.help.endswith("."), action.id
    assert len(actions.BY_ID) == len(actions.ACTIONS)


@pytest.mark.parametrize("read_only", [pytest.param(False, marks=pytest.mark.long), True])
async def test_each_action_does_something_or_says_why_not(cockpit: Opener, read_only: bool) -> None:
    """And with --read-only nothing that changes anything is there: no dialog of it opens."""
    async with cockpit(pictures.drawn(), read_only=read_only) as seat:
        for action in actions.ACTIONS:
            if action.id in ("quit", "suspend") or (read_only and not action.changes):
                continue
            before = seat.screen, seat.app.main.number
            why = actions.reason(action, seat.app.main.situation)
            await seat.press(action.keys[0])
            after = seat.screen, seat.app.main.number
            assert after != before or action.id in _THERE, f"{action.id} did nothing"
            if why:
                assert why in seat.foot
                assert seat.app.screen is seat.app.main, f"{action.id} opened what cannot be done"
            assert not read_only or "read-only" in seat.foot, action.id
            while seat.app.screen is not seat.app.main:
                await seat.press("ctrl+q")
            await seat.press("escape", "1")


_THERE = ("redraw", "sort", "pane-1", "up", "page-up", "top")  # where it is already


def dialogs() -> list[type[Dialog[object]]]:
    """All kinds that there are."""
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    found, todo = [], [Dialog]
    while todo:
        todo += (kinds := todo.pop().__subclasses__())
        found += kinds
    return [one for one in found if one.BINDINGS is not Dialog.BINDINGS]


@pytest.mark.parametrize("dialog", dialogs(), ids=lambda one: one.__name__)
def test_each_key_of_a_dialog_is_in_the_registry(dialog: type[Dialog[object]]) -> None:
    own = {one.id: one for one in DIALOGS[dialog.kind].actions} if dialog.kind else {}
    for binding in dialog.BINDINGS:
        assert isinstance(binding, Binding)
        name = binding.action.split("(")[0]
        if name.startswith("app."):
            assert binding.id in actions.BY_ID, binding
            continue
        assert hasattr(dialog, f"action_{name}"), binding
        if not set(binding.key.split(",")) <= {*TAKEN, HELP}:
            assert binding.id in own, f"{binding.key} of {dialog.__name__} is not in dialog_actions.DIALOGS"


@pytest.mark.parametrize("kind", DIALOGS)
def test_no_key_of_a_dialog_has_two_meanings(kind: str) -> None:
    keys = [key for one in DIALOGS[kind].actions for key in one.keys]
    assert len(keys) == len(set(keys))
    assert not {*TAKEN, HELP} & set(keys)
    assert not DIALOGS[kind].typing or all(len(key) > 1 for key in keys), "letters go into the field"
    for one in DIALOGS[kind].actions:
        if one.id in actions.BY_ID:
            assert set(one.keys) & set(actions.BY_ID[one.id].keys), f"{one.id} has another key here"


async def test_a_dialog_has_help_and_other_keys_hold_in_it(cockpit: Opener) -> None:
    keymap = {"plan-dry-run": "w", "down": "f5", "help": "f2"}
    async with cockpit(pictures.drawn(), keymap=keymap) as seat:
        await seat.press("b")
        await seat.until("w dry run")
        await seat.press("f1")
        assert "help: plan" in seat.screen
        assert "w  Dry run: say what would be done." in seat.screen
        assert "f5  One row down." in seat.screen
        await seat.press("escape", "f2")
        assert "help: plan" in seat.screen
        await seat.press("escape", "w")
        assert "dry run" in seat.screen.lower()


async def test_actions_are_about_servers_in_sight_and_name_the_others(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("space", "slash", *"lms", "enter")
        assert "1 marked, 1 of them hidden · 1 of 12 /lms" in seat.screen
        await seat.press("b")
        await seat.until("hidden by the filter, and marked before: simpeg")
        await seat.press("escape", "o")
        assert "2 marked, 1 of them hidden" in seat.screen, (
            "overdue servers that the filter hides got no mark"
        )
        await seat.press("o", "escape", "home", "space", "slash", *"zzz", "enter")
        assert "─ 0 of 12 /zzz" in seat.screen
        for key in "x", "v", "t", "r", "enter", "space", "b":
            await seat.press(key)
            assert "the filter shows no server" in seat.foot, key
            assert seat.app.screen is seat.app.main, f"{key} was about a server that nobody sees"
        await seat.press("o")
        assert "nothing that the filter shows is overdue" in seat.foot


async def test_a_read_only_cockpit_browses_and_restores_nothing(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn(), read_only=True) as seat:
        await seat.press("r")
        await seat.until("snapshots of simpeg")
        browse = seat.app.screen
        await seat.press("R")
        assert "--read-only" in seat.screen
        assert seat.app.screen is browse
