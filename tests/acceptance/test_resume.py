"""A connection that is cut, a run that is killed or stopped: what came whole is not fetched again.

Between tuibackup and the server stands a line that these tests cut. Files are random bytes, so that what came over
the line can be compared with what there was to fetch.
"""

import filecmp
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.line import Line
from tests.terminal import Terminal
from tests.ticking import ticking_ahead
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.run.process.child import NAME

MB = 1_000_000
HELLO = 60_000  # bytes at most for a login, the probe and the ends of channels
SETTINGS = '[sop]\nconnect_within = "{} seconds"\n'


@pytest.fixture
def line(sshd: PrivateSshd) -> Iterator[Line]:
    with Line(sshd.port) as line:
        yield line


@pytest.fixture
def site_over(site: Site, sshd: PrivateSshd, line: Line, tmp_path: Path) -> Callable[..., Path]:
    """Configures siakad behind the line; returns its folder."""

    def configure(*folders: Path, patience: int = 60) -> Path:
        root = tmp_path / "server/srv"
        root.mkdir(parents=True, exist_ok=True)
        site.settings = SETTINGS.format(patience)
        site.add("siakad", sshd, folders or [root])
        site.servers["siakad"] = site.servers["siakad"].replace(f"port = {sshd.port}", f"port = {line.port}")
        with (site.home / ".ssh/known_hosts").open("a") as known:
            known.writelines(
                one.replace(f":{sshd.port} ", f":{line.port} ") + "\n" for one in sshd.known_hosts_lines
            )
        site.write_config()
        return root

    return configure


def random_files(folder: Path, number: int, size: int, name: str = "small") -> int:
    """`number` files of `size` random bytes; the bytes of all."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in range(number):
        (folder / f"{name}-{one:04}").write_bytes(os.urandom(size))
    return number * size


@pytest.fixture
def sshd(ticking: PrivateSshd) -> PrivateSshd:
    return ticking


def settle(site: Site) -> None:
    """What is younger than two seconds when it is listed might change unseen, and is fetched again by the next run."""
    ticking_ahead(site.folder, 10)


def members(snapshot: Path) -> Counter[str]:
    """How often each file lies in the snapshot's own archives."""
    found: Counter[str] = Counter()
    for archive in snapshot.glob("*.tar.zst"):
        listed = subprocess.run(
            ["tar", "--zstd", "-tf", archive], capture_output=True, text=True, check=True
        ).stdout
        found.update(listed.splitlines())
    return found


def nothing_twice(snapshot: Path, root: Path) -> None:
    """Every file below `root` lies in the snapshot's own archives, once."""
    files = {str(path)[1:] for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    found = members(snapshot)
    assert set(found) == files
    assert set(found.values()) == {1}, [name for name, times in found.items() if times > 1]


def progress(said: Said) -> list[dict[str, Any]]:
    """What was told while files came (not of the look at what was stored)."""
    return [
        event
        for event in said.events
        if event["event"] == "step-progress"
        and "items-total" in event
        and not event.get("current", "").startswith("checking ")
    ]


def restores(site: Site, root: Path, name: str = "restored") -> None:
    """The newest snapshot equals the source."""
    target = site.folder / name
    said = site.tuibackup("restore", "siakad/files/latest", "--to", str(target), timeout=600)
    assert said.code == 0, said.err
    same(root, target / str(root)[1:])


def verifies(site: Site) -> None:
    """Every byte of every snapshot is proven."""
    said = site.tuibackup("verify", "siakad", timeout=600)
    assert said.code == 0, said.out + said.err


def same(one: Path, other: Path) -> None:
    compared = filecmp.dircmp(one, other)
    assert not compared.left_only + compared.right_only + compared.funny_files
    _, mismatch, errors = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
    assert not mismatch + errors
    for name in compared.common_dirs:
        same(one / name, other / name)


def done_after_cuts(said: Said, cuts: int) -> dict[str, Any]:
    """The run is done, says how often the line was cut, and left nothing."""
    finished = said.finished
    assert finished["outcome"] == "done", said.out + said.err
    lost = [event for event in said.events if event["event"] == "run-note" and "lost" in event["text"]]
    assert len(lost) == cuts
    words = "reconnected once" if cuts == 1 else f"reconnected {cuts} times"
    assert words in finished["files"]["detail"]
    return finished


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that in time")


# The connection is lost, and comes back


@pytest.mark.long
def test_cut_during_the_inventory(site: Site, line: Line, site_over: Callable[..., Path]) -> None:
    root = site_over()
    for number in range(3000):
        (root / f"{'a-long-name-' * 8}{number:05}").touch()
    line.cuts = [200_000]
    said = site.tuibackup("run", "siakad", "--json")
    assert done_after_cuts(said, 1)["files"]["items"] == 3000
    restores(site, root)


@pytest.mark.long
def test_cut_in_a_small_file_and_several_times(
    site: Site, line: Line, site_over: Callable[..., Path]
) -> None:
    root = site_over()
    size = random_files(root / "a", 30, MB // 4)
    random_files(root / "b", 5, 100)
    line.cuts = [1 * MB, 2 * MB, 3 * MB]
    said = site.tuibackup("run", "siakad", "--json")
    done_after_cuts(said, 3)
    (snapshot,) = site.snapshots("siakad", "files")
    nothing_twice(snapshot, root)
    # Each cut file comes again, and what was on its way through pipes and packets is lost.
    assert line.bytes <= size + 3 * (MB // 4 + HELLO) + HELLO + 3 * MB // 4
    assert site.incoming() == []
    assert len(list(snapshot.glob("*.tar.zst"))) == 4, "a part for each connection"
    steps = progress(said)
    assert {step["items-total"] for step in steps} == {35}
    for before, after in pairwise(steps):
        assert after["items"] >= before["items"]
        assert after["bytes"] >= before["bytes"] - MB // 4, "no further back than the file that was cut"
    restores(site, root)
    verifies(site)


@pytest.mark.parametrize(
    "large", [60 * MB, pytest.param(2000 * MB, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_cut_in_a_large_file_fetches_only_that_again(
    site: Site, line: Line, site_over: Callable[..., Path], large: int
) -> None:
    root = site_over()
    before = random_files(root, 10, MB, "a")
    random_files(root, 1, large, "b")
    after = random_files(root, 10, MB, "c")
    line.cuts = [before + large // 2]
    said = site.tuibackup("run", "siakad", "--json", timeout=600)
    done_after_cuts(said, 1)
    (snapshot,) = site.snapshots("siakad", "files")
    nothing_twice(snapshot, root)
    assert line.came[1] < line.came[0] + large + after, (
        "the small ones that came before are not fetched again"
    )
    restores(site, root)
    verifies(site)


@pytest.mark.long
def test_cut_at_the_very_end(site: Site, line: Line, site_over: Callable[..., Path]) -> None:
    root = site_over()
    size = random_files(root, 8, MB)
    whole = measured(site, line)
    random_files(root, 8, MB)  # others of the same size
    line.cuts = [*([1 << 40] * len(line.came)), whole - 2_000]
    said = site.tuibackup("run", "siakad", "--full", "--json")
    done_after_cuts(said, 1)
    nothing_twice(site.snapshots("siakad", "files")[-1], root)
    assert line.came[-1] < size / 2
    restores(site, root)


def measured(site: Site, line: Line) -> int:
    """The bytes of a whole run."""
    before = line.bytes
    assert site.tuibackup("run", "siakad").code == 0
    return line.bytes - before


@pytest.mark.long
def test_the_terminal_shows_that_it_tries_again_and_a_passphrase_is_not_asked_for_twice(
    site: Site, line: Line, sshd: PrivateSshd, site_over: Callable[..., Path], tmp_path: Path
) -> None:
    root = site_over()
    random_files(root, 4, MB)
    key = tmp_path / "locked_key"
    key.write_bytes(sshd.client_key.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "planted-phrase", "-f", key], check=True)
    site.servers["siakad"] = site.servers["siakad"].replace(str(sshd.client_key), str(key))
    site.write_config()
    line.cuts, line.goes_after_cut = [2 * MB], True
    with Terminal(
        [str(TUIBACKUP), "run", "siakad"], site.environment(), columns=150, cwd=site.home
    ) as terminal:
        terminal.wait_for("locked_key")
        terminal.send("planted-phrase\r")
        terminal.wait_for("► 2 download", "connection lost, trying again in 2 s (2)", seconds=60)
        line.goes_after_cut = False
        line.open()
        terminal.wait_for("connection lost: trying again", "connected again after", seconds=60)
        assert terminal.wait(60) == 0, terminal.text
        assert b"planted-phrase" not in terminal.raw
    restores(site, root)


# It does not come back, or the run ends


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


def kill(journal: Path) -> None:
    """End the run's own process as the kernel would when memory is short."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            held = [os.readlink(one) for one in folder.iterdir()]
            if str(journal) in held and (folder.parent / "comm").read_text() == f"{NAME}\n":
                os.kill(int(folder.parent.name), signal.SIGKILL)
        except OSError:
            continue


def notes(said: Said) -> str:
    return "\n".join(event["text"] for event in said.events if event["event"] == "run-note")


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
    assert site.tuibackup("run", "siakad").code == 0
    assert site.snapshots("siakad", "files")[-1] != snapshot


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
