"""The record accuses nobody falsely, and misses nothing and nobody: through the installed command."""

import getpass
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd


def ledger_of(said: Said) -> dict[str, Any]:
    """What `check --json` says of the ledger."""
    (found,) = [check for check in said.json if check["check"] == "ledger"]
    return dict(found)


def fingerprint(key: Path) -> str:
    """As a person reads it on the server's console."""
    words = ["ssh-keygen", "-lf", str(key.with_suffix(".pub"))]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[1]


def entries(site: Site, kind: str = "") -> list[dict[str, Any]]:
    """What the ledger holds, read without our program, the oldest first."""
    with sqlite3.connect(f"file:{site.state / 'ledger.sqlite'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT kind, operator, server, body FROM entry ORDER BY seq").fetchall()
    database.close()
    return [
        {"kind": one, "operator": operator, "server": server, **json.loads(body)}
        for one, operator, server, body in rows
        if kind in ("", one)
    ]


def test_the_chain_is_whole_after_everything_that_writes_to_it(
    site: Site, sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    site.settings = f'[drill]\nfolder = "{tmp_path}"\n'
    site.add("siakad", sshd, [application], trusted=False)
    keys = [word for key in sshd.host_keys for word in ("--fingerprint", fingerprint(key))]
    assert site.tuibackup("trust", "siakad", *keys).code == 0
    assert site.tuibackup("run", "siakad").code == 0
    assert site.tuibackup("verify").code == 0
    assert site.tuibackup("restore", "siakad/files/latest", "--to", str(tmp_path / "back")).code == 0
    assert site.tuibackup("drill", "siakad").code == 0
    assert {entry["kind"] for entry in entries(site)} == {
        "trust", "needs", "step", "run", "seal", "verify", "restore", "drill",
    }  # fmt: skip
    found = ledger_of(site.tuibackup("check", "--json"))
    assert (found["state"], found["detail"]) == ("ok", f"{len(entries(site))} entries, chain whole")
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        database.execute("UPDATE result SET outcome = 'failed' WHERE what = 'drill-files'")
    database.close()
    found = ledger_of(site.tuibackup("check", "--json"))
    assert found["state"] == "failed"
    assert "the table result does not say what the entry says" in found["detail"]


@pytest.mark.long
def test_a_host_key_that_is_accepted_in_a_check_or_a_run_is_an_entry(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    for words, during in ((["check", "siakad"], "check"), (["run", "siakad"], "a run")):
        with Terminal([str(TUIBACKUP), *words], site.environment(), columns=120, cwd=site.home) as seat:
            seat.wait_for("is this its host key? (yes/no)", seconds=30)
            seat.send("yes\r")
            assert seat.wait() in (0, 3)
        [entry] = entries(site, "trust")[-1:]
        assert (entry["server"], entry["during"]) == ("siakad", during)
        assert entry["host_key"].split()[1] in {fingerprint(key) for key in sshd.host_keys}
        assert entry["where"] == f"{sshd.host} port {sshd.port}"
        assert entry["operator"]["name"]
        (site.state / "known_hosts").unlink()


@pytest.mark.long
def test_a_chosen_operator_hides_neither_login_nor_sudo(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.settings = 'operators = ["Andi", "Siti"]\n'
    site.add("siakad", sshd, [application])
    came = {"SUDO_USER": "budi", "SSH_CLIENT": "10.1.2.3 5555 22"}
    assert site.tuibackup("run", "siakad", "--operator", "Siti", env=came).code == 0
    for kind in ("needs", "run"):
        [entry] = entries(site, kind)
        assert entry["operator"]["name"] == "Siti"
        assert entry["operator"]["chosen"] is True
        assert entry["operator"]["sudo"] == "budi"
        assert entry["operator"]["account"] == getpass.getuser()
        assert entry["operator"]["client"] == "10.1.2.3"
    said = site.tuibackup("log")
    assert "Siti (budi)" in said.out


@pytest.mark.long
def test_the_log_has_what_a_run_found_in_full(site: Site, sshd: PrivateSshd, application: Path) -> None:
    missing = [f"/var/www/{number:02}-" + "a-folder-that-is-not-there-" * 4 for number in range(25)]
    site.add("siakad", sshd, [application, *missing])
    said = site.tuibackup("run", "siakad")
    run = entries(site, "run")[0]
    assert run["findings"] >= 25, said
    log = site.tuibackup("log").out
    assert f"    ▲ {missing[0]}: " in log
    assert "… and " in log
    name = log.split("tuibackup log --run ")[1].split()[0]
    whole = site.tuibackup("log", "--run", name[:-2])
    assert whole.code == 0
    for folder in missing:
        assert f"▲ {folder}: " in whole.out
    assert site.tuibackup("log", "--run", "2001").code == 2
    words = [str(TUIBACKUP), "log", "--run", name]
    with Terminal(words, site.environment(), columns=80, rows=400, cwd=site.home) as seat:
        assert seat.wait() == 0
        shown = seat.text
    assert "a-folder-that-is-not-there" in shown
    assert "…" not in shown.replace("…s", ""), "nothing is cut"
    assert all(len(line) <= 80 for line in shown.splitlines())
    together = "".join(line.strip() for line in shown.splitlines())
    for folder in missing:
        assert folder in together


@pytest.mark.long
def test_what_keeps_a_clock_from_being_renewed_is_recorded_however_much_else_was_found(
    site: Site, humble_sshd: PrivateSshd, tmp_path: Path
) -> None:
    """Only the first hundred findings were: `status` gave a count for the reason."""
    many, poor = tmp_path / "many", tmp_path / "poor"
    for folder, closed, opened in ((many, 130, 300), (poor, 3, 0)):
        folder.mkdir()
        for number in range(closed + opened):
            (folder / f"{number:03}").touch(0 if number < closed else 0o644)
    site.add("siakad", humble_sshd, [many, poor])
    said = site.tuibackup("run", "siakad", "--json")
    assert said.finished["outcome"] == "warnings", said.out
    assert len([event for event in said.events if event["event"] == "step-finding"]) > 130
    [server] = site.tuibackup("status", "--json").json["servers"]
    assert server["files"]["why"].startswith(f"{poor}: "), server["files"]["why"]
