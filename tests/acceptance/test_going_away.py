"""A terminal that goes away, a reader that has read enough, a full disk behind `>`: none of them is a crash of ours."""

import subprocess
from collections.abc import Sequence

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import TUIBACKUP, Site
from tests.acceptance.slow import go_on
from tests.terminal import Terminal

COMMANDS = {
    "status": "status",
    "status-json": "status --json",
    "log": "log",
    "snapshots": "snapshots",
    "ls": "ls siakad/files/latest",
    "verify": "verify",
    "check": "check",
    "follow": "follow siakad",
    "stop": "stop siakad",
    "trust": "trust siakad",
    "run": "run siakad --only files",
    "dry-run": "run --all --dry-run",
    "due": "run --due",
    "restore": "restore siakad/files/latest --to back-$RANDOM",
    "drill": "drill siakad/files/latest",
    "cockpit": "",
    "help": "--help",
}
WAYS = ["| true", "| head -1", "2>&1 | true", "2>&-", ">&-", "</dev/null", "<&-", ">/dev/full", "2>/dev/full"]
SENSIBLE = {0, 1, 2, 3, 4, 129, 130, 141}
QUICK = ("status",)
FEW = ("| true", "2>&1 | true", ">&-", ">/dev/full")  # by default: of each kind one
LONG = [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in COMMANDS]


@pytest.fixture
def used(site: Site, backed_up: BackedUp) -> Site:
    """A site with a vault that holds something, and a record of one run."""
    backed_up.copy_to(site)
    return site


def no_crash(site: Site) -> None:
    crashes = [path.read_text() for path in (site.state / "crash").glob("*")]
    assert crashes == [], "called an internal error"


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        pytest.param("status", FEW, id="status"),
        *(pytest.param(name, WAYS, id=f"{name}, every way", marks=pytest.mark.long) for name in COMMANDS),
    ],
)
def test_nobody_reads_what_a_command_prints(used: Site, name: str, ways: Sequence[str]) -> None:
    for way in ways:
        command = f"{TUIBACKUP} {COMMANDS[name]} {way}; exit ${{PIPESTATUS[0]}}"
        ended = subprocess.run(
            ["bash", "-c", command],
            env=used.environment(),
            cwd=used.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            text=True,
            check=False,
        )
        assert ended.returncode in SENSIBLE, f"{name} {way}: {ended.stderr}"
        for word in ("Traceback", "internal error", "Exception", "Broken pipe"):
            assert word not in ended.stdout + ended.stderr, f"{name} {way}"
        if way == ">/dev/full" and name in ("status", "verify", "snapshots", "ls", "drill", "help"):
            assert ended.returncode == 1
            assert "the output cannot be written: No space left on device" in ended.stderr
    no_crash(used)


@pytest.mark.parametrize(
    "deaf",
    [pytest.param(False, id="hung-up"), pytest.param(True, id="input-output-error", marks=pytest.mark.long)],
)
@pytest.mark.parametrize("name", LONG)
def test_a_terminal_goes_away_under_a_command(used: Site, name: str, deaf: bool) -> None:
    """With SIGHUP, as after a broken line; and where that is ignored (nohup) with EIO from whatever is written."""
    begin = "trap '' HUP; " if deaf else ""
    words = ["bash", "-c", f"{begin}echo begun; exec {TUIBACKUP} {COMMANDS[name]}"]
    with Terminal(words, used.environment(), cwd=used.home) as terminal:
        terminal.wait_for("begun")
        terminal.hang_up()
        code = terminal.wait(60)
    assert code in SENSIBLE | {-1}
    if deaf and name in ("status", "log", "snapshots", "ls", "verify", "help"):
        assert code == 129
    no_crash(used)


@pytest.mark.long
def test_a_terminal_that_goes_away_in_the_middle_leaves_the_run_alone(
    slow: Site,
) -> None:
    """`run` and `follow` go, deaf to SIGHUP too; the run does not."""
    for words in ("run siakad", "follow siakad"):
        line = ["sh", "-c", f"trap '' HUP; exec {TUIBACKUP} {words}"]
        with Terminal(line, slow.environment(), cwd=slow.home) as terminal:
            terminal.wait_for("2 download")
            terminal.hang_up()
            assert terminal.wait() == 129
    go_on(slow)
    assert slow.tuibackup("follow", "siakad", "--json").finished["outcome"] == "done"
    no_crash(slow)


@pytest.mark.long
@pytest.mark.parametrize("way", ["| head -1", "hung-up"])
def test_the_demo_goes_with_its_terminal_and_leaves_nothing(site: Site, way: str) -> None:
    command = f"{TUIBACKUP} demo --headless"
    words = (
        f"trap '' HUP; exec {command}" if way == "hung-up" else f"{command} {way}; exit ${{PIPESTATUS[0]}}"
    )
    with Terminal(
        ["bash", "-c", words], site.environment({"TMPDIR": str(site.home)}), cwd=site.home
    ) as terminal:
        terminal.wait_for("starting", seconds=60)
        if way == "hung-up":
            terminal.hang_up()
        assert terminal.wait(180) in (0, 129, 141)
    no_crash(site)
