"""No column touches another, names are the last to be cut, and none is cut in a terminal that has room for it.

Once a standard of an hour stood against the host key ("dari 1:00:00ssh-ed25519"), the log cut names to ten cells, and
the name column was narrower at 140 columns than at 120.
"""

import re
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from tests.tui import pictures
from tests.tui.conftest import Open, Opener
from tests.tui.pictures import NOW, fold, last, planned, row
from tests.tui.touching import TOUCHING
from tuibackup.overview.picture import LogPage, LogRow, Picture, Rows, RunFace
from tuibackup.run.journal import events as ev
from tuibackup.sop import Clock, Outcome, Period, Step, standing
from tuibackup.tui.panes.serverline import columns
from tuibackup.tui.panes.servers import WEEKS_FROM
from tuibackup.tui.screens.main import layout_for, servers_width
from tuibackup.words import _, use_language

LONG = "poltekkes-medan-jurusan-farmasi-sister07"


KEY = "ssh-ed25519 SHA256:9fX3mQvB0c7TtyUuY1Wq4Zr8sJk2hLpD5eNxA6oVkQ4"


FINDING = " ".join(["服务器/e\u0301tat", *(f"berkas{number:02}" for number in range(35))])


SIZES = ("80x24", "140x40")


MORE_SIZES = ("60x16", "100x30", "120x30", "200x50")


LANGUAGES = (pytest.param("en", marks=pytest.mark.long), "id")


def awkward() -> Picture:
    """Names of 40 characters, standards of an hour, a clock that is due after 360 days, texts from everywhere."""
    of = {"run": planned(LONG).run, "server": LONG}
    slow = replace_standards(planned(LONG, ago=7400))
    ended = fold(
        slow,
        ev.StepStarted(time=pictures.at(7400), step=Step.CONNECT, **of),
        ev.StepFinished(
            time=pictures.at(3700), step=Step.CONNECT, outcome=Outcome.DONE, seconds=3700, detail=KEY, **of
        ),
        ev.StepStarted(time=pictures.at(3600), step=Step.DOWNLOAD, **of),
        ev.StepFinding(time=pictures.at(60), step=Step.DOWNLOAD, subject="/srv", reason=FINDING, **of),
        ev.RunFinished(
            time=pictures.at(9), outcome=Outcome.FAILED, seconds=7391, exit_code=1, error=FINDING, **of
        ),
    )
    yearly = standing(NOW.replace(year=2025, month=12, day=1), Period(1, "year"), NOW)
    first = replace(row(LONG, 9, 40, last(Outcome.FAILED, 0, 7391, FINDING)), databases=yearly)
    others = [replace(one, name=one.name.replace("sister", "server")) for one in pictures.many(5).rows]
    entries = tuple(
        LogRow(
            number, NOW, LONG, "restore", outcome, FINDING, 7391.0, "andi (sudo root)", {"detail": FINDING}
        )
        for number, outcome in enumerate(["failed", "interrupted", "warnings", "done", ""])
    )
    return replace(
        pictures.drawn(),
        rows=Rows([first, row("siakad", 1, 1, None, pictures.downloading()), *others]),
        shown=RunFace(ended, active=False),
        log=LogPage(entries, 5, 5),
    )


def replace_standards(event: ev.RunPlanned) -> ev.RunPlanned:
    return ev.RunPlanned(
        time=event.time, run=event.run, server=event.server, request="r", clocks=tuple(Clock), full=False,
        operator="andi (sudo root)", standards={Step.CONNECT: 3600, Step.LOGIN: 300},
        expected={Step.DOWNLOAD: 4500, Step.DUMP: 65},
    )  # fmt: skip


async def widened(seat: Open, columns: int, rows: int) -> None:
    await seat.pilot.resize_terminal(columns, rows)
    await seat.pilot.pause()


@pytest.mark.parametrize("length", [1, 12, 25, 40])
@pytest.mark.parametrize("language", ["en", "id"])
def test_the_name_column_never_shrinks_as_the_terminal_grows(language: str, length: int) -> None:
    use_language(language)
    rows = tuple(replace(one, name=one.name[-length:]) for one in awkward().rows)
    before = 0
    for width in range(60, 201):
        for height in (24, 40):
            beside = layout_for(width, height, rows) == "large"
            room = servers_width(width, rows) - 2 if beside else width
            table = columns(room, rows, weeks=beside or width >= WEEKS_FROM)
            assert table.name >= before, (
                f"{before} cells for names at {width - 1} columns, {table.name} at {width}"
            )
        before = table.name
        assert before >= length or width < 82, f"no whole names at {width} columns"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_names_are_whole_in_every_layout(cockpit: Opener, language: str) -> None:
    use_language(language)
    async with cockpit(awkward(), "80x40") as seat:
        for width in (82, 120, 131, 140, 200):
            await widened(seat, width, 40)
            heading, *lines = seat.screen.split("\n")[2:]
            assert heading.index(_("files")) - heading.index(_("name")) == 41, seat.screen
            assert [line for line in lines[:7] if LONG in line], seat.screen


@pytest.mark.parametrize(
    ("language", "sizes"),
    [
        ("id", SIZES),
        pytest.param("id", MORE_SIZES, marks=pytest.mark.long),
        pytest.param("en", (*SIZES, *MORE_SIZES), marks=pytest.mark.long),
    ],
)
async def test_no_columns_touch_and_names_are_whole(
    cockpit: Opener, language: str, sizes: tuple[str, ...]
) -> None:
    use_language(language)
    async with cockpit(awkward()) as seat:
        for size in sizes:
            columns, rows = map(int, size.split("x"))
            await seat.press("1")
            await widened(seat, columns, rows)
            for name, screen in [one async for one in _opened(seat)]:
                touching = TOUCHING.search(screen)
                assert not touching, f"{size}, {name}: {touching!r}\n{screen}"
                assert not re.search("…─ [^│]", screen), (
                    f"{size}, {name}: a title is cut by its end\n{screen}"
                )
                assert columns < 80 or screen.count(LONG) >= 1, f"{size}, {name}: the name is cut\n{screen}"


async def _opened(seat: Open) -> AsyncIterator[tuple[str, str]]:
    """Every pane and what opens from it, with its screen."""
    for pane in "1234":
        await seat.press(pane)
        yield f"pane {pane}", seat.screen
    await seat.press("enter")
    yield "an entry", seat.screen
    await seat.press("escape", "1", "enter")
    assert KEY in seat.screen or seat.app.size.height < 50
    whole = seat.app.screen.body.whole.replace("\n", " ")  # type: ignore[attr-defined]  # a dialog
    assert " ".join(FINDING.split()) in " ".join(whole.split()), "a finding is told in full"
    yield "details", seat.screen
    await seat.press("escape", "b")
    yield "the plan", seat.screen
    await seat.press("escape")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_help_is_as_wide_as_the_terminal(cockpit: Opener, language: str) -> None:
    use_language(language)
    async with cockpit(awkward(), "60x16") as seat:
        for pane in "1234":
            await seat.press(pane, "?")
            assert "…" not in seat.app.screen.body.whole.replace(" …  ", "")  # type: ignore[attr-defined]
            await seat.press("escape")
