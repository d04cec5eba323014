"""The drill is a third clock: shown and judged as the other two, in every face; and it hides no overdue backup."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import Site
from tuibackup.ledger import Kind, Ledger


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp) -> Site:
    """A server that was backed up once; `[drill] within` is ten days."""
    backed_up.copy_to(site)
    (ledger,) = backed_up.site.state.glob("ledger.sqlite")
    site.state.mkdir(mode=0o700, parents=True)
    with Ledger.read_only(ledger) as old, Ledger.open(site.state / "ledger.sqlite") as new:
        for entry in old.entries():
            new.append(entry.kind, entry.body, operator="andi", server=entry.server, run=entry.run)
    site.settings = '[drill]\nwithin = "10 days"\n'
    site.write_config()
    return site


def drilled(site: Site, clock: str, days_ago: int, outcome: str = "done", error: str = "") -> str:
    """Record a drill of so many days ago, as `tuibackup drill` would have; its snapshot."""
    (snapshot,) = site.snapshots("siakad", clock)
    spec = f"siakad/{clock}/{snapshot.name}"
    body = {"snapshot": spec, "outcome": outcome, "seconds": 2.0, "items": 3, "error": error}
    with Ledger.open(site.state / "ledger.sqlite") as ledger:
        moment = datetime.now(UTC) - timedelta(days=days_ago)
        ledger.append(Kind.DRILL, body, operator="siti", server="siakad", time=moment)
    return spec


def server(site: Site, code: int = 0) -> dict[str, Any]:
    said = site.tuibackup("status", "--json")
    assert said.code == code, said.out + said.err
    (found,) = said.json["servers"]
    return found


@pytest.mark.long
def test_it_is_judged_as_the_other_two_and_leaves_the_exit_code_to_the_backups(siakad: Site) -> None:
    found = server(siakad)
    assert found["drill"] == {"state": "never", "last": None, "age-days": None, "due-by": None}
    assert found["condition"] == "fresh", "what was never drilled is better than what was never backed up"
    drilled(siakad, "files", 2)
    assert server(siakad)["drill"]["state"] == "never", "the databases were not drilled"
    drilled(siakad, "databases", 12)
    found = server(siakad)
    assert (found["drill"]["state"], found["drill"]["age-days"]) == ("overdue", 12)
    assert found["condition"] == "fresh"
    head, line = siakad.tuibackup("status").out.splitlines()[:2]
    assert "drill ≤ 10d" in head
    assert "OVERDUE" in line[head.index("drill") :]
    drilled(siakad, "databases", 9, "warnings")
    drilled(siakad, "databases", 1, "failed", "it differs")
    assert server(siakad, code=1)["drill"]["state"] == "due", "only one in which nothing differs renews it"


def test_what_verify_or_a_drill_found_stands_until_a_later_one_finds_nothing(siakad: Site) -> None:
    (snapshot,) = siakad.snapshots("siakad", "files")
    (archive,) = snapshot.glob("*.tar.zst")
    whole = archive.read_bytes()
    for content in (whole[:-200] + bytes(100) + whole[-100:], whole):
        snapshot.chmod(0o700)
        archive.chmod(0o600)
        archive.write_bytes(content)
        said = siakad.tuibackup("verify", "siakad/files/latest")
        assert said.code == (1 if content is not whole else 0), said.out
        found = server(siakad, code=said.code)
        assert bool(found["damaged"]) == bool(said.code)
        assert found["condition"] == ("damaged" if said.code else "fresh")
        status = siakad.tuibackup("status").out
        assert ("≠ siakad: siakad/files/" in status) == bool(said.code), status
        for told in (said.out, status):
            assert ("all others can be restored" in told) == bool(said.code), told
            assert ("tuibackup run siakad --only files" in told) == bool(said.code), told
    spec = drilled(siakad, "files", 2, "failed", "krs-1.pdf: has another hash")
    status = siakad.tuibackup("status")
    assert status.code == 1
    assert f"≠ siakad: {spec}: drilled " in status.out
    assert "krs-1.pdf: has another hash" in " ".join(status.out.split())
    drilled(siakad, "files", 1)
    with Ledger.open(siakad.state / "ledger.sqlite") as ledger:
        spec = "siakad/files/2026-01-02T000000Z"
        body = {"snapshot": spec, "outcome": "failed", "problems": ["it is cut"], "problems_total": 1}
        ledger.append(Kind.VERIFY, body, operator="siti", server="siakad")
    found = server(siakad)
    assert (found["condition"], found["damaged"]) == ("fresh", []), "somebody has removed that snapshot"


@pytest.mark.long
def test_a_timer_drills_what_is_due_and_leaves_alone_what_failed(siakad: Site) -> None:
    siakad.settings += f'folder = "{siakad.folder}"\n[servers.lms]\nhost = "nowhere"\nfolders = ["/srv"]\n'
    siakad.write_config()
    drilled(siakad, "databases", 2)
    spec = drilled(siakad, "files", 40)
    said = siakad.tuibackup("drill", "--due", "--json")
    assert (said.code, [one["snapshot"] for one in said.json]) == (0, [spec])
    assert "lms: there is no good backup of the files yet, so nothing to drill" in said.err
    said = siakad.tuibackup("drill", "--due")
    assert (said.code, said.out.splitlines()[-1]) == (0, "nothing is due")
    drilled(siakad, "databases", 0, "failed", "it differs")
    siakad.settings = siakad.settings.replace("10 days", "1 day")
    siakad.write_config()
    said = siakad.tuibackup("drill", "--due")
    assert said.code == 1, "what failed and waits is not proven"
    assert "siakad: the drill of the databases failed " in said.out
    assert "tuibackup drill siakad tries now" in said.out
    said = siakad.tuibackup("drill", "siakad", "--due")
    assert (said.code, len(said.err.splitlines())) == (2, 1), said.err


@pytest.mark.long
def test_a_timer_reads_what_was_never_read_and_then_what_is_due(siakad: Site) -> None:
    specs = [
        f"siakad/{clock}/{siakad.snapshots('siakad', clock)[0].name}" for clock in ("files", "databases")
    ]
    with Ledger.open(siakad.state / "ledger.sqlite") as ledger:
        body = {"snapshot": specs[0], "outcome": "done", "problems": []}
        moment = datetime.now(UTC) - timedelta(days=340)
        ledger.append(Kind.VERIFY, body, operator="siti", server="siakad", time=moment)
    said = siakad.tuibackup("verify", "--due", "--json")
    assert (said.code, [one["snapshot"] for one in said.json]) == (0, specs[::-1])
    said = siakad.tuibackup("verify", "--due")
    assert (said.code, said.out) == (0, "nothing is due\n")
