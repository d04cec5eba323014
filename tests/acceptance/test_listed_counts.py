"""The verdict counts what the server listed, not what could be stored of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Said, Site
from tests.toolboxes import only, toolbox
from tuibackup.demo.sshd import PrivateSshd

YEAR_2446 = 15_032_385_535  # the last second of ext4
YEAR_1500 = -14_816_000_000


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where a name may have any time."""
    place = Path("/dev/shm") / f"tuibackup-times-{os.getpid()}"
    place.mkdir(mode=0o755)
    yield place
    subprocess.run(["rm", "-rf", place], check=True)


def reasons(said: Said) -> dict[str, str]:
    return {e["subject"].rpartition("/")[2]: e["reason"] for e in said.events if e["event"] == "step-finding"}


@pytest.mark.parametrize(
    "busybox", [pytest.param(False, id="gnu"), pytest.param(True, id="busybox", marks=pytest.mark.long)]
)
@pytest.mark.long
def test_times_that_cannot_be_stored_take_nothing_with_them(site: Site, memory: Path, busybox: bool) -> None:
    for folder, time in (("late", YEAR_2446), ("early", YEAR_1500), ("plain", 1_700_000_000)):
        (memory / "app" / folder).mkdir(parents=True)
        for number in range(20):
            (memory / "app" / folder / f"file-{number}").write_text(f"{folder} {number}")
        os.utime(memory / "app" / folder, (time, time))
    os.utime(memory / "app/late/file-0", (YEAR_2446, YEAR_2446))
    force = only(toolbox(site.folder / "tools", busybox=busybox))
    with PrivateSshd(site.folder / "sshd", force_command=force) as sshd:
        site.add("s", sshd, [memory / "app"])
        said = site.tuibackup("run", "s", "--json")
        again = site.tuibackup("run", "s", "--json")
    for one in (said, again):
        assert one.code == 3
        assert one.finished["files"]["whole"]
        assert one.finished["files"]["items"] == 60
        assert reasons(one) == {
            "late": "is dated in the year 2446; the nearest day that can be stored is 11 April 2262",
            "file-0": "is dated in the year 2446; the nearest day that can be stored is 11 April 2262",
            "early": "is dated in the year 1500; the nearest day that can be stored is 21 September 1677",
        }
    by_script, by_us = site.folder / "by-script", site.folder / "by-us"
    script = site.snapshots("s", "files")[-1] / "restore.sh"
    subprocess.run(["sh", script, by_script], check=True, capture_output=True)
    assert site.tuibackup("restore", "s/files/latest", "--to", str(by_us)).code == 0
    for target in (by_script, by_us):
        place = Path(f"{target}{memory}/app")
        assert len(list(place.rglob("file-*"))) == 60
        assert int((place / "late").stat().st_mtime) == (1 << 63) // 1_000_000_000
    drilled = site.tuibackup("drill", "s/files/latest")
    assert drilled.code != 1, drilled.out + drilled.err


@pytest.mark.long
def test_names_that_cannot_be_stored_count_as_missing(site: Site) -> None:
    app = site.folder / "app"
    app.mkdir()
    (app / "few").write_text("x")
    long = f"{'d' * 250}/" * 17  # too long a path for anybody to restore
    script = (
        "import os, sys\nfor name in sys.argv[1].split('/')[:-1]: os.mkdir(name); os.chdir(name)\n"
        "for number in range(30): open(f'file-{number}', 'w').write('y')"
    )
    subprocess.run([sys.executable, "-c", script, long], cwd=app, check=True)
    with PrivateSshd(site.folder / "sshd") as sshd:
        site.add("s", sshd, [app])
        said = site.tuibackup("run", "s", "--json")
        dry = site.tuibackup("run", "s", "--dry-run")
    assert said.code == 3
    assert "whole" not in said.finished["files"]
    assert reasons(said)["app"] == "more than half of it could not be read: 1 of 31 files, 1 B of 31 B"
    assert site.tuibackup("status").code == 4
    assert "more than half of it could not be read" in dry.out
