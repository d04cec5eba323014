"""Another account of this machine gets at nothing, and leads no restore astray: tried as a real second user."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.backedup import BackedUp
from tests.acceptance.site import TUIBACKUP, Site
from tests.acceptance.slow import go_on
from tests.run.process.waiting import until

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def as_nobody(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*NOBODY, *words], capture_output=True, text=True, check=False, cwd="/")


def open_to_others(*places: Path) -> list[str]:
    """What lies below these places, and another account could open."""
    return [
        f"{path}: {path.lstat().st_mode:o}"
        for place in places
        for path in (place, *place.rglob("*"))
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


@pytest.mark.long
def test_nothing_is_open_to_others_while_a_run_goes_on_and_after(slow: Site) -> None:
    """Whatever umask the operator has."""
    command = subprocess.Popen(
        ["sh", "-c", f"umask 0; exec {TUIBACKUP} run siakad --only files"],
        env=slow.environment(),
        cwd=slow.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: any(slow.vault.glob("siakad/.incoming-*/files/*")), "the run has begun to write")
    assert open_to_others(*slow.vault.iterdir(), slow.state) == []
    go_on(slow)
    assert command.wait(60) == 0
    said = slow.tuibackup("verify", "siakad")
    assert said.code == 0
    assert open_to_others(*slow.vault.iterdir(), slow.state) == []


@pytest.fixture
def siakad(site: Site, backed_up: BackedUp) -> Site:
    backed_up.copy_to(site)
    return site


@pytest.fixture
def open_place(place: Path) -> Iterator[Path]:
    """A folder like /tmp, but without the kernel's protection of links, and one that only root may write."""
    folder = place / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    (place / "closed").mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)
    shutil.rmtree(place / "closed")


@pytest.mark.parametrize("clock", ["files", pytest.param("databases", marks=pytest.mark.long)])
def test_a_link_of_another_account_leads_no_restore_away(siakad: Site, open_place: Path, clock: str) -> None:
    closed = open_place.parent / "closed"
    target = open_place / "back"
    assert as_nobody("ln", "-s", closed, target).returncode == 0
    for to in (target, target / "below"):
        said = siakad.tuibackup("restore", f"siakad/{clock}/latest", "--to", str(to))
        assert said.code == 1
        assert "is a link that nobody has made" in said.out + said.err
        assert list(closed.iterdir()) == []
    mine = open_place / "mine"
    mine.symlink_to(closed)
    assert siakad.tuibackup("restore", f"siakad/{clock}/latest", "--to", str(mine)).code == 0, (
        "our own is meant"
    )


def test_the_script_restores_into_no_folder_of_another_account(siakad: Site, open_place: Path) -> None:
    """Its owner could put links into it while tar writes there."""
    target = open_place / "back"
    assert as_nobody("mkdir", target).returncode == 0
    (snapshot,) = siakad.snapshots("siakad", "files")
    done = subprocess.run(
        ["sh", snapshot / "restore.sh", target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "belongs to another account" in done.stderr
    assert list(target.iterdir()) == []


@pytest.mark.long
def test_folders_that_are_replaced_by_links_meanwhile_lead_nowhere(siakad: Site, open_place: Path) -> None:
    """The owner of the folder replaces each folder in it by a link, again and again, while files are written there."""
    closed, target = open_place.parent / "closed", open_place / "back"
    assert as_nobody("mkdir", "-m", "777", target).returncode == 0
    swap = (
        f"cd {target} && while :; do for one in *; do [ -L $one ] || "
        f"{{ mv $one .away.$$.$one; ln -s {closed} $one; rm -f $one; mv .away.$$.$one $one; }}; done; done"
    )
    attacker = subprocess.Popen([*NOBODY, "sh", "-c", swap], stderr=subprocess.DEVNULL)
    try:
        for _ in range(3):
            siakad.tuibackup("restore", "siakad/files/latest", "--to", str(target), "--existing", "always")
    finally:
        attacker.kill()
        attacker.wait()
    assert list(closed.iterdir()) == []
