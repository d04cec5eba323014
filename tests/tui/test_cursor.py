"""The cursor of a pane without the focus is seen too: it tells whose run the other panes show."""

import pytest
from rich.color import ColorSystem

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.tui.private import picture
from tuibackup.tui.wire.frame import frame, on_blank


@pytest.mark.parametrize("theme", ["tuibackup-dark", "tuibackup-light", "tuibackup-16"])
async def test_the_cursor_is_seen_with_and_without_the_focus(cockpit: Opener, theme: str) -> None:
    for colours in (ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR):
        async with cockpit(pictures.drawn(), theme=theme) as seat:
            looks = []
            for keys in ((), ("tab",)):
                await seat.press(*keys)
                found = picture(seat.app)
                assert found is not None
                rows = frame(found.lines, found.width, colours)
                at = next(y for y, row in enumerate(rows) if "simpeg" in "".join(row.texts))
                looks.append(on_blank(rows[at].pens[4]))
                assert looks[-1] != on_blank(rows[at + 1].pens[4]), f"{colours} {keys}"
            assert looks[0] != looks[1]
