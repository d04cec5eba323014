"""Only characters that PuTTY's fonts have; ASCII where the terminal has no UTF-8."""

import inspect
from pathlib import Path

import pytest

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.text import cells
from tuibackup.tui import symbols

# The part of Windows' WGL4 set that lies outside Latin-1 and that a cockpit may want.
WGL4 = set("–—‘’“”†‡•…‰‹›€™Ω∂∆∏∑−√∞∫≈≠≤≥◊←↑→↓↔↕─│┌┐└┘├┤┬┴┼═║▀▄█▌▐░▒▓■□▪▫▲►▼◄◊○●◘◙◦☺☻☼♀♂♠♣♥♦♪♫")


def test_every_sign_is_in_wgl4_and_one_cell_wide() -> None:
    for sign in (
        value for name, value in inspect.getmembers(symbols) if name.isupper() and isinstance(value, str)
    ):
        assert all(ord(character) < 256 or character in WGL4 for character in sign), sign
        assert cells(sign) == 1


def test_the_sources_write_no_other_characters() -> None:
    for path in Path(symbols.__file__).parent.rglob("*.py"):
        wrong = {c for c in path.read_text("utf-8") if ord(c) >= 256 and c not in WGL4}
        assert not wrong, f"{path.name}: {wrong}"


@pytest.mark.parametrize("size", ["80x24", pytest.param("140x40", marks=pytest.mark.long)])
async def test_a_screen_without_utf8_is_ascii_and_of_the_same_width(cockpit: Opener, size: str) -> None:
    async with cockpit(pictures.drawn(), size) as seat:
        before = seat.screen
    async with cockpit(pictures.drawn(), size, symbols="ascii") as seat:
        after = seat.screen
        await seat.press("space", "b")
        assert seat.screen.isascii(), "the frames of dialogs too"
    assert after.isascii()
    assert [len(line) for line in after.split("\n")] == [len(line) for line in before.split("\n")]
    assert "x failed" in after
    assert "OVERDUE" in after


@pytest.mark.parametrize(
    ("environment", "ascii_only"),
    [
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "id_ID.utf8"}, False),
        ({"LANG": "id_ID.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({}, True),
    ],
)
def test_the_locale_decides_where_nothing_is_set(environment: dict[str, str], ascii_only: bool) -> None:
    assert symbols.ascii_only(None, environment) is ascii_only
    assert symbols.ascii_only("unicode", environment) is False
    assert symbols.ascii_only("ascii", environment) is True


def test_other_characters_keep_their_cells() -> None:
    assert symbols.to_ascii("é √ 学") == "? + ??"
