"""A dry run tells what a run would fetch, need and end with, by looking at the server, and leaves no trace."""

from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.line import Line
from tests.ticking import ticking_ahead
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

MB = 1_000_000


def everything(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.mark.long
def test_a_dry_run_tells_what_a_run_then_does(
    site: Site, ticking: PrivateSshd, application: Path, mariadbd: PrivateMariadb
) -> None:
    mariadbd.sql("CREATE DATABASE kering; CREATE TABLE kering.t (id INT PRIMARY KEY)")
    database = f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n'
    site.add("siakad", ticking, [application], database=database)
    ticking_ahead(site.folder, 10)
    first = site.tuibackup("run", "siakad", "--dry-run", "--json")
    assert first.code == 0, first.err + first.out
    assert list(site.vault.iterdir()) == [], "not even a vault is made"
    (told,) = first.json["servers"]
    (folder,) = told["folders"]
    assert folder["files"] == folder["changed"] == 43
    assert [one["name"] for one in told["databases"]] == ["kering"]
    assert told["needs-room"] == folder["bytes"] + told["databases"][0]["bytes"]
    assert told["parent"] is None
    assert told["full"] is True
    assert first.json["outcome"] == "done"

    done = site.tuibackup("run", "siakad", "--json")
    assert done.code == 0, done.out
    (application / "index.php").write_text("<?php echo 'changed';\n")
    (application / "new").write_bytes(b"x" * 1000)
    (application / "empty").unlink()
    before = everything(site.vault), site.tuibackup("log", "--json").json
    again = site.tuibackup("run", "siakad", "--dry-run", "--json")
    (told,) = again.json["servers"]
    assert told["folders"][0]["changed"] == 2, "the one with two names, and the new one"
    assert told["folders"][0]["changed-bytes"] == 1000 + len("<?php echo 'changed';\n")
    assert told["folders"][0]["files"] == 43
    assert told["parent"] == done.finished["files"]["snapshot"].rpartition("/")[2]
    assert told["full"] is False
    assert {"connect", "download", "login", "dump"} == set(told["seconds"])
    text = site.tuibackup("run", "siakad", "--dry-run")
    assert text.code == 0, text.err
    assert "2 to fetch, " in text.out
    assert "kering" in text.out
    assert "free on" in text.out
    full = site.tuibackup("run", "siakad", "--dry-run", "--full", "--json").json["servers"][0]
    assert full["folders"][0]["changed"] == 43
    assert (everything(site.vault), site.tuibackup("log", "--json").json) == before
    assert site.tuibackup("follow").code == 0, "there was no other run"
    assert len(site.journals) == 1
    assert "2 new or changed" in site.tuibackup("run", "siakad").out


@pytest.mark.long
def test_a_dry_run_ends_as_the_run_would(site: Site, sshd: PrivateSshd, application: Path) -> None:
    """A server that is not there, a folder that is missing, a disk that is too small."""
    site.add("siakad", sshd, [application, application.parent / "gone"])
    said = site.tuibackup("run", "siakad", "--dry-run")
    assert said.code == 3, said.err
    assert f"{application.parent}/gone: is missing on the server" in said.out
    site.add("away", sshd, [application], trusted=False)
    site.settings = '[sop]\nconnect_within = "5 seconds"\n'
    with Line(sshd.port) as line:
        port = line.port
    site.servers["away"] = site.servers["away"].replace(f"port = {sshd.port}", f"port = {port}")
    site.write_config()
    said = site.tuibackup("run", "--all", "--dry-run", "--json")
    assert said.code == 1
    told = {one["server"]: one for one in said.json["servers"]}
    assert "refused" in told["away"]["error"]
    assert told["away"]["folders"] is None
    assert told["siakad"]["outcome"] == "warnings"
    assert "refused; is sshd running there?" in site.tuibackup("run", "away", "--dry-run").err
    site.config.write_text(site.config.read_text().replace('min_free = "1 MB"', 'min_free = "99.9%"'))
    said = site.tuibackup("run", "siakad", "--dry-run", "--json")
    assert said.code == 1
    assert "min_free keeps" in said.json["fault"]
