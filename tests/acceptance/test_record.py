"""The record accuses nobody falsely, and misses nothing and nobody: through the installed command."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from tests.acceptance.site import Said, Site
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
        "trust", "needs", "step", "run", "verify", "restore", "drill",
    }  # fmt: skip
    found = ledger_of(site.tuibackup("check", "--json"))
    assert (found["state"], found["detail"]) == ("ok", f"{len(entries(site))} entries, chain whole")
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        database.execute("UPDATE result SET outcome = 'failed' WHERE what = 'drill-files'")
    database.close()
    found = ledger_of(site.tuibackup("check", "--json"))
    assert found["state"] == "failed"
    assert "the table result does not say what the entry says" in found["detail"]
