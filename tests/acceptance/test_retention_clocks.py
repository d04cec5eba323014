"""Retention where the clock of this machine is wrong, where everything goes on at once, and where nobody answers."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Site
from tests.acceptance.test_retention import after_four_runs, four, is_whole, names, plan
from tests.moved import moved, moved_library

__all__ = ["after_four_runs", "four"]
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moved_library(tmp_path_factory.mktemp("clock"))


def application(site: Site) -> Path:
    (newest, *_rest) = site.tuibackup("snapshots", "--json").json
    return Path(newest["summary"]["folders"][0]["folder"])


@pytest.mark.parametrize("days", [-4000, -400, -3, 8, 400, 4000])
def test_a_clock_that_is_wrong_removes_nothing(four: Site, clock: Path, days: int) -> None:
    before = names(four)
    said = four.tuibackup("retention", "--apply", "--yes", env=moved(clock, days))
    assert said.code == 0, said.err
    assert names(four) == before
    why = "dated in the future" if days < 0 else "nothing goes while the clock is overdue"
    assert why in said.out


def test_a_snapshot_of_the_future_stays_and_the_next_backup_sets_all_right(
    four: Site, clock: Path, tmp_path: Path
) -> None:
    before = names(four)
    (application(four) / "new").write_text("made while the clock was wrong")
    assert four.tuibackup("run", "siakad", env=moved(clock, 400)).code == 0
    future = names(four)[-1]
    assert future not in before
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert names(four) == [*before, future]
    told = four.tuibackup("status")
    assert told.code == 4
    assert (
        "400 days ahead of this machine's clock; set the clock right if it is wrong, and back up again"
        in told.out
    )
    (application(four) / "new").write_text("made when it was right again")
    assert four.tuibackup("run", "siakad").code == 0
    assert four.tuibackup("status").code == 0
    newest = names(four)[-1]
    assert newest > future
    assert "it stays, and does not count" in plan(four)[future]
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert {future, newest} <= set(names(four))
    is_whole(four, tmp_path / "back")


@pytest.mark.parametrize("ends", ["<&-", "</dev/null >&-", "<&- >&- 2>&-"])
def test_where_nobody_can_answer_nothing_goes(four: Site, ends: str) -> None:
    before = names(four)
    done = subprocess.run(
        ["sh", "-c", f"exec {TUIBACKUP} retention --apply {ends}"],
        env=four.environment(),
        cwd=four.home,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert names(four) == before
    piped = subprocess.run(
        ["sh", "-c", f"yes | {TUIBACKUP} retention --apply"],
        env=four.environment(),
        cwd=four.home,
        capture_output=True,
        check=False,
    )
    assert b"add --yes" in piped.stderr
    assert names(four) == before


def test_all_at_once_leaves_everything_whole(four: Site, tmp_path: Path) -> None:
    for name in ("drills", "usb"):
        (four.folder / name).mkdir(exist_ok=True)
    with four.config.open("a") as config:
        config.write(f'\n[drill]\nfolder = "{four.folder}/drills"\n[copies.usb]\nto = "{four.folder}/usb"\n')
    jobs: list[Sequence[str]] = [
        ("run", "siakad"),
        ("verify", "siakad"),
        ("retention", "--apply", "--yes"),
        ("copy",),
        ("drill", "siakad"),
    ]
    started = [
        subprocess.Popen(
            [str(TUIBACKUP), *words, *to],
            env=four.environment(),
            cwd=four.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
        for words, to in (
            *((words, ()) for words in jobs),
            (("restore", "siakad/files/latest"), ("--to", str(tmp_path / str(number)))),
        )
    ]
    for one in started:
        said = one.communicate(timeout=280)[0]
        words = one.args[1:3] if isinstance(one.args, list) else []
        # 11: another run holds the server; 1: two removed the same, or one drills the server already
        assert one.returncode in (
            (0, 1, 11) if words[0] in ("retention", "drill", "run", "copy") else (0,)
        ), said
        assert "Traceback" not in said
        assert "internal error" not in said
    is_whole(four, tmp_path / "back")
    assert four.tuibackup("copy").code == 0
    assert four.tuibackup("verify", "--from", "usb").code == 0
