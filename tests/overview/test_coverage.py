"""What is unprotected follows from what was found, from the configuration of today, and from what was accepted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tuibackup.config import Database, Server
from tuibackup.discover.found import Discovery, FoundDatabase, FoundFolder
from tuibackup.ledger.store import Ledger
from tuibackup.overview.coverage import Acceptance, Coverage, coverage, coverage_of
from tuibackup.overview.unprotected import counted, in_a_line

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


def missed(server: Server, *paths: str, real: dict[str, str] | None = None) -> dict[str, str]:
    """The unprotected ones of these folders, each with its reason."""
    folders = tuple(FoundFolder(path=path, real=(real or {}).get(path, ""), what="site") for path in paths)
    found = coverage(server, Discovery(folders=folders, real=real or {}), NOW)
    return {one.name: one.reason for one in found.unprotected}


@pytest.mark.parametrize(
    ("folders", "exclude", "path", "reason"),
    [
        ([], [], "/srv/a", "folder"),
        (["/srv"], [], "/srv/a", None),
        (["/srv/a"], [], "/srv/a", None),
        (["/srv/a"], [], "/srv/ab", "folder"),
        (["/srv/a/b"], [], "/srv/a", "folder"),  # what lies beside b is in no backup
        (["/"], [], "/srv/a", None),
        (["/srv"], ["a"], "/srv/x/a/b", "excluded"),
        (["/srv"], ["a/**"], "/srv/a", "excluded"),
        (["/srv"], ["/srv/x/"], "/srv/x/a", "excluded"),
        (["/srv"], ["*.log", "./x"], "/srv/y/x", None),
        (
            ["/srv", "/srv/x"],
            ["/srv/x"],
            "/srv/x",
            None,
        ),  # nested: a folder of its own, whatever the outer leaves out
    ],
)
def test_a_folder_is_covered_by_a_folder_around_it_that_does_not_leave_it_out(
    folders: list[str], exclude: list[str], path: str, reason: str | None
) -> None:
    server = Server("s", "h", folders=tuple(folders), exclude=tuple(exclude))
    assert missed(server, path) == ({path: reason} if reason else {})


def test_links_are_resolved_on_both_sides() -> None:
    server = Server("s", "h", folders=("/srv/app/current", "/home/www"))
    real = {
        "/srv/app/current": "/srv/app/releases/7",
        "/home/www": "/var/www",
        "/srv/app/current/public": "/srv/app/releases/7/public",
        "/srv/x": "/var/www/x",
        "/srv/y": "/mnt/y",
    }
    assert missed(server, "/srv/app/current/public", "/srv/x", "/srv/y", real=real) == {"/srv/y": "folder"}


def test_of_folders_in_each_other_the_outermost_is_named() -> None:
    assert list(missed(Server("s", "h"), "/srv/a/public", "/srv/a", "/srv/b")) == ["/srv/a", "/srv/b"]


def test_databases() -> None:
    found = Discovery(
        databases=(
            FoundDatabase(name="seen", present=True),
            FoundDatabase(name="hidden", present=False, application="OJS"),
            FoundDatabase(name="left", present=True),
            FoundDatabase(name="far", host="db.example"),
            FoundDatabase(name="pg", kind="postgresql"),
        )
    )

    def reasons(server: Server) -> dict[str, str]:
        return {one.name: one.reason for one in coverage(server, found, NOW).unprotected}

    database = Database(exclude=("left",))
    assert reasons(Server("s", "h", database=database)) == {
        "hidden": "unseen", "left": "database-excluded", "pg": "other-kind",
    }  # fmt: skip
    assert set(reasons(Server("s", "h"))) == {"seen", "hidden", "left", "pg"}
    assert [one.name for one in coverage(Server("s", "h"), found, NOW).elsewhere] == ["far"]


def test_what_is_accepted_holds_for_what_lies_in_it_until_it_is_taken_back(tmp_path: Path) -> None:
    found = Discovery(
        folders=(FoundFolder(path="/srv/old/site", what="site"), FoundFolder(path="/srv/older", what="site")),
        databases=(FoundDatabase(name="old"),),
    )
    server = Server("s", "h")
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.append("discover", found.body(), operator="andi", server="s")
        for what, change in (
            ("/srv/old", "exception accepted"),
            ("old", "exception accepted"),
            ("old", "exception taken back"),
        ):
            body = {"change": change, "what": what, "reason": "nobody needs it", "owner": "Siti"}
            ledger.append("config", body, operator="andi", server="s")
        covered = coverage_of(server, ledger.last_looks()["s"], ledger.configured()["s"])
        assert ledger.last_looks("s") == ledger.last_looks()
        assert ledger.configured("s") == ledger.configured()
        assert ledger.last_looks("other") == {}
    assert [one.name for one in covered.unprotected] == ["/srv/older", "old"]
    [(one)] = covered.accepted
    assert one.accepted
    assert (one.accepted.owner, one.accepted.reason) == ("Siti", "nobody needs it")
    assert counted(covered) == "1 folder and 1 database"


def test_words_for_its_age() -> None:
    found = Discovery(folders=(FoundFolder(path="/srv/a\x1b", what="data", application="Moodle"),))
    three_days = coverage(Server("s", "h"), found, NOW - timedelta(days=3))
    assert in_a_line(three_days, NOW) == r"/srv/a\x1b (data of Moodle) · looked 3d ago"
    assert in_a_line(coverage(Server("s", "h"), Discovery(), NOW), NOW) == "nothing · looked today"
    assert in_a_line(Coverage(), NOW) == "never looked"


def test_an_acceptance_names_the_folder_or_one_around_it() -> None:
    found = Discovery(folders=(FoundFolder(path="/srv/link", real="/mnt/a", what="site"),))
    said = [Acceptance("/mnt", "r", "o", NOW)]
    assert coverage(Server("s", "h"), found, NOW, said).accepted
    assert coverage(Server("s", "h"), found, NOW, [Acceptance("/srv/li", "r", "o", NOW)]).unprotected
