"""What went wrong stands once at the end, with its way out, and in `status` beside the clock that is not fresh."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd


def last_lines(out: str) -> list[str]:
    return out[out.rindex("\n\n") + 2 :].splitlines()


@pytest.mark.long
def test_several_servers_end_with_a_summary_and_status_says_why(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    down = PrivateSshd(tmp_path / "down").start()
    down.stop()
    site.settings = '[sop]\nconnect_within = "10 seconds"\n'
    site.add("siakad", sshd, [application])
    site.add("ejournal", sshd, [application, "/nowhere/at/all"])
    site.add("arsip", down, [application])
    site.add("lama", down, [application])

    checked = site.tuibackup("check")
    counts, *errors = last_lines(checked.out)
    assert counts == "4 servers: 1 in order, 3 failed (ejournal, arsip, lama)"
    assert sum("refused" in line for line in errors) == 1
    assert any(line.startswith("× arsip, lama: ") for line in errors)
    assert any(line.startswith("× ejournal: ") and "/nowhere/at/all" in line for line in errors)

    ran = site.tuibackup("run", "--all")
    assert ran.code == 1
    counts, *errors = last_lines(ran.out)
    assert counts == "4 runs: 1 done, 1 warnings (ejournal), 2 failed (arsip, lama)"
    assert errors[0].startswith("× arsip, lama: 127.0.0.1 port ")
    assert errors[1].startswith("▲ ejournal: /nowhere/at/all: ")
    assert len(errors) == 2

    shown = site.tuibackup("status").out
    assert "○ ejournal: files never: /nowhere/at/all: " in shown
    assert "○ arsip: files never: 127.0.0.1 port " in shown
    servers = {one["server"]: one for one in site.tuibackup("status", "--json").json["servers"]}
    assert servers["siakad"]["files"]["why"] == ""
    assert servers["ejournal"]["files"]["why"].startswith("/nowhere/at/all: ")

    for snapshot in site.snapshots("ejournal", "files"):
        archive = next(snapshot.glob("*.tar.zst"))
        archive.chmod(0o600)
        archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    verified = site.tuibackup("verify")
    assert verified.code == 1
    counts, *errors = last_lines(verified.out)
    assert counts.startswith("2 snapshots: 1 in order, 1 failed (ejournal/files/")
    assert errors[0].startswith("× ejournal/files/")
    assert len(errors) == 1
