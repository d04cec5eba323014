"""Retention and holds: what goes is what was shown, and whatever happens meanwhile, what is kept is whole."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.conftest import make_application
from tests.acceptance.site import TUIBACKUP, Site
from tests.killing import Killing, killing_library
from tests.terminal import Terminal
from tests.ticking import ticking_ahead, ticking_sshd


@pytest.fixture(scope="module")
def after_four_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two full snapshots, each with one that points into it, all of one day; a rule that keeps one a day."""
    site = Site(tmp_path_factory.mktemp("retention"), settings='[retention]\nfiles = "1 day"\n')
    application = make_application(site.folder)
    with ticking_sshd(site.folder) as ticking:
        site.add("siakad", ticking, [application])
        ticking_ahead(site.folder, 100)
        for words in ((), (), ("--full",), ()):
            (application / "new").write_text(f"{words} {len(site.snapshots('siakad', 'files'))}")
            assert site.tuibackup("run", "siakad", *words).code == 0
        (site.folder / "kept").mkdir()
        subprocess.run(["cp", "-a", site.vault, site.home, site.folder / "kept"], check=True)
        yield site


def put_back(site: Site, away: Path) -> None:
    """The site as it was after the runs, where it was then: the record knows the vault by its place."""
    away.mkdir(exist_ok=True)
    for place in (site.vault, site.home):
        if place.exists():
            place.rename(away / f"{place.name}{time.monotonic_ns()}")
        subprocess.run(["cp", "-a", site.folder / "kept" / place.name, place], check=True)


@pytest.fixture
def four(after_four_runs: Site, tmp_path: Path) -> Site:
    put_back(after_four_runs, tmp_path / "before")
    return after_four_runs


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Killing:
    return killing_library(tmp_path_factory.mktemp("killing"))


def names(site: Site) -> list[str]:
    return [path.name for path in site.snapshots("siakad", "files")]


def plan(site: Site) -> dict[str, str]:
    """By name what becomes of each snapshot."""
    (document,) = site.tuibackup("retention", "siakad", "--json").json
    return {
        one["snapshot"].split("/")[2]: ("goes: " if one["goes"] else "stays: ") + "; ".join(one["reasons"])
        for one in document["snapshots"]
    }


def is_whole(site: Site, to: Path) -> None:
    """All that is there is good and read back, and the newest is what the server has."""
    listed = site.tuibackup("snapshots", "--json").json
    assert all(one["good"] and not one["lacks"] for one in listed)
    assert site.tuibackup("verify", "siakad").code == 0
    assert site.tuibackup("restore", "siakad/files/latest", "--to", str(to)).code == 0
    application = site.folder / "srv"
    source = next(path for path in to.rglob("new")).parent
    original = Path("/") / source.relative_to(to)
    assert differences(original, source) == "", application


def test_the_plan_has_a_reason_for_each_and_changes_nothing(four: Site) -> None:
    before = sorted(four.vault.rglob("*"))
    first, second, third, fourth = names(four)
    told = plan(four)
    today = date.today()
    assert told == {
        first: f"goes: newer good ones took its place, the newest is {fourth}",
        second: f"goes: newer good ones took its place, the newest is {fourth}",
        third: f"stays: {fourth} points into it",
        fourth: f"stays: newest good; newest of {today}, 1st of 1",
    }
    said = four.tuibackup("--read-only", "retention")
    assert said.code == 0
    assert f"× siakad/files/{first}" in said.out
    assert "2 of 4 snapshots go" in said.out
    room = four.tuibackup("--read-only", "status", "--long", "--json").json["room"]
    assert room["servers"]["siakad"]["snapshots"] == 4
    assert room["retention-frees"]["siakad"] > 0
    assert sorted(four.vault.rglob("*")) == before
    refused = four.tuibackup("retention", "--apply")
    assert refused.code == 1
    assert "do it in a terminal, or add --yes" in refused.err
    assert names(four) == [first, second, third, fourth]


def test_what_was_shown_goes_once_and_is_recorded_before_and_after(four: Site, tmp_path: Path) -> None:
    first, second, third, fourth = names(four)
    (document,) = four.tuibackup("retention", "--json").json
    free = shutil.disk_usage(four.vault).free
    (done,) = four.tuibackup("retention", "--apply", "--yes", "--json").json
    assert done["removed"] == [f"siakad/files/{second}", f"siakad/files/{first}"], "newest first"
    assert done["freed"] == document["frees"] > 0
    assert free >= 0
    assert names(four) == [third, fourth]
    assert list(four.vault.glob("*/*/.removing-*")) == []
    before, after = (
        one["body"] for one in four.tuibackup("log", "--json").json if one["kind"] == "retention"
    )
    assert before["removes"] == after["removed"] == done["removed"]
    assert after["outcome"] == "done"
    is_whole(four, tmp_path / "back")
    assert four.tuibackup("retention", "--apply", "--yes", "--json").json == []
    assert names(four) == [third, fourth]


@pytest.mark.long
@pytest.mark.parametrize(("typed", "left"), [("\r", 4), ("y\r", 2)])
def test_in_a_terminal_it_asks_and_the_default_is_no(four: Site, typed: str, left: int) -> None:
    with Terminal(
        [str(TUIBACKUP), "retention", "--apply"], four.environment(), cwd=four.home, columns=120
    ) as seat:
        seat.wait_for("remove that for good? [y/N]")
        seat.send(typed)
        seat.wait_for("nothing was removed" if left == 4 else "2 snapshots removed")
    assert len(names(four)) == left


@pytest.mark.long
def test_a_hold_protects_what_it_points_into_until_it_is_released(four: Site) -> None:
    first, second, _third, _fourth = names(four)
    spec = f"siakad/files/{second}"
    day = date.today() + timedelta(days=30)
    assert four.tuibackup("hold", spec, "--reason", "audit 2026", "--until", str(day)).code == 0
    assert plan(four)[second] == f"stays: held: audit 2026 (until {day})"
    assert plan(four)[first] == f"stays: {second} points into it"
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert len(names(four)) == 4
    (held,) = four.tuibackup("holds", "--json").json
    assert (held["snapshot"], held["reason"], held["until"], held["passed"]) == (
        spec,
        "audit 2026",
        str(day),
        False,
    )
    assert f"held: audit 2026 (until {day})" in four.tuibackup("snapshots").out
    assert "held: audit 2026" in four.tuibackup("ls", spec).err
    listed = {one["snapshot"]: one["held"] for one in four.tuibackup("snapshots", "--json").json}
    assert [name for name, hold in listed.items() if hold] == [spec]
    twice = four.tuibackup("hold", spec, "--reason", "another")
    assert twice.code == 2
    assert "is held already, by" in twice.err
    assert four.tuibackup("release", spec, "--reason", "audit is over").code == 0
    assert four.tuibackup("holds", "--json").json == []
    assert plan(four)[second].startswith("goes")
    bodies = [one["body"] for one in four.tuibackup("log", "--json").json if one["kind"] == "hold"]
    assert [(body["held"], body["reason"]) for body in bodies] == [
        (True, "audit 2026"),
        (False, "audit is over"),
    ]


@pytest.mark.long
def test_a_hold_outlives_a_lost_ledger(four: Site) -> None:
    _first, second, _third, _fourth = names(four)
    assert four.tuibackup("hold", f"siakad/files/{second}", "--reason", "court").code == 0
    for path in four.state.glob("ledger.sqlite*"):
        path.unlink()
    assert plan(four)[second] == "stays: held: court"
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert len(names(four)) == 4
    assert four.tuibackup("release", f"siakad/files/{second}", "--reason", "over").code == 0
    assert plan(four)[second].startswith("goes")


@pytest.mark.long
def test_an_end_that_has_passed_is_said_and_holds_all_the_same(four: Site) -> None:
    first, _second, _third, _fourth = names(four)
    assert (
        four.tuibackup("hold", f"siakad/files/{first}", "--reason", "x", "--until", str(date.today())).code
        == 0
    )
    note = four.vault / f"siakad/files/.held-{first}"
    for path in four.state.glob("ledger.sqlite*"):  # so that only the note is left, whose end can be changed
        path.unlink()
    note.write_text(note.read_text().replace(str(date.today()), "2026-01-31"))
    (held,) = four.tuibackup("holds", "--json").json
    assert held["passed"]
    passed = "until 2026-01-31, which has passed: tuibackup release lets it go"
    assert passed in plan(four)[first]
    assert passed in four.tuibackup("snapshots").out
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert first in names(four)


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hold", "siakad/files/latest", "--reason", " "), "--reason is empty"),
        (("hold", "siakad/files/latest", "--reason", "x", "--until", "tomorrow"), "write it as 2027-01-31"),
        (("hold", "siakad/files/latest", "--reason", "x", "--until", "2020-01-01"), "that day has passed"),
        (("hold", "siakad/files/2020-01-01T000000Z", "--reason", "x"), "no such snapshot"),
        (("hold", "siakad/files/latest"), "--reason"),
        (("release", "siakad/files/latest", "--reason", "x"), "is not held"),
        (("retention", "siakat"), "did you mean siakad?"),
        (("retention", "--apply", "--json"), "add --yes"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(after_four_runs: Site, words: tuple[str, ...], told: str) -> None:
    said = after_four_runs.tuibackup(*words)
    assert said.code == 2
    assert told in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.long
def test_a_run_that_has_the_server_is_left_alone(four: Site) -> None:
    with (four.vault / "siakad/.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = four.tuibackup("retention", "--apply", "--yes")
    assert said.code == 11
    assert "siakad is held by" in said.err
    assert len(names(four)) == 4


@pytest.mark.long
def test_what_changed_while_it_asked_is_told_and_nothing_goes(four: Site) -> None:
    first = names(four)[0]
    with Terminal(
        [str(TUIBACKUP), "retention", "--apply"], four.environment(), cwd=four.home, columns=120
    ) as seat:
        seat.wait_for("[y/N]")
        assert four.tuibackup("hold", f"siakad/files/{first}", "--reason", "just now").code == 0
        seat.send("y\r")
        seat.wait_for(
            "nothing was removed, because the plan has changed", f"siakad/files/{first}", "held: just now"
        )
    assert len(names(four)) == 4


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to leave its rights")
def test_an_account_without_rights_of_root_removes_and_is_told_where_it_may_not(four: Site) -> None:
    words = [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search,-fowner",
        "--inh-caps=-all",
        str(TUIBACKUP),
    ]
    words += ["retention", "--apply", "--yes"]
    (four.vault / "siakad/files").chmod(0o500)
    refused = subprocess.run(
        words, env=four.environment(), cwd=four.home, capture_output=True, text=True, check=False
    )
    (four.vault / "siakad/files").chmod(0o700)
    assert refused.returncode == 1
    assert "may not write" in refused.stderr or "chmod" in refused.stderr or "chown" in refused.stderr
    assert len(names(four)) == 4
    assert (
        subprocess.run(
            words, env=four.environment(), cwd=four.home, capture_output=True, check=False
        ).returncode
        == 0
    )
    assert len(names(four)) == 2


@pytest.mark.long
def test_the_cockpit_holds_releases_and_removes_after_a_second_question(four: Site) -> None:
    with Terminal([str(TUIBACKUP)], four.environment(), cwd=four.home, columns=120, rows=32) as seat:
        seat.wait_for("in time")
        seat.send("h")
        seat.wait_for("no snapshot is under the cursor")
        seat.send("\r")
        seat.wait_for("1 snapshots 4", "h hold")
        seat.send("j")
        seat.send("j")
        seat.send("h")
        seat.wait_for("Hold a snapshot")
        seat.send("audit 2026\r")
        seat.wait_for("held: audit 2026")
        assert len(four.tuibackup("holds", "--json").json) == 1
        seat.send("K")
        seat.wait_for("0 of 4 snapshots go", "held: audit 2026")
        seat.send("\r")  # nothing goes: it is no key now
        seat.send("\x1b")
        seat.wait_for("h hold")
        seat.send("h")
        seat.wait_for("Release a snapshot")
        seat.send("over\r")
        waited(lambda: four.tuibackup("holds", "--json").json == [])
        for answer, left in (("\r", 4), ("y", 2)):
            seat.send("K")
            seat.wait_for("2 of 4 snapshots go", "remove what goes")
            seat.send("\r")
            seat.wait_for("They are removed for good")
            seat.send(answer)
            if left == 4:
                seat.wait_for("h hold")
            waited(lambda left=left: len(names(four)) == left)  # type: ignore[misc]
        seat.wait_for("removed by a rule")
    refused = four.tuibackup("--read-only", "hold", "siakad/files/latest", "--reason", "x")
    assert refused.code == 2


def waited(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.long
def test_what_is_being_restored_stays_with_what_it_needs(
    four: Site, killing: Killing, tmp_path: Path
) -> None:
    first, second, third, fourth = names(four)
    to = tmp_path / "back"
    stopping = killing.environment(to, 1, number=signal.SIGSTOP)
    words = [str(TUIBACKUP), "restore", f"siakad/files/{second}", "--to", str(to)]
    restore = subprocess.Popen(
        words, env=four.environment(stopping), cwd=four.home, stdout=subprocess.DEVNULL
    )
    waited(lambda: bool(killing.operations))
    assert "it is being read now" in plan(four)[second]
    assert plan(four)[first] == f"stays: {second} points into it"
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert names(four) == [first, second, third, fourth]
    (job,) = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_job_of(pid, to)]
    os.kill(job, signal.SIGCONT)
    assert restore.wait(60) == 0
    assert four.tuibackup("retention", "--apply", "--yes").code == 0
    assert names(four) == [third, fourth]


def _is_job_of(pid: int, to: Path) -> bool:
    """Whether it is the stopped process whose operations below that folder are counted."""
    try:
        comm = Path(f"/proc/{pid}/comm").read_text().strip()
        return comm == "tuibackup-job" and f"KILL_UNDER={to}" in Path(f"/proc/{pid}/environ").read_text()
    except (OSError, UnicodeDecodeError):
        return False


@pytest.mark.long
def test_two_at_the_same_time_remove_what_one_would(four: Site) -> None:
    _first, _second, third, fourth = names(four)
    both = [four.start("retention", "--apply", "--yes") for _ in range(2)]
    codes = sorted(one.wait(60) for one in both)
    assert codes[0] == 0
    assert codes[1] in (0, 1, 11)
    assert names(four) == [third, fourth]


def killed_at(site: Site, killing: Killing, number: int, place: Path) -> None:
    """Killed before that operation: what is kept is whole, and what was begun is finished by the next start."""
    put_back(site, place / "before")
    _first, _second, third, fourth = names(site)
    site.tuibackup("retention", "--apply", "--yes", env=killing.environment(site.folder, number))
    assert (
        len(killing.operations) >= number
    )  # more, where the command had time to record that its job was killed
    assert {third, fourth} <= set(names(site)), killing.operations[-1]
    assert site.tuibackup("status", "--json").code in (0, 3, 4)
    assert list(site.vault.glob("*/*/.removing-*")) == [], killing.operations[-1]
    is_whole(site, place / f"back{number}")
    assert site.tuibackup("retention", "--apply", "--yes").code == 0
    assert names(site) == [third, fourth], killing.operations[-1]


def operations(site: Site, killing: Killing) -> list[str]:
    assert site.tuibackup("retention", "--apply", "--yes", env=killing.environment(site.folder, 0)).code == 0
    return killing.operations


def test_killed_while_it_deletes(four: Site, killing: Killing, tmp_path: Path) -> None:
    done = operations(four, killing)
    renames = [number for number, line in enumerate(done, 1) if " rename " in line and "/files/2" in line]
    deletes = [number for number, line in enumerate(done, 1) if " unlink " in line and "/.removing-" in line]
    assert len(renames) == 2
    assert deletes
    killed_at(four, killing, deletes[len(deletes) // 2], tmp_path)


@pytest.mark.long
@pytest.mark.timeout(900)  # a dozen commands for each of ten kills
@pytest.mark.parametrize("part", range(8))
def test_killed_before_every_operation(four: Site, killing: Killing, tmp_path: Path, part: int) -> None:
    for number in range(1 + part, 1 + len(operations(four, killing)), 8):
        killed_at(four, killing, number, tmp_path)
