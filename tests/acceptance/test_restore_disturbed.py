"""A restore onto a server whose disk fills, whose folder others use, or which falls silent: said in one plain line,
nothing of theirs is touched, and going on works.
"""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.jobs import process_of
from tests.acceptance.mounting import mounted
from tests.acceptance.resumed import random_files, same
from tests.acceptance.site import Said, Site
from tests.toolboxes import BUSYBOX, acting, only, toolbox
from tuibackup.demo.sshd import PrivateSshd

FILES = "siakad/files/latest"
# A server whose df promises more than there is: a quota does the same.
LYING = 'echo "x 1 1 99999999 1% /"'


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    top = place / "server/srv"
    random_files(top, 40, 200_000)
    random_files(top / "below", 40, 1000, "tiny")
    return top


@pytest.fixture(scope="module")
def vault(source: Path, sshd: PrivateSshd, tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("once"))
    site.add("siakad", sshd, [source])
    assert site.tuibackup("run", "siakad").code == 0
    return site


@pytest.fixture
def siakad(site: Site, vault: Site) -> Site:
    vault.copy_to(site)
    return site


def restored(site: Site, into: str, code: int) -> Said:
    said = site.tuibackup("restore", FILES, "--into", into)
    assert said.code == code, said.out + said.err
    if code not in (0, 3):
        assert len(said.err.strip().splitlines()) == 1, said.err
    return said


@pytest.mark.long
@pytest.mark.parametrize("tools", ["gnu", "busybox"])
@pytest.mark.parametrize("what", ["bytes", "names", "the first"])
def test_a_disk_that_fills_is_cleared_again_and_the_next_try_works(
    siakad: Site, source: Path, place: Path, tmp_path: Path, tools: str, what: str
) -> None:
    if tools == "busybox" and not BUSYBOX.exists():
        pytest.skip("busybox is not installed")
    small = place / f"small-{tools}-{what}"
    small.mkdir()
    box = toolbox(tmp_path / "tools", busybox=tools == "busybox", scripts={"df": LYING})
    size = {"bytes": "size=3m", "names": "size=90m,nr_inodes=60", "the first": "size=64k"}[what]
    with (
        mounted(small, "-t", "tmpfs", "-o", size, "tmpfs"),
        PrivateSshd(tmp_path / "sshd", force_command=only(box)) as server,
    ):
        if what == "the first":
            (small / "theirs").write_bytes(os.urandom(64 << 10))
        siakad.add("penuh", server, ["/srv"])
        said = restored(siakad, f"penuh:{small}/back", 1)
        if what != "the first":
            assert "is full" in said.err
            assert "removed again" in said.err
        assert not (small / "back").exists(), said.err
        assert len(list(small.iterdir())) == (what == "the first"), "theirs stays"
        subprocess.run(["mount", "-o", "remount,size=90m,nr_inodes=900", small], check=True)
        restored(siakad, f"penuh:{small}/back", 0 if tools == "gnu" else 3)
        same(source, Path(f"{small}/back{source}"))


@pytest.mark.long
def test_a_folder_that_appears_between_the_look_and_the_making_is_left_alone(
    siakad: Site, place: Path, tmp_path: Path
) -> None:
    new = place / "appears"
    between = f'case " $* " in *" {new} "*) $REAL "{new}"; echo mine >"{new}/mine";; esac; exec $REAL "$@"'
    with acting(tmp_path / "acting", "mkdir", between) as server:
        siakad.add("rebut", server, ["/srv"])
        said = restored(siakad, f"rebut:{new}", 2)
    assert "that folder exists already" in said.err
    assert [path.name for path in new.iterdir()] == ["mine"]


@pytest.mark.long
def test_two_at_once_into_one_folder_are_one(siakad: Site, source: Path, place: Path, tmp_path: Path) -> None:
    new = place / "both"
    with acting(tmp_path / "slow", "tar", SLOW) as server:
        siakad.add("dua", server, ["/srv"])
        first = siakad.tuibackup("restore", FILES, "--into", f"dua:{new}", "--detach").out.strip()
        process_of(siakad, first)
        said = restored(siakad, f"dua:{new}", 11)
        assert "another restore writes into" in said.err
        (tmp_path / "slow/fast").touch()
        assert siakad.tuibackup("follow", first).code == 0
    same(source, Path(f"{new}{source}"))
    assert stat.S_IMODE(new.stat().st_mode) == 0o755


@pytest.mark.long
def test_one_that_was_killed_leaves_no_lock(siakad: Site, source: Path, place: Path, tmp_path: Path) -> None:
    new = place / "killed"
    with acting(tmp_path / "slow", "tar", SLOW) as server:
        siakad.add("mati", server, ["/srv"])
        first = siakad.tuibackup("restore", FILES, "--into", f"mati:{new}", "--detach").out.strip()
        os.kill(process_of(siakad, first), signal.SIGKILL)
        (tmp_path / "slow/fast").touch()
        restored(siakad, f"mati:{new}", 0)
    same(source, Path(f"{new}{source}"))


# Waits with what comes until it is told to be fast.
SLOW = (
    'case " $* " in *" -x "*) here=${0%/tools/tar}; while [ ! -e "$here/fast" ]; do sleep 0.05; done;; esac;'
    ' exec $REAL "$@"'
)


@pytest.mark.long
def test_a_name_that_would_steer_the_terminal_is_shown_harmless(
    siakad: Site, source: Path, place: Path, tmp_path: Path
) -> None:
    """Of the folder restored into, wherever it is named: each line is one line, and no escape comes through."""
    odd = "od\nd\x1b[31m"
    one = f"{source}/small-0000"
    for where in (("--to", f"{tmp_path}/{odd}"), ("--into", f"siakad:{place}/{odd}")):
        for more in (["--dry-run"], []):
            said = siakad.tuibackup("restore", FILES, one, *where, *more)
            assert said.code == 0, said.out + said.err
            assert "od\\x0ad\\x1b[31m" in said.out
            assert "\x1b" not in said.out + said.err
        again = siakad.tuibackup("restore", FILES, one, *where)
        assert "\x1b" not in again.out + again.err
        for words in (["log"], ["log", "--kind", "restore"], ["follow", siakad.jobs[0].stem], ["status"]):
            said = siakad.tuibackup(*words)
            assert "\x1b" not in said.out + said.err, words
            assert "\nd" not in said.out + said.err, words
    err = siakad.tuibackup("restore", FILES, "--to", f"{tmp_path}/file\x1b[31m/x/../y").err
    assert "\x1b" not in err
