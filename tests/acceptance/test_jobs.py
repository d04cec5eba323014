"""Restore, verify and drill are processes of their own, as runs are: followed, stopped, never lost without a word."""

import fcntl
import json
import os
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.drilled import drills_in
from tests.acceptance.jobs import process_of
from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.terminal import Terminal

FILES, DATABASES = "siakad/files/latest", "siakad/databases/latest"


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp, fast_tmp_path: Path) -> Site:
    """A site whose server was backed up once; drills happen below the folder `place`."""
    fast_tmp_path.chmod(0o711)
    backed_up.copy_to(site)
    drills_in(site, fast_tmp_path)
    return site


def entries(site: Site, kind: str) -> list[dict[str, Any]]:
    """Those of the ledger, the newest first."""
    return [one["body"] for one in site.tuibackup("log", "--json").json if one["kind"] == kind]


def wait_until_under_way(site: Site) -> str:
    """The id of the only job, once it has told of progress."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in site.jobs:
            if '"event":"job-progress"' in path.read_text():
                return path.stem
        time.sleep(0.02)
    raise AssertionError(f"no job got anywhere: {[path.read_text() for path in site.jobs]}")


def last(said: Said) -> dict[str, Any]:
    """The last event of `follow --json`."""
    return said.events[-1]


@pytest.mark.long
def test_each_is_told_in_a_journal_that_can_be_followed(siakad: Site, tmp_path: Path) -> None:
    back = tmp_path / "back"
    for words, results in (
        (["verify", "siakad"], 2),
        (["drill", FILES], 1),
        (["restore", FILES, "--to", str(back)], 1),
    ):
        job = siakad.tuibackup(*words, "--detach").out.strip()
        said = siakad.tuibackup("follow", job, "--json")
        assert said.code == 0, said.out + said.err
        first, *told, end = said.events
        assert (first["event"], first["job"], first["server"]) == ("job-planned", words[0], "siakad")
        assert first["command"][:1] == words[:1]
        assert sum(event["event"] == "job-result" for event in told) == results
        assert (end["event"], end["outcome"], end["exit-code"]) == (f"{words[0]}-finished", "done", 0)
        assert {entry["job"] for entry in entries(siakad, words[0])} == {job}
        people = siakad.tuibackup("follow", job)
        assert words[0] in people.out.splitlines()[0]
        assert "√ siakad/files/" in people.out
    assert any(back.rglob("krs-*.pdf"))


@pytest.mark.long
def test_the_command_in_a_journal_does_the_same(siakad: Site, tmp_path: Path) -> None:
    """As plans show it, to be copied."""
    words = ["restore", FILES, "/", "--to", str(tmp_path / "my files"), "--overwrite", "--numeric-owner"]
    job = siakad.tuibackup(*words, "--detach").out.strip()
    [planned, *_rest] = siakad.tuibackup("follow", job, "--json").events
    again = siakad.tuibackup(*shlex.split(shlex.join(planned["command"])), "--json")
    assert again.code == 0, again.err
    [first, *_rest] = [json.loads(line) for line in siakad.jobs[0].read_text().splitlines()]
    assert first["command"] == planned["command"]


@pytest.mark.long
def test_a_job_outlives_its_terminal(siakad: Site) -> None:
    with Terminal([str(TUIBACKUP), "drill", DATABASES], siakad.environment(), cwd=siakad.home) as terminal:
        job = wait_until_under_way(siakad)
        terminal.hang_up()
    said = siakad.tuibackup("follow", job, "--json")
    assert (last(said)["outcome"], said.code) == ("done", 0)
    [told] = entries(siakad, "drill")
    assert told["outcome"] == "done"


@pytest.mark.long
def test_ctrl_c_asks_what_is_meant(siakad: Site) -> None:
    with Terminal([str(TUIBACKUP), "drill", DATABASES], siakad.environment(), cwd=siakad.home) as terminal:
        job = wait_until_under_way(siakad)
        terminal.send("\x03")
        terminal.wait_for("[l]eave")
        terminal.send("l\r")
        terminal.wait_for("tuibackup follow")
        assert terminal.wait() == 130
    assert last(siakad.tuibackup("follow", job, "--json"))["outcome"] == "done"


@pytest.mark.long
def test_stop_says_who_and_leaves_nothing(siakad: Site, fast_tmp_path: Path) -> None:
    job = siakad.tuibackup("drill", DATABASES, "--detach").out.strip()
    os.kill(process_of(siakad, job), signal.SIGSTOP)  # it would have ended before
    stopping = siakad.reading("stop", job)
    while not (siakad.state / f"runs/{job}.stop").exists():
        time.sleep(0.02)
    os.kill(process_of(siakad, job), signal.SIGCONT)
    said, _nothing = stopping.communicate(timeout=60)
    assert stopping.returncode == 0
    assert "has ended: interrupted" in said
    assert not any(fast_tmp_path.iterdir())
    [told] = entries(siakad, "drill")
    assert told["outcome"] == "interrupted"
    assert told["error"].startswith("stopped by ")


def test_one_that_is_killed_is_recorded_once_by_whoever_looks_next(siakad: Site) -> None:
    job = siakad.tuibackup("drill", DATABASES, "--detach").out.strip()
    os.kill(process_of(siakad, job), signal.SIGKILL)
    said = siakad.tuibackup("follow", job, "--json")
    assert (last(said)["outcome"], said.code) == ("interrupted", 130)
    siakad.tuibackup("status")
    told = [one for one in entries(siakad, "drill") if one["outcome"] == "interrupted"]
    assert len(told) == 1
    assert "killed" in told[0]["error"]
    assert f"tuibackup drill {DATABASES}" in last(said)["error"], "how to have it done"


def tree(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below the application's folder: kind and mode, time, content or target."""
    found: dict[str, tuple[Any, ...]] = {}
    [folder] = folder.rglob("www/siakad")
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.mark.long
def test_a_restore_that_is_killed_goes_on_and_becomes_whole(siakad: Site, tmp_path: Path) -> None:
    """Also the folders, which get their modes and times at the end."""
    whole, back = tmp_path / "whole", tmp_path / "back"
    assert siakad.tuibackup("restore", FILES, "--to", str(whole)).code == 0
    job = siakad.tuibackup("restore", FILES, "--to", str(back), "--detach").out.strip()
    deadline = time.monotonic() + 60
    while not any(back.rglob("krs-*")) and time.monotonic() < deadline:
        pass
    try:
        os.kill(process_of(siakad, job), signal.SIGKILL)
    except AssertionError:  # too late: it is whole, and stays so
        assert tree(back) == tree(whole)
    kept = {path: path.lstat().st_ino for path in back.rglob("krs-*")}
    said = siakad.tuibackup("restore", FILES, "--to", str(back), "--json")
    assert (said.code, said.json["problems"]) == (0, []), said.err
    assert tree(back) == tree(whole)
    assert {path: path.lstat().st_ino for path in kept} == kept, "nothing is written a second time"


@pytest.mark.long
def test_what_exists_is_left_replaced_or_as_it_should_be(siakad: Site, tmp_path: Path) -> None:
    back = tmp_path / "back"
    words = ["restore", FILES, "--to", str(back), "--json"]
    assert siakad.tuibackup(*words).code == 0
    whole = tree(back)
    mine, equal, *_rest = sorted(back.rglob("krs-*.pdf"))
    mine.write_text("mine")
    inode = equal.stat().st_ino
    said = siakad.tuibackup(*words)
    assert said.code == 3
    [problem] = said.json["problems"]
    assert (problem["path"], problem["reason"]) == (
        "/" + str(mine.relative_to(back)),
        "exists already and differs; left as it is",
    )
    assert mine.read_text() == "mine"
    assert siakad.tuibackup(*words, "--existing", "changed").code == 0
    assert tree(back) == whole
    assert equal.stat().st_ino == inode, "what is equal is not written again"
    assert siakad.tuibackup(*words, "--existing", "always").code == 0
    assert tree(back) == whole
    assert equal.stat().st_ino != inode
    said = siakad.tuibackup("restore", FILES, "--to", str(back), "--existing", "sometimes")
    assert said.code == 2
    assert "sometimes" in said.err
    said = siakad.tuibackup(
        "restore", DATABASES, "--database", "akademik", "--into", "siakad", "--existing", "changed"
    )
    assert said.code == 2
    assert "--existing always" in said.err


def test_two_restores_do_not_write_into_one_folder(siakad: Site, tmp_path: Path) -> None:
    back = tmp_path / "back"
    back.mkdir()
    with (back / ".tuibackup-restore").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # as another restore holds it
        said = siakad.tuibackup("restore", FILES, "--to", str(back))
    assert said.code == 11
    assert "another restore writes into this folder now" in said.err
    assert siakad.tuibackup("restore", FILES, "--to", str(back)).code == 0
    assert not (back / ".tuibackup-restore").exists()


def cockpit(site: Site) -> Terminal:
    return Terminal([str(TUIBACKUP)], site.environment(), columns=100, rows=30, cwd=site.home)


@pytest.mark.long
def test_the_cockpit_drills_and_shows_it_in_a_strip(siakad: Site) -> None:
    """The plan shows the command; the job outlives the cockpit, and another one shows it."""
    with cockpit(siakad) as terminal:
        terminal.wait_for("siakad", "fresh")
        terminal.send("t")
        terminal.wait_for("Drill siakad", "tuibackup drill siakad", "scratch place")
        terminal.send("\x1b")
        terminal.wait_for("back up")
        assert siakad.jobs == [], "esc starts nothing"
        terminal.send("t")
        terminal.wait_for("tuibackup drill siakad")
        terminal.send("\r")
        terminal.wait_for("► drill siakad")
        terminal.send("q")
        assert terminal.wait() == 0
        assert "drill siakad goes on: tuibackup follow" in terminal.text
    with cockpit(siakad) as terminal:
        terminal.wait_for("drill siakad")
        terminal.wait_for("√ drill siakad", "done")
        terminal.send("q")
        assert terminal.wait() == 0
    assert [entry["outcome"] for entry in entries(siakad, "drill")] == ["done", "done"]


@pytest.mark.long
def test_the_cockpit_verifies_and_stops_a_job(siakad: Site) -> None:
    with cockpit(siakad) as terminal:
        terminal.wait_for("siakad", "fresh")
        terminal.send("v")
        terminal.wait_for("Verify siakad", "tuibackup verify siakad")
        terminal.send("\r")
        terminal.wait_for("√ verify siakad", "done")
        terminal.send("t")
        terminal.wait_for("tuibackup drill siakad")
        terminal.send("\r")
        while len(siakad.jobs) < 2:
            time.sleep(0.02)
        os.kill(process_of(siakad, siakad.jobs[0].stem), signal.SIGSTOP)
        terminal.wait_for("► drill siakad")
        terminal.send("x")
        terminal.wait_for("Stop it?")
        terminal.send("y")
        terminal.wait_for("asked drill siakad to stop")
        os.kill(process_of(siakad, siakad.jobs[0].stem), signal.SIGCONT)
        terminal.wait_for("■ drill siakad", "stopped by")
        terminal.send("q")
        assert terminal.wait() == 0


def go_to_snapshot(terminal: Terminal, clock: str) -> None:
    """In the list of snapshots, put the cursor on the first of a clock."""
    terminal.wait_for("restore all of it", "√ files", "√ databases")
    lines = [line for line in terminal.lines if line.startswith("│ √")]
    terminal.send("j" * next(number for number, line in enumerate(lines) if clock in line))


@pytest.mark.long
def test_the_cockpit_browses_and_restores_what_was_marked(siakad: Site, tmp_path: Path) -> None:
    """By keys alone: snapshot, folders, a mark, where to, plan, strip; a wrong place is told and asked again."""
    back = tmp_path / "back"
    [snapshot] = siakad.snapshots("siakad", "files")
    with cockpit(siakad) as terminal:
        terminal.wait_for("siakad", "fresh")
        terminal.send("r")
        go_to_snapshot(terminal, "files")
        terminal.send("\r")
        terminal.wait_for(f"files {snapshot.name}", "/www/siakad/")
        terminal.send("\r")
        terminal.wait_for("index.php", "uploads/")
        names = [
            line.split()[1] for line in terminal.lines if line.startswith("│   ") and line.split()[1] != "│"
        ]
        terminal.send("j" * names.index("index.php") + " ")
        terminal.wait_for("1 marked", "* index.php")
        terminal.send("<")
        terminal.wait_for("no other version in that direction")
        terminal.send("R")
        terminal.wait_for("Restore: where to?")
        terminal.send("\x15siakad:relative\r")
        terminal.wait_for("is not absolute")
        terminal.send("\x1b")
        terminal.wait_for("back up")
        terminal.send("r")
        go_to_snapshot(terminal, "databases")
        terminal.send("\r")
        terminal.wait_for("akademik", "602 rows")
        terminal.send("\r")
        terminal.wait_for("mahasiswa", "nilai")
        terminal.send("R")
        terminal.wait_for("Restore: where to?", "the database of a server")
        terminal.send("\x15" + f"{back}\r")
        terminal.wait_for("--table", "dry run")
        terminal.send("\r")
        terminal.wait_for("nothing was started")
        terminal.send("\x1b")
        terminal.wait_for("back up")
        assert siakad.jobs == [], "nothing was started so far"
        terminal.send("r")
        go_to_snapshot(terminal, "files")
        terminal.send("R")
        terminal.wait_for("Restore: where to?")
        terminal.send("\x15" + f"{back}\r")
        terminal.wait_for("44 files", "free there", f"tuibackup restore siakad/files/{snapshot.name}")
        terminal.send("e")
        terminal.wait_for("[x] replace what differs", "--existing", "changed")
        terminal.send("R")
        terminal.wait_for("√ restore", "done")
        terminal.send("q")
        assert terminal.wait() == 0
    assert len(list(back.rglob("krs-*.pdf"))) == 40
    [entry] = entries(siakad, "restore")
    assert entry["outcome"] == "done"
