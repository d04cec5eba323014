"""Themes are checked whole; a broken file is one notice, never a crash."""

import re
from pathlib import Path

import pytest
from textual.color import Color

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.tui import themes


def test_the_shipped_themes_are_all_usable() -> None:
    found = themes.load([themes.shipped()])
    assert not found.problems
    assert set(found.usable) >= {"tuibackup-dark", "tuibackup-light", "tuibackup-16"}


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["tuibackup-dark", "tuibackup-light"])
def test_every_text_can_be_read_on_its_background(name: str) -> None:
    theme = themes.load([themes.shipped()]).usable[name]
    background = Color.parse(theme.background or "")
    for word, colour in theme.variables.items():
        if word.startswith("status-") or word in ("muted", "title", "key"):
            ratio = contrast(background, Color.parse(colour))
            assert ratio >= 4.5, f"{word} {colour} has a contrast of {ratio:.1f}"


def test_the_theme_for_sixteen_colours_uses_only_those() -> None:
    theme = themes.load([themes.shipped()]).usable["tuibackup-16"]
    assert theme.ansi
    assert all(value.startswith("ansi_") for value in theme.variables.values())


def test_the_states_of_a_clock_have_different_colours() -> None:
    for theme in themes.load([themes.shipped()]).usable.values():
        states = [
            theme.variables[f"status-{name}"] for name in ("fresh", "due", "overdue", "never", "failed")
        ]
        assert len(set(states)) == 5, theme.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"\n[colours]\nprimary = "red"\n', "foreground is missing"),
        ('name = "x"\n[colours]\nprimary = "rot"\nforeground="red"\nbackground="red"\n', '"rot" is no colour'),
        ('name = "x"\ncolor = 1\n[colours]\n', "unknown field"),
        ('name = "x"\n[colours]\nprimary="red"\nforeground="red"\nbackground="red"\n[semantic]\nstatus-bad="red"\n',
         "status-bad is not known"),
        ("name = \n", "Invalid value"),
    ],
)  # fmt: skip
def test_a_broken_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    found = themes.load([themes.shipped(), tmp_path])
    assert len(found.problems) == 1
    assert re.search(re.escape(said), found.problems[0])
    assert "own.toml" in found.problems[0]
    assert "tuibackup-dark" in found.usable


def test_a_small_file_is_filled_up(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[colours]\nprimary="#112233"\nforeground="#eeeeee"\nbackground="#000000"\n'
    )
    own = themes.load([tmp_path]).usable["own"]
    assert set(themes.SEMANTIC) <= set(own.variables)


def test_sixteen_colours_get_their_own_theme_whatever_is_configured() -> None:
    found = themes.load([themes.shipped()])
    assert themes.choose("tuibackup-light", found, few_colours=True) == "tuibackup-16"
    assert themes.choose("tuibackup-light", found, few_colours=False) == "tuibackup-light"
    assert themes.choose("no such", found, few_colours=False) == "tuibackup-dark"
    assert themes.choose(None, found, few_colours=False) == "tuibackup-dark"


async def test_a_broken_theme_of_the_user_is_told_once_and_the_default_used(
    cockpit: Opener, tmp_path: Path
) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "mine.toml").write_text("nonsense")
    async with cockpit(pictures.drawn(), theme="mine") as seat:
        assert "mine.toml" in seat.foot
        assert seat.app.theme == "tuibackup-dark"
        await seat.press("down")
        assert "back up" in seat.foot


async def test_a_theme_is_previewed_in_the_palette_and_taken_back(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("ctrl+p", *"light")
        assert seat.app.theme == "tuibackup-light"
        await seat.press("escape")
        assert seat.app.theme == "tuibackup-dark"
        await seat.press("ctrl+p", *"light", "enter")
        assert seat.app.theme == "tuibackup-light"
