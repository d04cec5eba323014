"""--read-only holds for every command: what looks works and leaves no trace, what changes anything refuses."""

import shutil
import time
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.mounting import mounted
from tests.acceptance.site import TUIBACKUP, Site
from tests.terminal import Terminal
from tuibackup.demo.sshd import PrivateSshd

FILES = "siakad/files/latest"
READING = (
    ["status"], ["log"], ["snapshots"], ["ls", FILES], ["find", "index.php"], ["check"], ["run", "siakad", "--dry-run"],
)  # fmt: skip
LOOKING = (
    *READING, ["status", "--json"], ["log", "--all", "--json"], ["snapshots", "siakad"],
    ["ls", "siakad/databases/latest"], ["follow"], ["find", "akademik.*", "--json"], ["diff", FILES, FILES],
    ["cat", "siakad/databases/latest", "akademik.nilai"], ["check", "siakad"], ["run", "--overdue", "--dry-run"],
)  # fmt: skip
CHANGING = (
    ["run", "siakad"], ["run", "--all"], ["run", "--overdue", "--detach"], ["stop", "siakad"], ["verify"],
    ["verify", FILES], ["drill", "siakad"], ["restore", FILES, "--to", "back"],
    ["restore", "siakad/databases/latest", "--database", "akademik", "--into", "siakad"],
    ["trust", "siakad"], ["demo", "--headless"],
)  # fmt: skip


def tree(*folders: Path) -> dict[str, object]:
    """Everything below `folders`: kind, mode, time and content."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp) -> Site:
    backed_up.copy_to(site)
    return site


def verify(site: Site) -> None:
    """Verify, and wait until the process that did it has tidied up, which may be after its command has ended."""
    assert site.tuibackup("verify", FILES).code == 0
    deadline = time.monotonic() + 60
    while left := list((site.state / "runs").glob("[0-9]*.*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("recorded", "looking"),
    [
        pytest.param(True, READING, id="with a ledger"),
        pytest.param(True, LOOKING, id="with a ledger, every form", marks=pytest.mark.long),
        pytest.param(False, LOOKING, id="without a state folder", marks=pytest.mark.long),
    ],
)
def test_what_looks_works_and_leaves_no_trace(
    siakad: Site, recorded: bool, looking: tuple[list[str], ...]
) -> None:
    if recorded:
        verify(siakad)
    before = tree(siakad.home, siakad.vault)
    for number, words in enumerate(looking):
        before_or_behind = ["--read-only", *words] if number % 2 else [words[0], "--read-only", *words[1:]]
        said = siakad.tuibackup(*before_or_behind)
        assert said.code in (0, 3), (words, said)
        assert "internal error" not in said.err
        assert tree(siakad.home, siakad.vault) == before, words
    assert "fresh" in siakad.tuibackup("status", "--read-only").out, "the vault tells what no ledger does"


def test_what_changes_anything_refuses_in_a_line(siakad: Site) -> None:
    before = tree(siakad.home, siakad.vault)
    for words in CHANGING:
        said = siakad.tuibackup("--read-only", *words)
        assert said.code == 2, words
        assert said.out == ""
        assert said.err == (
            f"tuibackup: --read-only: {words[0]} would change something; leave --read-only out\n"
        )
    assert siakad.tuibackup("run", "siakad", "--read-only").code == 2, "behind the command too"
    assert tree(siakad.home, siakad.vault) == before


@pytest.mark.long
def test_it_works_on_disks_that_are_mounted_read_only(siakad: Site) -> None:
    verify(siakad)
    with (
        mounted(siakad.home, "--bind", "-o", "ro", str(siakad.home)),
        mounted(siakad.vault, "--bind", "-o", "ro", str(siakad.vault)),
    ):
        for words in READING:
            said = siakad.tuibackup("--read-only", *words)
            assert said.code in (0, 1 if words[0] == "check" else 3), (words, said)
        assert "verify" in siakad.tuibackup("log", "--read-only").out


def test_no_host_key_is_accepted(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application], trusted=False)
    said = site.tuibackup("check", "siakad", "--read-only", stdin="yes\n")
    assert said.code == 1
    assert "its host key is not known" in said.out
    assert not site.state.exists()


def test_a_vault_of_nobody_yet_stays_an_empty_folder(site: Site) -> None:
    shutil.rmtree(site.state, ignore_errors=True)
    for words in (["status"], ["check"], ["log"], ["run", "--overdue", "--dry-run"]):
        site.tuibackup("--read-only", *words)
    assert list(site.vault.iterdir()) == []
    assert not site.state.exists()


@pytest.mark.long
def test_the_cockpit_leaves_no_trace_either(siakad: Site) -> None:
    verify(siakad)
    before = tree(siakad.home, siakad.vault)
    words = [str(TUIBACKUP), "--read-only"]
    with Terminal(words, siakad.environment(), columns=100, rows=30, cwd=siakad.home) as seat:
        seat.wait_for("siakad", "fresh", "quit")
        seat.send("b")
        seat.wait_for("read-only")
        seat.send("4")
        seat.wait_for("verify")
        seat.send("q")
        assert seat.wait() == 0
    assert tree(siakad.home, siakad.vault) == before
