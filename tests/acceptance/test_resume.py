"""A run that was killed, stopped or left by its server: the next one goes on, and fetches nothing twice.

Between tuibackup and the server stands a line that these tests cut. Files are random bytes, so that what came over
the line can be compared with what there was to fetch.
"""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.resumed import (
    HELLO,
    MB,
    kill,
    nothing_twice,
    progress,
    random_files,
    restores,
    same,
    settle,
    verifies,
    wait_for,
)
from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.line import Line
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def sshd(ticking: PrivateSshd) -> PrivateSshd:
    return ticking


@pytest.mark.long
def test_an_agent_that_left_with_its_owner_interrupts_and_the_next_run_goes_on(
    site: Site, line: Line, sshd: PrivateSshd, site_over: Callable[..., Path], tmp_path: Path
) -> None:
    root = site_over()
    random_files(root, 8, MB // 2)
    settle(site)
    lines = [one for one in site.servers["siakad"].splitlines() if not one.startswith("key =")]
    site.servers["siakad"] = "\n".join(lines) + "\n"
    site.write_config()
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    env = {"SSH_AUTH_SOCK": str(socket)}
    try:
        wait_for(socket.exists)
        subprocess.run(
            ["ssh-add", "-q", sshd.client_key], env={**os.environ, **env}, check=True, capture_output=True
        )
        line.stands = 2 * MB
        run = subprocess.Popen(
            [TUIBACKUP, "run", "siakad", "--json"],
            env=site.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: line.bytes > 2 * MB - (1 << 17))
    finally:
        agent.kill()
        agent.wait()
        socket.unlink(missing_ok=True)
    line.stands = None
    line.cut()
    out, _ = run.communicate(timeout=60)
    finished = Said(run.returncode, out, "").finished
    assert finished["outcome"] == "interrupted"
    assert "connection to siakad lost" in finished["error"]
    assert "accepts none of our keys" in finished["error"]
    assert finished["error"].endswith("; the next run continues with the files that were already fetched")

    site.servers["siakad"] += f'key = "{sshd.client_key}"\n'
    site.write_config()
    said = site.tuibackup("run", "siakad", "--json")
    assert "of an interrupted run" in said.finished["files"]["detail"]
    restores(site, root)


def stopped(site: Site, line: Line, how: Callable[[Path], object], at: int, *words: str) -> dict[str, Any]:
    """Starts a run, ends it by `how` (it is given the journal) once `at` bytes came; its end."""
    line.stands = line.bytes + at
    before = set(site.journals)
    run = site.start("run", "siakad", *words)
    try:
        (path,) = wait_for(lambda: set(site.journals) - before)
        wait_for(lambda: line.stands is not None and line.bytes >= line.stands - (1 << 17))
        time.sleep(1)  # until what came is taken
        how(path)
        run.wait(60)
    finally:
        line.stands = None
        run.kill()
    finished: dict[str, Any] = site.tuibackup("follow", path.stem, "--json").finished
    assert finished["outcome"] == "interrupted", finished
    return finished


def notes(said: Said) -> str:
    return "\n".join(event["text"] for event in said.events if event["event"] == "run-note")


@pytest.mark.long  # run/test_engine has the same within one process
def test_a_server_that_stays_away_interrupts_and_the_next_run_goes_on(
    site: Site, line: Line, site_over: Callable[..., Path]
) -> None:
    root = site_over(patience=4)
    size = random_files(root, 20, MB // 2)
    settle(site)
    line.cuts, line.goes_after_cut = [6 * MB], True
    said = site.tuibackup("run", "siakad", "--json")
    assert said.code == 130
    assert said.finished["outcome"] == "interrupted"
    assert "connection to siakad lost, tried " in said.finished["error"]
    assert "refused" in said.finished["error"]
    assert said.finished["error"].endswith("the next run continues with the files that were already fetched")
    assert "kept for the next run: " in notes(said)
    tried = [event.get("current", "") for event in said.events if event["event"] == "step-progress"]
    assert any("connection lost, trying again in 1 s (1)" in current for current in tried)
    assert any("connection lost, trying again in 2 s (2)" in current for current in tried)
    assert site.snapshots("siakad", "files") == []

    line.goes_after_cut = False
    line.open()
    (told,) = site.tuibackup("run", "siakad", "--dry-run", "--json").json["servers"]
    there = told["resumed"]["files"]
    assert 9 <= there <= 12
    assert told["folders"][0]["changed"] == 20 - there
    assert told["needs-room"] == told["folders"][0]["changed-bytes"] == (20 - there) * MB // 2
    came = line.bytes
    again = site.tuibackup("run", "siakad", "--json")
    assert {step["items-total"] for step in progress(again)} <= {20 - there}, "what is there is not counted"
    assert f"{there} of an interrupted run" in again.finished["files"]["detail"]
    assert again.finished["outcome"] == "done", again.out
    assert "of an interrupted run" in again.finished["files"]["detail"]
    assert line.bytes - came < size - 5 * MB + HELLO
    (snapshot,) = site.snapshots("siakad", "files")
    nothing_twice(snapshot, root)
    assert site.incoming() == []
    restores(site, root)


@pytest.mark.long
def test_a_killed_run_is_gone_on_with_though_the_tree_and_the_folders_changed(
    site: Site, line: Line, site_over: Callable[..., Path], tmp_path: Path
) -> None:
    """The first folder was whole when the run was killed in the second; a third is new."""
    first, second, third = (tmp_path / f"server/srv/{name}" for name in ("one", "two", "three"))
    site_over(first, second)
    size = random_files(first, 12, MB // 2)
    random_files(first / "gone", 2, MB // 2)
    random_files(second, 12, MB // 2)
    settle(site)
    killed = stopped(site, line, kill, 9 * MB)
    assert killed["error"].endswith("the next run continues with the files that were already fetched")
    assert len(site.incoming()) == 1

    (first / "small-0003").write_bytes(os.urandom(MB // 2))
    (first / "new").write_bytes(b"new")
    for path in (first / "gone").iterdir():
        path.unlink()
    (first / "gone").rmdir()
    (first / "gone").write_bytes(b"a file now")
    extra = random_files(third, 2, MB // 2)
    site.servers["siakad"] = site.servers["siakad"].replace(str(second), str(third))
    site.write_config()
    came = line.bytes
    said = site.tuibackup("run", "siakad", "--json")
    assert said.finished["outcome"] == "done", said.out
    assert "11 of an interrupted run" in said.finished["files"]["detail"]
    assert line.bytes - came < extra + MB // 2 + HELLO < size
    (snapshot,) = site.snapshots("siakad", "files")
    assert len(list(snapshot.glob("*.tar.zst"))) == 3, "kept of one, new of one, three; nothing of two"
    assert site.incoming() == []
    restores(site, first)
    verifies(site)
    restored = site.folder / "by-script"
    subprocess.run(["sh", snapshot / "restore.sh", restored], check=True, capture_output=True)
    same(first, restored / str(first)[1:])
    same(third, restored / str(third)[1:])


@pytest.mark.long
def test_a_stopped_run_keeps_what_came_whole_and_says_so(
    site: Site, line: Line, site_over: Callable[..., Path]
) -> None:
    root = site_over()
    size = random_files(root, 16, MB // 2)
    settle(site)
    told: list[Said] = []
    finished = stopped(
        site, line, lambda path: told.append(site.tuibackup("stop", path.stem)), 4 * MB, "--full"
    )
    assert finished["error"].endswith("; the next run continues with the files that were already fetched")
    assert finished["error"] in told[0].out
    (kept,) = site.incoming()
    checked = site.tuibackup("check", "siakad")
    assert (
        "an interrupted run left 7 files" in checked.out or "an interrupted run left 6 files" in checked.out
    )
    status = site.tuibackup("status", "--json").json["servers"][0]
    assert status["resumable"]["files"] in (6, 7)
    assert status["resumable"]["bytes"] > 2.5 * MB

    came = line.bytes
    said = site.tuibackup("run", "siakad", "--full", "--json")
    assert said.finished["outcome"] == "done", said.out
    assert line.bytes - came < size - 2.5 * MB + HELLO, "--full goes on with what a --full began"
    assert not kept.exists()
    assert site.tuibackup("status", "--json").json["servers"][0]["resumable"] is None
    nothing_twice(site.snapshots("siakad", "files")[0], root)
    restores(site, root)


def damage(kept: Path, harm: str) -> None:
    """Do harm to what an interrupted run left: its archive, its index, or only what the index says of a file."""
    index = kept / "files/index.sqlite"
    if harm == "hash":
        db = sqlite3.connect(index)
        db.execute("UPDATE content SET sha256 = zeroblob(32) WHERE entry = (SELECT min(entry) FROM content)")
        db.commit()
        db.close()
        return
    path = index if harm == "index" else next((kept / "files").glob("*.tar.zst"))
    data = bytearray(path.read_bytes())
    for place in range(4096, len(data), 4096) if harm == "index" else [len(data) // 3]:
        data[place : place + 8] = bytes(byte ^ 0x55 for byte in data[place : place + 8])
    path.write_bytes(data)


@pytest.mark.long
@pytest.mark.parametrize("harm", ["archive", "index", "hash"])
def test_what_was_kept_and_is_damaged_is_fetched_anew(
    site: Site, line: Line, site_over: Callable[..., Path], harm: str
) -> None:
    root = site_over(patience=5)
    random_files(root, 8, MB // 2)
    settle(site)
    line.cuts, line.goes_after_cut = [3 * MB], True
    assert site.tuibackup("run", "siakad").code == 130
    (kept,) = site.incoming()
    damage(kept, harm)
    line.goes_after_cut = False
    line.open()
    said = site.tuibackup("run", "siakad", "--json")
    assert said.finished["outcome"] == "done", said.out
    assert "of an interrupted run" not in said.finished["files"]["detail"]
    assert site.incoming() == []
    nothing_twice(site.snapshots("siakad", "files")[-1], root)
    restores(site, root)
    verifies(site)
