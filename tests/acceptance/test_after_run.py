"""After each run some of what is stored is read again, by itself: what was never read comes first."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tests.acceptance.test_healing import broken_frame, downloaded, status
from tests.run.process.waiting import until
from tests.ticking import ticking_ahead
from tuibackup.demo.sshd import PrivateSshd


def verified(site: Site, number: int) -> list[dict[str, Any]]:
    """The verifies that are recorded, the oldest first, once so many have come to their end."""
    until(lambda: sum('"job-finished"' in path.read_text() for path in site.jobs) == number, f"{number} jobs")
    return [one for one in site.tuibackup("log", "--json").json if one["kind"] == "verify"]


@pytest.fixture
def siakad(site: Site, ticking: PrivateSshd, application: Path) -> Site:
    site.settings = "[verify]\nafter_run = true\n"
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    return site


def test_a_new_snapshot_is_read_again_after_its_run(siakad: Site) -> None:
    snapshot = downloaded(siakad)
    (entry,) = verified(siakad, 1)
    assert entry["body"]["snapshot"] == f"siakad/files/{snapshot.name}"
    assert (entry["body"]["outcome"], entry["body"]["record"]) == ("done", "agrees")


@pytest.mark.long
def test_damage_is_found_after_a_run_and_healed_by_the_next(siakad: Site) -> None:
    first = downloaded(siakad)
    verified(siakad, 1)
    broken_frame(first)
    second = downloaded(siakad)
    entry = verified(siakad, 2)[1]
    assert entry["body"]["snapshot"] == f"siakad/files/{second.name}", "what was read is not due yet"
    assert entry["body"]["outcome"] == "failed"
    assert status(siakad) == (1, "damaged")
    third = downloaded(siakad)
    assert verified(siakad, 3)[2]["body"]["outcome"] == "done"
    assert status(siakad) == (0, "fresh")
    assert siakad.tuibackup("verify", f"siakad/files/{third.name}").code == 0
    said = siakad.tuibackup("verify", "siakad", "--due", "--json")
    assert (said.code, said.json) == (0, []), "all is read"
