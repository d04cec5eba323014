"""Corrections of the record, and what is unusual until somebody accepts it: by the installed command."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tuibackup.demo.sshd import PrivateSshd


def rows(site: Site) -> list[tuple[Any, ...]]:
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        found = database.execute("SELECT seq, kind, server, hash, body FROM entry ORDER BY seq").fetchall()
    database.close()
    return found


@pytest.mark.long
def test_a_correction_is_an_entry_of_its_own_and_stands_below_what_it_corrects(site: Site) -> None:
    site.tuibackup("note", "the disk of lms was changed")
    before = rows(site)
    said = site.tuibackup("note", "--corrects", "1", "it was that of siakad")
    assert (said.code, said.out) == (0, "√ noted about entry 1 of the ledger: it was that of siakad\n")
    first, second = rows(site)
    assert first == before[0], "what is corrected stays as it was written"
    body = json.loads(second[4])
    assert (body["corrects"], body["corrects_hash"], body["text"]) == (1, first[3], "it was that of siakad")
    lines = site.tuibackup("log", "--numbers").out.splitlines()
    wrong = next(number for number, line in enumerate(lines) if "the disk of lms" in line)
    assert "  1  " in lines[wrong]
    assert "corrected by " in lines[wrong + 1]
    assert lines[wrong + 1].endswith(" in entry 2: it was that of siakad")
    assert "corrects entry 1 (note): it was that of siakad" in lines[wrong + 2]
    assert site.tuibackup("note", "--corrects", "77", "x").code == 2
    assert site.tuibackup("note", "--corrects", "1", "--server", "lms", "x").code == 2
    assert site.tuibackup("log", "--kind", "run").out.count("\n") == 1, "the heading alone"
    assert site.tuibackup("log", "--kind", "rnu").code == 2


@pytest.mark.long
def test_what_is_unusual_is_told_until_it_is_accepted_and_not_again(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    (application / "small").write_bytes(b"x" * 1000)

    def unusual() -> dict[str, list[str]]:
        assert site.tuibackup("run", "siakad", "--only", "files").code == 0
        found = site.tuibackup("status", "--json").json["servers"][0]["unusual"]
        return {clock: [one["what"] for one in some] for clock, some in found.items()}

    for _number in range(6):
        assert unusual() == {}, "nothing is unusual about runs that are alike"
    (application / "large").write_bytes(b"y" * 50_000_000)
    assert unusual() == {"files": ["size"]}
    shown = site.tuibackup("status").out
    assert "siakad: unusual: files: " in shown
    assert "→ if that is usual from now on: tuibackup accept siakad unusual --reason TEXT" in shown
    assert site.tuibackup("accept", "siakad", "databases-size", "--reason", "x").code == 2
    said = site.tuibackup("accept", "siakad", "files-size", "--reason", "the video lectures came")
    assert said.code == 0, said
    assert said.out.startswith("√ usual for siakad from now on: files: ")
    assert "unusual: " not in site.tuibackup("status").out
    assert "accepted as usual: files-size: the video lectures came" in site.tuibackup("log").out
    assert site.tuibackup("accept", "siakad", "unusual", "--reason", "again").code == 2, "nothing is left"
    (application / "large").write_bytes(b"z" * 52_000_000)
    assert unusual() == {}, "near what was accepted"
    (application / "huge").write_bytes(b"z" * 250_000_000)
    assert unusual() == {"files": ["size"]}, "far from it again"
