"""What no backup holds, on the screen: its keys, what they ask before, and what is recorded then."""

import tomllib
from pathlib import Path

from msgspec.structs import replace

from tests.tui.conftest import Opener
from tests.tui.pictures import NOW, row
from tuibackup.discover.found import Discovery, FoundDatabase, FoundFolder
from tuibackup.ledger.store import Ledger
from tuibackup.overview.coverage import Acceptance, coverage
from tuibackup.overview.picture import Picture, Rows

FOUND = Discovery(
    folders=(
        FoundFolder(
            path="/srv/moodledata", what="data", application="Moodle", named_by=("Moodle /var/www/lms",), files=8123,
            bytes=5 << 30, exclude=("/srv/moodledata/cache/**",),
        ),
        FoundFolder(path="/srv/odd\x1b[31m", what="site", named_by=("nginx x.example",)),
        FoundFolder(path="/srv/old", what="site", named_by=("Apache old.example",)),
    ),
    databases=(FoundDatabase(name="ojs", application="OJS", present=False),),
)  # fmt: skip


def seen(picture: Picture, server: object, *accepted: Acceptance) -> Picture:
    """`picture` with what was found on its one server."""
    of = replace(row("lms"), coverage=coverage(server, FOUND, NOW, accepted))  # type: ignore[arg-type]
    return replace(picture, rows=Rows([of]))


async def test_a_folder_is_added_and_another_accepted(cockpit: Opener, tmp_path: Path) -> None:
    first = Picture(now=NOW, rows=Rows([row("lms")]))
    async with cockpit(first) as seat:
        config = seat.app.config
        config.source.write_text(
            f'# kept\nstate = "{config.state}"\n[vault]\npath = "{config.vault.path}"\n'
            '[servers.lms]\nhost = "127.0.0.1" # here\nfolders = ["/var/www"]\n[servers.lms.database]\n'
        )
        config.source.chmod(0o600)
        from tuibackup.config import load

        seat.app.config = seat.source.config = config = load(config.source)
        await seat.press("u")
        assert "Nobody has looked at this server yet" in seat.screen
        await seat.show(seen(first, config.servers["lms"], Acceptance("/srv/old", "gone soon", "Siti", NOW)))
        assert "/srv/moodledata  data of Moodle · 8,123 files, 5.0 GiB" in seat.screen
        assert r"/srv/odd\x1b[31m" in seat.screen
        assert "looked today" in seat.screen

        await seat.press("enter")
        assert "Add it to the backup?" in seat.screen
        await seat.press("enter")  # means no
        assert "moodledata" not in config.source.read_text()
        await seat.press("a", "y")
        await seat.until("is in the configuration now")
        text = config.source.read_text()
        assert "# kept" in text
        assert "# here" in text
        values = tomllib.loads(text)["servers"]["lms"]
        assert (values["folders"], values["exclude"]) == (
            ["/var/www", "/srv/moodledata"], ["/srv/moodledata/cache/**"],
        )  # fmt: skip

        await seat.press("down", "down", "enter")
        assert (
            "does not see it" in seat.screen
        )  # a database that the account may not read cannot be added by a key
        await seat.press("up", "A")
        assert "No backup is needed: why?" in seat.screen
        await seat.press(*"test", "enter")
        await seat.until("noted")
        await seat.press("end")
        assert "accepted by Siti on 2026-11-22: gone soon" in seat.screen
    with Ledger.open(config.state / "ledger.sqlite") as ledger:
        changes = [(one.body["change"], one.body["what"]) for one in ledger.configured("lms")["lms"]]
    assert changes == [("folder added", "/srv/moodledata"), ("exception accepted", "/srv/odd\x1b[31m")]


async def test_a_read_only_cockpit_shows_and_changes_nothing(cockpit: Opener) -> None:
    first = Picture(now=NOW, rows=Rows([row("lms")]))
    async with cockpit(first, "140x40", read_only=True) as seat:
        await seat.show(seen(first, seat.app.config.servers["lms"]))
        assert "▲ 1 unprotected" in seat.screen
        await seat.press("u", "a")
        assert "--read-only: this cockpit starts and changes nothing" in seat.screen
        await seat.press("A")
        assert "No backup is needed: why?" not in seat.screen
