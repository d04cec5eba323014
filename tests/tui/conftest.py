"""The cockpit with a picture made by hand, in Textual's headless terminal; and golden screens as plain text."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.tui.pictures import Fixed, NothingStored, config
from tuibackup.overview.picture import Picture
from tuibackup.run.operator import Operator
from tuibackup.tui.app import Cockpit
from tuibackup.words import use_language

GOLDEN = Path(__file__).parent / "golden"


class Open:
    """An open cockpit: `press` keys and look at `screen`, plain text as a terminal would show it."""

    def __init__(self, app: Cockpit, source: Fixed, pilot: Pilot[None]) -> None:
        self.app, self.source, self.pilot = app, source, pilot

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause()
        await self.pilot.pause(0.02)

    async def until(self, *words: str, seconds: float = 60.0) -> None:
        """Wait until the screen shows all of `words`: threads and processes take their time on a busy machine."""
        deadline = time.monotonic() + seconds
        while not all(word in self.screen for word in words):
            assert time.monotonic() < deadline, f"the screen never showed {words}:\n{self.screen}"
            await self.pilot.pause(0.05)

    async def show(self, picture: Picture) -> None:
        """Let the cockpit have another picture."""
        self.source.picture = picture
        self.app.take(picture)
        await self.pilot.pause()

    @property
    def screen(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def foot(self) -> str:
        return self.screen.split("\n")[-1]


Opener = Callable[..., AbstractAsyncContextManager[Open]]


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    time.tzset()
    use_language("en")
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def cockpit(tmp_path: Path) -> Opener:
    """`async with cockpit(picture, "80x24") as seat:`"""

    @asynccontextmanager
    async def opener(picture: Picture, size: str = "80x24", **options: object) -> AsyncIterator[Open]:
        columns, rows = map(int, size.split("x"))
        read_only = bool(options.pop("read_only", False))
        settings = replace(config(tmp_path, picture), **options)
        source = Fixed(picture, settings)
        app = Cockpit(settings, source, Operator("andi"), NothingStored(), read_only=read_only)
        async with app.run_test(size=(columns, rows)) as pilot:
            await pilot.pause()
            await pilot.pause(0.05)
            yield Open(app, source, pilot)

    return opener


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a screen with the kept one; with UPDATE_GOLDEN=1 it keeps the new one (then read the diff)."""

    def compare(name: str, screen: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(screen + "\n", "utf-8")
        assert path.read_text("utf-8") == screen + "\n", (
            f"{path} differs; UPDATE_GOLDEN=1 keeps the new screen"
        )

    return compare
