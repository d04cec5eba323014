"""Whatever is pressed and whatever size the terminal gets: it shows what Textual composed, cell for cell."""

import random

import pytest
from msgspec.structs import replace
from rich.color import ColorSystem

from tests.tui import pictures
from tests.tui.conftest import Open, Opener
from tests.tui.wire.replay import shown, terminal, whole
from tuibackup.overview.picture import Picture, Rows
from tuibackup.tui.private import picture
from tuibackup.tui.wire.changes import Able
from tuibackup.tui.wire.frame import Frame, frame
from tuibackup.tui.wire.painter import Painter

KEYS = (
    "j", "k", "G", "g", "tab", "shift+tab", "1", "2", "3", "4", "space", "o", "s", "b", "enter", "escape", "slash",
    "question_mark", "ctrl+p", "down", "left_square_bracket", "y", "pagedown", "ctrl+l", "d",
)  # fmt: skip
SIZES = ((80, 24), (140, 40), (100, 30), (60, 16), (40, 10), (200, 50), (20, 3), (1, 1), (61, 17))
NAMES = ("漢字のサーバー", "cafe\u0301-e\u0301té", "🐧-server-👍🏽", "❤️-한국", "🇮🇩-jakarta")
COLOURS = (None, ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR)
ABLE = (Able(), Able(paints=True), Able(erases=True, paints=True))


def strange() -> Picture:
    """Servers whose names have wide characters, marks above letters, and emoji."""
    drawn = pictures.drawn()
    rows = [replace(row, name=f"{name}-{row.name}") for row, name in zip(drawn.rows, NAMES * 3, strict=False)]
    return replace(drawn, rows=Rows(rows))


class Seen:
    """The terminal of an open cockpit: `catch_up` gives it what the painter sends."""

    def __init__(self, seat: Open, colours: ColorSystem | None, able: Able) -> None:
        self._seat, self._colours = seat, colours
        self.screen, self._stream = terminal(80, 24)
        self._painter = Painter(
            self.composed, self._stream.feed, lambda: True, lambda _after, _do: None, able
        )
        seat.app.frame_changed = self._painter.changed

    def composed(self) -> Frame | None:
        found = picture(self._seat.app)
        if found is None or (found.width, len(found.lines)) != (self.screen.columns, self.screen.lines):
            return None
        return frame(found.lines, found.width, self._colours or found.colours)

    async def resize(self, width: int, height: int) -> None:
        self.screen.resize(height, width)
        await self._seat.pilot.resize_terminal(width, height)
        self._painter.forget()

    async def catch_up(self) -> Frame:
        while (composed := self.composed()) is None:
            await self._seat.pilot.pause(0.02)
        self._painter.changed()
        for _part in range(100):
            self._painter.answered()
        return composed


async def one(cockpit: Opener, seed: int, keys: int) -> None:
    chosen = random.Random(seed)
    shows = chosen.choice((pictures.drawn, pictures.many, strange))()
    colours, able = chosen.choice(COLOURS), chosen.choice(ABLE)
    async with cockpit(shows) as seat:
        seen = Seen(seat, colours, able)
        pressed: list[str] = [repr(colours), repr(able)]
        for _key in range(keys):
            if chosen.random() < 0.1:
                size = chosen.choice(SIZES)
                await seen.resize(*size)
                pressed.append(f"{size}")
            key = chosen.choice(KEYS)
            pressed.append(key)
            await seat.press(key)
            if chosen.random() < 0.2:
                await seat.show(replace(shows, rows=Rows(chosen.sample(shows.rows, len(shows.rows)))))
            composed = await seen.catch_up()
            assert shown(seen.screen) == whole(composed), f"after {pressed}"


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.long
async def test_the_terminal_shows_what_was_composed(cockpit: Opener, seed: int) -> None:
    await one(cockpit, seed, 12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 22))
async def test_it_does_after_many_keys(cockpit: Opener, seed: int) -> None:
    await one(cockpit, seed, 100)
