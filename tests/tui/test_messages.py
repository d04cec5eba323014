"""Where messages stand, in the cockpit."""

from datetime import timedelta

from msgspec.structs import replace

from tests.tui import pictures
from tests.tui.conftest import Opener
from tuibackup.overview.picture import Picture, Telling


async def test_what_cannot_be_sent_is_counted_and_one_key_tells_why(cockpit: Opener) -> None:
    drawn = pictures.drawn()
    ago = drawn.now - timedelta(hours=3)
    well = Telling("POST https://chat.example.ac.id", 0, ago)
    ill = Telling("mail through mail.example.ac.id:25", 2, None, ago, "Connection refused")
    picture: Picture = replace(drawn, tells=True, telling=(well, ill))
    async with cockpit(picture, size="160x40") as seat:
        assert "× 1 messages not sent" in seat.screen
        await seat.press("M")
        for text in ("last sent ", "× not sent since ", "Connection refused", "waiting: 2", "notify --test"):
            assert text in seat.screen
    async with cockpit(drawn) as seat:
        await seat.press("M")
        assert "names nobody who is told" in seat.screen
