"""Three months of a vault, then its disk is lost: everything is back from the encrypted copy, on a fresh account."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.quarter import AWAY, EVERY, SILENT, Quarter, quarter, sealed
from tests.acceptance.site import Said

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def lived(place: Path, memory: Path, mariadb_template: Path) -> Iterator[Quarter]:
    folder = place / "world"
    folder.mkdir()
    with quarter(folder, memory, mariadb_template) as lived:
        lived.live()
        yield lived


def said(lived: Quarter, command: str) -> dict[int, Said]:
    """By the days ago on which it was given."""
    return {ago: answer for ago, words, answer in lived.said if words == command}


def judge_the_days(lived: Quarter) -> set[str]:
    """All days but the last thing; the snapshots that retention removed."""
    # Away for two weeks is no fault; what was not copied stayed, and went there at the first call after.
    copied = said(lived, "copy")
    away = [copied[ago].out for ago in AWAY if ago % EVERY == 0]
    assert away
    assert all("usb is away since" in text for text in away)
    applied = said(lived, "retention --apply --yes")
    assert any("not in the copy usb yet" in applied[ago].out for ago in AWAY if ago % EVERY == 0)
    (back,) = [ago for ago in range(AWAY[0] - EVERY, AWAY[0]) if ago % EVERY == 0]
    assert "→ usb" in copied[back].out
    # A server that does not answer is overdue by itself, and the other one's backups go on.
    runs = said(lived, "run --due")
    assert {runs[ago].code for ago in range(SILENT[0])} == {0}
    assert any(runs[ago].code == 1 for ago in SILENT)
    middle = next(ago for ago in SILENT if ago % EVERY == 0)
    assert "simpeg  OVERDUE" in said(lived, "status --long")[middle].out
    assert "siakad  fresh" in said(lived, "status --long")[middle].out
    # Retention removed what newer ones took the place of, and the hold outlived its end.
    spec = lived.held
    listed = {one["snapshot"]: one for one in lived.do(0, "snapshots", "--json").json}
    removed = [one for one in lived.do(0, "log", "--json").json if one["kind"] == "retention"]
    gone = {name for one in removed for name in one["body"].get("removed", ())}
    assert gone
    assert not gone & set(listed)
    assert all(one["good"] and not one["lacks"] for one in listed.values())
    assert listed[spec]["held"]["passed"]
    assert "which has passed" in lived.do(0, "retention").out
    servers = lived.status()
    assert {one["drill"]["state"] for one in servers.values()} == {"fresh"}
    return gone


def test_three_months_and_what_was_lost_is_back(lived: Quarter) -> None:
    gone = judge_the_days(lived)
    site, spec = lived.site, lived.held
    # The last day ends with a backup and a copy; then the disk is lost.
    lived.do(0, "run", "siakad", "simpeg")
    lived.do(0, "copy")
    before = {str(path.relative_to(site.vault)) for path in site.vault.glob("*/*/2*")}
    fresh = lived.lose()
    lost = site.folder / "lost/vault"
    told = {
        one["snapshot"]
        for one in lived.do(0, "snapshots", "--from", *sealed(lived), "--json", site=fresh).json
    }
    assert before <= told
    # One by one, and a server as a whole, straight from the copy.
    to = site.folder / "back"
    for server, source in (("siakad", lived.siakad), ("simpeg", lived.simpeg)):
        words = ("restore", f"{server}/files/latest", "--to", str(to / server), "--from", *sealed(lived))
        lived.do(0, *words, site=fresh)
        assert differences(source, to / server / source.relative_to("/")) == ""
    page = lived.do(0, "recover", "siakad", "--from", *sealed(lived), site=fresh).out
    assert "They lie in the copy usb." in page
    lived.do(0, "recover", "siakad", "--onto", "baru", "--from", *sealed(lived), site=fresh)
    query = "CHECKSUM TABLE akademik.nilai"
    assert lived.empty.sql(query) == lived.database.sql(query)
    new = lived.siakad.with_name("siakad.recovered")
    assert differences(lived.siakad, new / lived.siakad.relative_to("/")) == ""
    # The vault, byte by byte: what was lost is as it was, and what retention had removed comes back with it.
    lived.do(0, "copy", "--back", *sealed(lived), site=fresh)
    lived.do(0, "verify", site=fresh)
    after = {str(path.relative_to(fresh.vault)) for path in fresh.vault.glob("*/*/2*")}
    assert before <= after
    assert after - before <= gone
    for one in sorted(before):
        assert subprocess.run(["diff", "-r", lost / one, fresh.vault / one]).returncode == 0, one
    # What was held is held, and life goes on: nothing is copied twice, a run takes over what did not change.
    assert [one["snapshot"] for one in lived.do(0, "holds", "--json", site=fresh).json] == [spec]
    assert lived.do(0, "copy", "--json", site=fresh).json == []
    lived.do(0, "run", "siakad", "simpeg", site=fresh)
    newest = fresh.snapshots("siakad", "files")[-1]
    summary = lived.do(0, "snapshots", "siakad", "--json", site=fresh).json[-2:]
    assert newest.name in {one["snapshot"].split("/")[2] for one in summary}
    assert any(one["summary"]["points_into"] for one in summary)
    lived.do(0, "retention", "--apply", "--yes", site=fresh)
    assert (fresh.vault / spec).is_dir()
    lived.do(0, "verify", site=fresh)
