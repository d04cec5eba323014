"""What somebody removed from the vault is no backup any more, whatever the record says."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.acceptance.conftest import make_application
from tests.acceptance.site import TUIBACKUP, Site
from tests.ticking import ticking_ahead, ticking_sshd


def remove(path: Path) -> None:
    """As root would, or somebody who knows chmod."""
    for one in (path.parent, path):
        one.chmod(0o700)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.fixture(scope="module")
def after_two_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two snapshots, the second of which points into the first."""
    site = Site(tmp_path_factory.mktemp("removed"))
    application = make_application(site.folder)
    with ticking_sshd(site.folder) as ticking:
        site.add("siakad", ticking, [application])
        ticking_ahead(site.folder, 100)
        assert site.tuibackup("run", "siakad").code == 0
        (application / "new").write_text("new")
        assert site.tuibackup("run", "siakad").code == 0
        first, second = site.snapshots("siakad", "files")
        assert first.name in (second / "SHA256SUMS").read_text()
        (site.folder / "kept").mkdir()
        subprocess.run(["cp", "-a", site.vault, site.home, site.folder / "kept"], check=True)
        yield site


@pytest.fixture
def twice(after_two_runs: Site, tmp_path: Path) -> Site:
    """That site as it was after both runs, where it was then: the record knows the vault by its place."""
    for place in (after_two_runs.vault, after_two_runs.home):
        if place.exists():
            place.rename(tmp_path / f"{place.name} of the test before")
        subprocess.run(["cp", "-a", after_two_runs.folder / "kept" / place.name, place], check=True)
    return after_two_runs


def clock(site: Site) -> dict[str, object]:
    (server,) = site.tuibackup("status", "--json").json["servers"]
    return {**server["files"], "missing": server["missing"]["files"]}


@pytest.mark.long
def test_without_its_newest_snapshot_a_clock_is_that_of_the_one_before(twice: Site) -> None:
    first, second = twice.snapshots("siakad", "files")
    began = clock(twice)["last"]
    remove(second)
    now = clock(twice)
    assert now["state"] == "fresh"
    assert datetime.fromisoformat(str(now["last"])) < datetime.fromisoformat(str(began))
    said = (
        f"the record names siakad/files/{second.name}, which is gone from the vault; "
        f"the newest good one in the vault is siakad/files/{first.name}"
    )
    assert now["missing"] == said
    assert said in twice.tuibackup("status").out
    assert twice.tuibackup("run", "siakad", "--json").finished["files"]["whole"]
    assert clock(twice)["missing"] is None


@pytest.mark.parametrize(
    "removed",
    [
        pytest.param(lambda first, second: [remove(first), remove(second)], marks=pytest.mark.long),
        lambda first, second: [remove(first)],  # the second points into it
        pytest.param(
            lambda first, second: [remove(second / "index.sqlite"), remove(first)], marks=pytest.mark.long
        ),
    ],
    ids=["both", "the one pointed into", "the index"],
)
@pytest.mark.long
def test_without_any_whole_snapshot_a_clock_is_never(
    twice: Site, tmp_path: Path, removed: Callable[[Path, Path], list[None]]
) -> None:
    removed(*twice.snapshots("siakad", "files"))
    said = twice.tuibackup("status")
    assert said.code == 4
    assert "there is no other good snapshot: back up again" in said.out
    assert clock(twice)["state"] == "never"
    assert twice.tuibackup("restore", "siakad/files/latest", "--to", str(tmp_path / "back")).code == 1
    assert all(not one["good"] for one in twice.tuibackup("snapshots", "--json").json)
    late = twice.tuibackup("run", "--overdue", "--json")  # and takes nothing for there that is not
    assert late.finished["files"]["whole"]
    back = tmp_path / "again"
    assert twice.tuibackup("restore", "siakad/files/latest", "--to", str(back)).code == 0
    assert list(back.rglob("krs-0039.pdf"))
    assert clock(twice)["state"] == "fresh"


@pytest.mark.long
def test_an_archive_that_was_cut_is_pointed_into_no_more(twice: Site, tmp_path: Path) -> None:
    """It keeps its name, so that nothing looked missing: the next run was green, and could not be restored."""
    first, _second = twice.snapshots("siakad", "files")
    (archive,) = first.glob("*.tar.zst")
    archive.chmod(0o600)
    with archive.open("r+b") as file:
        file.truncate(archive.stat().st_size // 2)
    assert twice.tuibackup("run", "siakad", "--json").finished["files"]["outcome"] == "done"
    third = twice.snapshots("siakad", "files")[-1]
    assert first.name not in (third / "SHA256SUMS").read_text()
    assert twice.tuibackup("restore", "siakad/files/latest", "--to", str(tmp_path / "back")).code == 0


def test_what_is_not_complete_is_named_where_one_looks_for_something_to_restore(twice: Site) -> None:
    first, second = twice.snapshots("siakad", "files")
    (archive,) = first.glob("*.tar.zst")
    remove(archive)
    listed = twice.tuibackup("snapshots").out
    assert f"lacks {archive.name}" in listed
    assert f"lacks ../{first.name}/{archive.name}" in listed
    assert "√" not in listed
    said = twice.tuibackup("ls", "siakad/files/latest")
    assert said.code == 1
    assert f"siakad/files/{second.name} lacks ../{first.name}/{archive.name}" in said.err
    assert twice.tuibackup("ls", f"siakad/files/{second.name}").code == 0, "its index is there"


@pytest.mark.long
def test_a_snapshot_that_cannot_be_read_is_said_beside_the_clock(twice: Site) -> None:
    first, second = twice.snapshots("siakad", "files")
    summary = second / "snapshot.json"
    summary.chmod(0o600)
    summary.write_bytes(summary.read_bytes()[:100])
    missing = clock(twice)["missing"]
    assert isinstance(missing, str)
    assert f"siakad/files/{second.name}, which cannot be used" in missing
    assert f"the newest good one in the vault is siakad/files/{first.name}" in missing
    assert "snapshot.json is damaged" in twice.tuibackup("status").out


def opened(site: Site, trace: Path, *words: str) -> list[str]:
    """What the installed program and its processes open in the vault."""
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=open,openat", str(TUIBACKUP), *words]
    subprocess.run(
        command, env=site.environment(), cwd=site.home, capture_output=True, check=False, timeout=120
    )
    return [line for line in trace.read_text(errors="replace").splitlines() if f'"{site.vault}/' in line]


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to see what is opened")
@pytest.mark.long
def test_a_whole_snapshot_is_read_once_and_again_when_something_of_it_changes(
    twice: Site, tmp_path: Path
) -> None:
    """Each `status` read two lists of every server's newest snapshots: hundreds of files of 500 servers."""
    _first, second = twice.snapshots("siakad", "files")
    known = twice.state / "whole.json"
    deadline = time.monotonic() + 60
    while not known.exists() or second.name not in known.read_text():
        assert time.monotonic() < deadline, "what is older than two seconds is remembered"
        assert clock(twice)["missing"] is None
    lists = [line for line in opened(twice, tmp_path / "trace", "status") if second.name in line]
    assert not lists, "nothing of it is read again"
    assert known.stat().st_mode & 0o777 == 0o600

    names = next((second / "restore").glob("*.names.zst"))
    kept = names.read_bytes()
    remove(names)
    assert f"lacks restore/{names.name}" in str(clock(twice)["missing"]), "in a folder below it"
    names.write_bytes(kept)
    assert clock(twice)["missing"] is None

    summary = second / "snapshot.json"
    summary.chmod(0o600)
    summary.write_bytes(b" " * summary.stat().st_size)
    assert "cannot be used" in str(clock(twice)["missing"]), "written over in its place"


@pytest.mark.long
def test_nothing_is_called_missing_while_the_disk_is_not_there(twice: Site, tmp_path: Path) -> None:
    twice.vault.rename(tmp_path / "unplugged")
    said = twice.tuibackup("status")
    assert "backup disk not mounted?" in said.out
    assert "gone from the vault" not in said.out
    assert clock(twice)["state"] == "fresh"


@pytest.mark.long
def test_a_restore_of_what_is_damaged_has_failed(twice: Site, tmp_path: Path) -> None:
    """Most of what was asked for may be missing: it ended like one that left a socket out."""
    first, _second = twice.snapshots("siakad", "files")
    (archive,) = first.glob("*.tar.zst")
    archive.chmod(0o600)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    said = twice.tuibackup("restore", "siakad/files/latest", "--to", str(tmp_path / "back"))
    assert said.code == 1, said.out
    assert said.out.startswith("× ")
    assert "damaged in the vault and did not come back" in said.out
    assert "tuibackup snapshots siakad" in said.out
    assert list((tmp_path / "back").rglob("new")), "all that is whole comes back"
