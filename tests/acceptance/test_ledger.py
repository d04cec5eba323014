"""The record cannot be changed quietly: `ledger verify`, `export` and `seal`, through the installed command."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Said, Site
from tuibackup.demo.sshd import PrivateSshd

PAGE = Path(__file__).parents[2] / "docs/ledger.md"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, sshd: PrivateSshd) -> Site:
    """Two runs of a server, and a note between them. Tests that change it work on a copy of its state."""
    site = Site(tmp_path_factory.mktemp("recorded"))
    application = site.folder / "application"
    application.mkdir()
    (application / "index.php").write_text("<?php\n")
    site.add("siakad", sshd, [application])
    assert site.tuibackup("run", "siakad").code == 0
    assert site.tuibackup("note", "the disk was changed").code == 0
    assert site.tuibackup("run", "siakad", "--only", "files").code == 0
    return site


@pytest.fixture
def tampered(recorded: Site) -> Iterator[Site]:
    """The same, put back afterwards as it was."""
    kept = recorded.folder / "kept"
    shutil.copytree(recorded.state, kept)
    yield recorded
    shutil.rmtree(recorded.state)
    kept.rename(recorded.state)


def change(site: Site, *statements: str) -> None:
    """Somebody with a database tool, who leaves everything else as it was."""
    with sqlite3.connect(site.state / "ledger.sqlite") as database:
        triggers = [
            sql for (sql,) in database.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        ]
        for name in ("entry_no_update", "entry_no_delete"):
            database.execute(f"DROP TRIGGER {name}")
        for statement in (*statements, *triggers):
            database.execute(statement)
    database.close()


def verify(site: Site, *words: str) -> Any:
    said = site.tuibackup("ledger", "verify", "--json", "--read-only", *words)
    assert said.code == (1 if said.json["problems"] else 0), said
    return said.json


def entries(site: Site) -> list[dict[str, Any]]:
    """All of it, by `log --json`."""
    return list(site.tuibackup("log", "--json", "--read-only").json)


def script(folder: Path) -> Path:
    """The checking script that the page prints, as somebody would paste it."""
    text = PAGE.read_text().split("## Checking an export", 1)[1]
    (found,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:1]
    assert len(found.splitlines()) <= 20
    path = folder / "check.py"
    path.write_text(found)
    return path


def test_a_record_that_nobody_touched_is_whole_and_says_what_it_was_compared_with(recorded: Site) -> None:
    found = verify(recorded)
    assert (found["outcome"], found["problems"], found["unasked"]) == ("done", [], None)
    assert found["compared"] == {"seals": 3, "snapshots": 2, "others": 0}, "two in the ledger, one beside it"
    assert found["entries"] == len(entries(recorded)) == found["head"]["entry"]
    assert [one["entry"] for one in found["seals"]] == [found["head"]["entry"] - 1]
    said = recorded.tuibackup("ledger", "verify")
    assert (said.code, said.err) == (0, "")
    assert f"√ {found['entries']} entries, all as they were written; head {found['head']['hash']}" in said.out
    assert re.search(r"last sealed \S+ by \S+ with SHA256:\S+, up to entry \d+", said.out), said.out
    (statement,) = (recorded.state / "seals").glob("seal-*.txt")
    signers = statement.with_name("allowed_signers")
    keygen = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", signers.read_text().split()[0]]
    keygen += ["-n", "tuibackup-ledger", "-s", f"{statement}.sig"]
    subprocess.run(keygen, input=statement.read_bytes(), capture_output=True, check=True)
    newest = entries(recorded)[-1]
    assert (newest["kind"], newest["server"], newest["body"]["what"]) == ("verify", None, "ledger")


@pytest.mark.long
def test_ssh_keygen_accepts_the_seal_of_each_run_and_that_of_an_operators_own_key(
    tampered: Site, tmp_path: Path
) -> None:
    site, seals = tampered, tampered.state / "seals"
    assert (seals / "key").stat().st_mode & 0o777 == 0o600
    own = tmp_path / "own"
    subprocess.run(["ssh-keygen", "-qt", "rsa", "-b", "2048", "-N", "", "-f", own, "-C", "siti"], check=True)
    said = site.tuibackup("ledger", "seal", "--key", str(own), "--operator", "Siti Aminah", "--json")
    assert said.code == 0, said
    assert said.json["allowed-signer"].split(" ", 1)[0] == "Siti_Aminah"
    signers = tmp_path / "signers"  # as the auditor keeps it: what was printed, not what lies there
    signers.write_text(said.json["allowed-signer"] + "\n")
    keygen = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "Siti_Aminah", "-n", "tuibackup-ledger"]
    statement = Path(said.json["statement"]).read_text()
    for text, good in ((statement, True), (statement.replace("entry ", "entry 1"), False)):
        done = subprocess.run(
            [*keygen, "-s", said.json["signature"]], input=text, text=True, capture_output=True, check=False
        )
        assert (done.returncode == 0) is good, done
    assert len(list(seals.glob("seal-*.txt"))) == 2
    site.tuibackup("ledger", "seal")
    told = site.tuibackup("ledger", "seal").out.replace("\n", " ")
    command = told.split("to check it: ", 1)[1]
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0, command
    assert verify(site)["problems"] == []
    assert {one["operator"] for one in verify(site)["seals"]} >= {"Siti Aminah"}
    assert "more than one key" not in site.tuibackup("ledger", "verify").out
    shutil.copy(own, seals / "key")
    site.tuibackup("ledger", "seal")
    renewed = " ".join(site.tuibackup("ledger", "verify").out.split())
    assert "has sealed with more than one key: if nobody renewed it on purpose" in renewed
    assert site.tuibackup("ledger", "seal", "--key", str(tmp_path / "none")).code == 2
    assert "--read-only" in site.tuibackup("ledger", "seal", "--read-only").err


@pytest.mark.long
def test_an_operators_key_in_an_agent_seals_and_one_with_a_passphrase_says_what_it_needs(
    tampered: Site, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "rahasia-sekali", "-f", own], check=True)
    said = tampered.tuibackup("ledger", "seal", "--key", str(own))
    assert said.code == 1
    assert re.search(r"nothing was signed with .*own.*; try it in a terminal: ", said.err), said.err
    assert "rahasia" not in said.err
    before = len(entries(tampered))
    socket = tmp_path / "agent"
    agent = subprocess.run(["ssh-agent", "-s", "-a", socket], capture_output=True, text=True, check=True)
    try:
        env = {"SSH_AUTH_SOCK": str(socket), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        answer = tmp_path / "answer"
        answer.write_text("#!/bin/sh\necho rahasia-sekali\n")
        answer.chmod(0o700)
        added = {**tampered.environment(env), "SSH_ASKPASS": str(answer)}
        subprocess.run(["ssh-add", "-q", own], env=added, check=True, stdin=subprocess.DEVNULL)
        own.unlink()
        said = tampered.tuibackup("ledger", "seal", "--key", f"{own}.pub", env=env)
        assert said.code == 0, said
    finally:
        os.kill(int(re.findall(r"SSH_AGENT_PID=(\d+)", agent.stdout)[0]), signal.SIGTERM)
    assert len(entries(tampered)) == before + 1
    assert verify(tampered)["problems"] == []


def test_a_script_from_the_page_checks_an_export_without_us(recorded: Site, tmp_path: Path) -> None:
    check, whole = script(tmp_path), tmp_path / "whole.jsonl"
    said = recorded.tuibackup("ledger", "export", "--output", str(whole))
    assert said.code == 0, said
    assert whole.stat().st_mode & 0o777 == 0o600
    lines = whole.read_text().splitlines()
    listed = entries(recorded)
    assert [json.loads(line)["body"] for line in lines] == [entry["body"] for entry in listed]
    assert recorded.tuibackup("ledger", "export", "--read-only").out.splitlines() == lines
    assert recorded.tuibackup("ledger", "export", "--output", str(whole)).code == 2, "nothing is overwritten"

    def checked(text: list[str]) -> Said:
        file = tmp_path / "export.jsonl"
        file.write_text("".join(f"{line}\n" for line in text))
        done = subprocess.run(
            [sys.executable, "-I", check, file], capture_output=True, text=True, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    good = checked(lines)
    assert (good.code, good.out) == (0, f"entries 1 to {len(lines)}, head {listed[-1]['hash']}\n"), good
    assert checked(lines[3:]).out.startswith("entries 4 to "), "a part, too, with what it follows"
    tried = {
        "a word changed": [line.replace("the disk was changed", "nothing was changed") for line in lines],
        "an entry left out": lines[:4] + lines[5:],
        "two entries swapped": [lines[1], lines[0], *lines[2:]],
        "an entry twice": [*lines[:3], *lines[2:]],
        "a hash changed": [lines[0][:-3] + ("0" if lines[0][-3] != "0" else "1") + lines[0][-2:], *lines[1:]],
        "a line cut": [*lines[:-1], lines[-1][:-20]],
    }
    for what, text in tried.items():
        assert checked(text).code == 1, what
    assert checked(lines[:-1]).out != good.out, "a lost end shows in the head, which is kept elsewhere"
    found = verify(recorded, "--against", str(whole))
    assert (found["problems"], found["compared"]["others"]) == ([], len(lines))
    assert recorded.tuibackup("ledger", "export", "--since", "2999-01-01").out == ""


@pytest.mark.long
def test_what_was_changed_removed_or_lost_is_named_with_its_entry(tampered: Site, tmp_path: Path) -> None:
    site, state = tampered, tampered.state
    whole, older, kept = tmp_path / "whole.jsonl", tmp_path / "older.sqlite", tmp_path / "kept"
    site.tuibackup("ledger", "export", "--output", str(whole))
    listed = entries(site)
    note = next(entry["seq"] for entry in listed if entry["kind"] == "note")
    last = listed[-1]["seq"]
    shutil.copytree(state, kept)

    def found(*words: str) -> list[str]:
        texts = [problem["text"] for problem in verify(site, *words)["problems"]]
        shutil.rmtree(state)
        shutil.copytree(kept, state)
        return texts

    change(site, f"UPDATE entry SET body = replace(body, 'disk', 'tape') WHERE seq = {note}")
    said = site.tuibackup("ledger", "verify")
    assert said.code == 1
    assert re.search(rf"× entry {note} \(.*, note\) was changed after it was written", said.out), said
    assert "what to do: keep a copy of the state folder as it is" in said.out.replace("\n", " ")
    shutil.rmtree(state)
    shutil.copytree(kept, state)
    change(site, f"DELETE FROM entry WHERE seq = {note}")
    assert f"entry {note} is missing" in found()
    # The end, and every trace of it in the database itself.
    end = [f"DELETE FROM entry WHERE seq >= {note}", f"DELETE FROM result WHERE seq >= {note}"]
    end.append(f"UPDATE sqlite_sequence SET seq = {note - 1} WHERE name = 'entry'")
    change(site, *end)
    assert f"entries {note} to {last} are missing" in found()
    change(site, *end)
    (state / "ledger.head").unlink()
    texts = found()
    assert any("a seal beside the ledger" in text for text in texts), texts
    assert any("snapshot siakad/files/" in text for text in texts), texts
    # No trace in the whole state folder, but an export that somebody kept, or none.
    change(site, *end)
    (state / "ledger.head").unlink()
    shutil.rmtree(state / "seals")
    texts = found("--against", str(whole))
    assert f"entry {last} is missing; the export {whole} knows it" in texts
    # An older copy in its place: the numbers that were given are not given again.
    change(site, *end)
    shutil.copy(state / "ledger.sqlite", older)
    site.tuibackup("note", "after an older copy was put back")
    texts = found()
    assert f"entries {note} to {last} are missing" in texts
    (state / "ledger.sqlite").write_bytes(b"")
    assert f"entries 1 to {last} are missing" in found()
    (state / "ledger.sqlite").unlink()
    site.tuibackup("note", "on a new ledger")
    assert f"entries 1 to {last} are missing" in found()
    content = bytearray((state / "ledger.sqlite").read_bytes())
    content[4096:8192] = bytes(4096)
    (state / "ledger.sqlite").write_bytes(content)
    said = site.tuibackup("ledger", "verify", "--read-only")
    assert said.code == 1, said
    assert "the file cannot be read after entry 0: " in said.out, said
    shutil.rmtree(state)
    shutil.copytree(kept, state)
