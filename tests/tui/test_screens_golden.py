"""Whole screens, kept as plain text: at the three sizes that count, in the situations that people meet."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.config import VaultSettings
from tuibackup.overview.picture import Picture, Rows

SIZES = ("80x24", "120x30", "140x40")
Golden = Callable[[str, str], None]


@pytest.mark.parametrize("size", ["80x24", "140x40", pytest.param("120x30", marks=pytest.mark.long)])
async def test_the_drawn_situation(cockpit: Opener, golden: Golden, size: str) -> None:
    async with cockpit(pictures.drawn(), size) as seat:
        await seat.press("space", "space", "down", "down", "[")
        golden(f"drawn-{size}", seat.screen)


@pytest.mark.parametrize(
    "size", ["80x24", *(pytest.param(one, marks=pytest.mark.long) for one in ("120x30", "140x40", "60x16"))]
)
async def test_sixty_servers_with_long_names(cockpit: Opener, golden: Golden, size: str) -> None:
    async with cockpit(pictures.many(), size) as seat:
        golden(f"many-{size}", seat.screen)


async def test_a_failed_run_keeps_its_error_in_sight(cockpit: Opener, golden: Golden) -> None:
    async with cockpit(pictures.drawn()) as seat:
        golden("failed-80x24", seat.screen)


async def test_no_server_configured_says_how_to_add_one(cockpit: Opener, golden: Golden) -> None:
    empty = replace(pictures.drawn(), rows=Rows(), shown=None, stored=None)
    async with cockpit(replace(empty, log=replace(empty.log, rows=())), "80x24") as seat:
        golden("empty-80x24", seat.screen)


async def test_a_missing_backup_disk_is_the_first_thing_seen(cockpit: Opener, golden: Golden) -> None:
    picture = replace(
        pictures.drawn(), room=None, problems=("/srv/backup: no such folder; backup disk not mounted?",)
    )
    async with cockpit(picture) as seat:
        golden("no-disk-80x24", seat.screen)


async def test_all_in_time(cockpit: Opener, golden: Golden) -> None:
    rows = tuple(row for row in pictures.drawn().rows if row.condition == "fresh")
    picture: Picture = replace(pictures.drawn(), rows=Rows(rows), shown=None)
    async with cockpit(picture) as seat:
        golden("in-time-80x24", seat.screen)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("plan", ("space", "space", "b")),
        ("stop", ("]", "x")),
        ("details", ("]", "enter")),
        ("help", ("?",)),
        ("palette", ("ctrl+p", "s", "o")),
        ("copy", ("y",)),
        ("log", ("4",)),
        ("filter", ("/", "s", "i")),
        ("disabled", ("x",)),
    ],
)
async def test_what_a_key_opens(cockpit: Opener, golden: Golden, name: str, keys: tuple[str, ...]) -> None:
    missing = VaultSettings(Path("/no/such/place"))
    async with cockpit(pictures.drawn(), vault=missing) as seat:
        await seat.press(*keys)
        if name == "plan":
            await seat.until("not mounted", "tuibackup run simpeg lms")
        golden(f"key-{name}-80x24", seat.screen)
