"""Themes are checked whole; a broken file is one notice, never a crash."""

import itertools
import math
import os
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.color import Color as RichColor
from rich.color import ColorSystem
from textual.color import Color
from textual.theme import Theme

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.tui import themes
from tuibackup.tui.panes.serverline import SIGNS


def test_the_shipped_themes_are_all_usable() -> None:
    found = themes.load([themes.shipped()])
    assert not found.problems
    kinds = ("16", "colour-blind", "dark", "high-contrast", "light", "monochrome")
    assert sorted(found.usable) == [f"tuibackup-{kind}" for kind in kinds]


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


STATES = ("fresh", "due", "overdue", "never", "running", "warning", "failed")


def backgrounds(theme: Theme) -> dict[str, str]:
    """Everything that text stands on."""
    names = ("cursor-background", "cursor-blurred-background")
    own = {"background": theme.background, "surface": theme.surface, "panel": theme.panel}
    return {
        **{name: str(colour) for name, colour in own.items()},
        **{name: theme.variables[name] for name in names},
    }


@pytest.mark.parametrize(
    ("name", "least"),
    [("dark", 4.5), ("light", 4.5), ("colour-blind", 4.5), ("monochrome", 4.5), ("high-contrast", 7.0)],
)
def test_every_text_can_be_read_on_its_background(name: str, least: float) -> None:
    """Also on the line of the cursor, where failed runs stand first."""
    theme = themes.load([themes.shipped()]).usable[f"tuibackup-{name}"]
    texts = {
        word: colour
        for word, colour in theme.variables.items()
        if word.startswith("status-") or word in ("muted", "title", "key", "cursor-foreground")
    }
    for place, background in backgrounds(theme).items():
        for word, colour in {**texts, "foreground": str(theme.foreground)}.items():
            ratio = contrast(Color.parse(background), Color.parse(colour))
            assert ratio >= least, f"{word} {colour} has a contrast of {ratio:.1f} on the {place}"


# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency (IEEE TVCG 15,
# 2009), severity 1.0, for linear RGB: https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html
SEEN_BY = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "everybody else": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


def seen(colour: Color, by: str) -> tuple[float, float, float]:
    """The colour as these people see it, in CIE L*a*b* (D65)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    red, green, blue = (
        min(1.0, max(0.0, sum(part * one for part, one in zip(row, linear, strict=True))))
        for row in SEEN_BY[by]
    )
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("by", SEEN_BY)
def test_the_states_stay_apart_for_those_who_see_red_and_green_alike(by: str) -> None:
    """Two colours that differ by 10 are told apart at a glance; these differ by 35 and more."""
    colours = themes.load([themes.shipped()]).usable["tuibackup-colour-blind"].variables
    for one, other in itertools.combinations(STATES, 2):
        seen_ones = [seen(Color.parse(colours[f"status-{name}"]), by) for name in (one, other)]
        assert math.dist(*seen_ones) >= 35, f"{one} and {other} look alike in {by}"


def test_with_256_colours_no_two_states_fall_together_and_the_cursor_can_be_read() -> None:
    """The nearest may be far: the dark theme's cursor became green-blue, on which failed had a contrast of 2.6."""

    def nearest(value: str) -> Color:
        found = RichColor.parse(value).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        return Color(found.red, found.green, found.blue)

    for theme in themes.load([themes.shipped()]).usable.values():
        if not theme.ansi:
            states = [nearest(theme.variables[f"status-{name}"]) for name in STATES]
            assert len(set(states)) == len(STATES), theme.name
            cursor = nearest(theme.variables["cursor-background"])
            assert cursor != nearest(str(theme.background)), theme.name
            assert all(contrast(cursor, state) >= (4.5 if theme.dark else 3) for state in states), theme.name


def test_monochrome_has_no_hue() -> None:
    theme = themes.load([themes.shipped()]).usable["tuibackup-monochrome"]
    own = (theme.primary, theme.secondary, theme.accent, theme.success, theme.warning, theme.error)
    for value in (
        *theme.variables.values(),
        *backgrounds(theme).values(),
        *map(str, own),
        str(theme.foreground),
    ):
        red, green, blue = Color.parse(value).rgb
        assert red == green == blue, value


def test_states_differ_by_sign_and_word_without_any_colour() -> None:
    from tuibackup.overview.picture import CONDITIONS
    from tuibackup.tui import symbols

    signs = [SIGNS[name] for name in CONDITIONS]
    assert len(set(signs)) == len(signs), signs
    assert len({symbols.to_ascii(sign) for sign in signs if sign not in "·…"}) == len(signs) - 2


def test_the_theme_for_sixteen_colours_uses_only_those() -> None:
    theme = themes.load([themes.shipped()]).usable["tuibackup-16"]
    assert theme.ansi
    assert all(value.startswith("ansi_") for value in theme.variables.values())


def test_the_states_have_different_colours_in_every_theme() -> None:
    for theme in themes.load([themes.shipped()]).usable.values():
        states = [theme.variables[f"status-{name}"] for name in STATES]
        assert len(set(states)) == len(STATES), theme.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"\n[colours]\nprimary = "red"\n', "foreground is missing"),
        ('name = "x"\n[colours]\nprimary = "rot"\nforeground="red"\nbackground="red"\n', '"rot" is no colour'),
        ('name = "x"\ncolor = 1\n[colours]\n', "color is not known; colours: primary is missing"),
        ('name = "x y"\n[colours]\nprimary="red"\nforeground="red"\nbackground="red"\n', 'name: "x y" is no name'),
        ('name = "x"\n[colours]\nprimary="red"\nforeground="#ffffff10"\nbackground="ansi_red"\n',
         'foreground: "#ffffff10" lets something shine through; write it as #rrggbb; background: "ansi_red" is one of'),
        ('name = "x"\nansi = true\n[colours]\nprimary="red"\nforeground="ansi_red"\nbackground="ansi_red"\n',
         'primary: "red" is none of the terminal'),
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


@pytest.mark.long
async def test_a_theme_is_previewed_in_the_palette_and_taken_back(cockpit: Opener) -> None:
    async with cockpit(pictures.drawn()) as seat:
        await seat.press("ctrl+p", *"light")
        assert seat.app.theme == "tuibackup-light"
        await seat.press("escape")
        assert seat.app.theme == "tuibackup-dark"
        await seat.press("ctrl+p", *"light", "enter")
        assert seat.app.theme == "tuibackup-light"


MINE = 'name = "mine"\n[colours]\nprimary="#112233"\nforeground="{}"\nbackground="#000000"\n'


async def test_a_theme_that_is_edited_while_open_is_read_again(cockpit: Opener, tmp_path: Path) -> None:
    own = tmp_path / "themes" / "mine.toml"
    own.parent.mkdir()
    own.write_text(MINE.format("#eeeeee"))
    picture = pictures.drawn()
    async with cockpit(picture, theme="mine") as seat:

        async def written(text: str, mark: int) -> None:
            own.write_text(text)
            await seat.show(replace(picture, themes=(("mine.toml", mark, 1),)))

        await written(MINE.format("#cccccc"), 1)
        assert "the themes were read again" in seat.foot
        assert seat.app.main.bar.rich_style.color.name == "#cccccc"
        await seat.press("down")
        await written(MINE.format("cccccc"), 2)
        assert 'mine.toml: foreground: "cccccc" is no colour' in seat.foot
        assert seat.app.main.bar.rich_style.color.name == "#cccccc", "the last good one stays"
        await seat.press("down")
        await written(MINE.format("#dddddd"), 3)
        assert seat.app.main.bar.rich_style.color.name == "#dddddd"


async def test_a_pipe_among_the_themes_is_not_waited_for(cockpit: Opener, tmp_path: Path) -> None:
    (tmp_path / "themes").mkdir()
    os.mkfifo(tmp_path / "themes" / "mine.toml")
    async with cockpit(pictures.drawn()) as seat:
        assert "back up" in seat.foot
