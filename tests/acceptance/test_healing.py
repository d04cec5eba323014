"""What verify finds damaged is fetched anew by the next run, and until then what is whole can be got back."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.site import Site
from tests.ticking import ticking_ahead
from tuibackup.demo.sshd import PrivateSshd

Break = Callable[[Path], Path]  # what it damages, and how; gives the file


def opened(path: Path) -> Path:
    """A file of a published snapshot that somebody is going to change."""
    path.parent.chmod(0o700)
    path.chmod(0o600)
    return path


def archive(snapshot: Path) -> Path:
    """That of the application, the largest."""
    return opened(max(snapshot.glob("*.tar.zst"), key=lambda one: one.stat().st_size))


def flipped(path: Path, at: int) -> Path:
    with path.open("r+b") as file:
        file.seek(at)
        old = file.read(1)
        file.seek(at)
        file.write(bytes([old[0] ^ 0xFF]))
    return path


def broken_frame(snapshot: Path) -> Path:
    return flipped(archive(snapshot), 100)


def cut_archive(snapshot: Path) -> Path:
    path = archive(snapshot)
    os.truncate(path, path.stat().st_size // 2)
    return path


def missing_archive(snapshot: Path) -> Path:
    path = archive(snapshot)
    path.unlink()
    return path


def index_page(snapshot: Path) -> Path:
    path = opened(snapshot / "index.sqlite")
    return flipped(path, path.stat().st_size - 500)


def index_gone(snapshot: Path) -> Path:
    path = opened(snapshot / "index.sqlite")
    path.unlink()
    return path


def index_garbage(snapshot: Path) -> Path:
    path = opened(snapshot / "index.sqlite")
    path.write_bytes(b"\0" * path.stat().st_size)
    return path


def cut_sums(snapshot: Path) -> Path:
    path = opened(snapshot / "SHA256SUMS")
    os.truncate(path, path.stat().st_size - 30)
    return path


def sums_of_older(snapshot: Path) -> Path:
    return cut_sums(snapshot)


def summary(snapshot: Path) -> Path:
    path = opened(snapshot / "snapshot.json")
    path.write_text("{")
    return path


def names_list(snapshot: Path) -> Path:
    return flipped(opened(next(iter(sorted((snapshot / "restore").glob("*.names.zst"))))), 12)


def script(snapshot: Path) -> Path:
    return flipped(opened(snapshot / "restore.sh"), 12)


def status(site: Site) -> tuple[int, str]:
    said = site.tuibackup("status", "--json")
    (found,) = said.json["servers"]
    if not found["damaged"]:
        assert found["condition"] == "fresh"
    return said.code, found["condition"]


def downloaded(site: Site) -> Path:
    said = site.tuibackup("run", "siakad", "--only", "files")
    assert said.code == 0, said.out + said.err
    return site.snapshots("siakad", "files")[-1]


def is_whole(site: Site, snapshot: Path, source: Path) -> None:
    """By verify, by sha256sum, by the program and by the script."""
    spec = f"siakad/files/{snapshot.name}"
    assert site.tuibackup("verify", spec).code == 0
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=snapshot, check=True)
    for way in ("program", "sh"):
        target = site.folder / f"back-{way}-{snapshot.name}"
        if way == "program":
            assert site.tuibackup("restore", spec, "--to", str(target)).code == 0
        else:
            subprocess.run(["sh", snapshot / "restore.sh", target], check=True, stderr=subprocess.DEVNULL)
        assert differences(source, Path(f"{target}{source}")) == "", way


IN_ARCHIVE = (broken_frame, cut_archive, missing_archive)
LISTS = (index_gone, index_garbage, cut_sums, summary, names_list, script)


@pytest.mark.parametrize(
    "kind",
    [
        broken_frame,
        *(
            pytest.param(kind, marks=pytest.mark.long)
            for kind in (
                cut_archive,
                missing_archive,
                index_garbage,
                index_page,
                index_gone,
                cut_sums,
                sums_of_older,
                summary,
                names_list,
                script,
            )
        ),
    ],
)
@pytest.mark.long
def test_the_next_run_heals(site: Site, ticking: PrivateSshd, application: Path, kind: Break) -> None:
    """Whatever of a snapshot, or of an older one that it needs, is damaged: verify finds it, status says so, the next
    run makes a snapshot that is whole without it, and what is damaged stays as it is.
    """
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    downloaded(site)
    (application / "later").write_text("of the second run\n")
    ticking_ahead(site.folder, 20)
    downloaded(site)
    first, second = site.snapshots("siakad", "files")
    place = first if kind in (*IN_ARCHIVE, sums_of_older) else second
    path = kind(place)
    left = path.read_bytes() if path.exists() else b""
    spec = f"siakad/files/{place.name}"
    said = site.tuibackup("verify", spec, "--json")
    assert said.code == 1, said.out
    assert status(site) == ((4, "never") if kind is missing_archive else (1, "damaged"))
    plan = site.tuibackup("run", "siakad", "--only", "files", "--dry-run", "--json")
    assert plan.code in (0, 3), plan.err
    third = downloaded(site)
    assert status(site) == (0, "fresh"), "healed"
    is_whole(site, third, application)
    assert (path.read_bytes() if path.exists() else b"") == left, "what is damaged is never changed"
    own = sum(one.stat().st_size for one in third.glob("*.tar.zst"))
    if kind in (broken_frame, cut_archive):
        assert f"../{second.name}/" in (third / "SHA256SUMS").read_text(), "whole archives are still used"
    assert bool(own) == (kind not in (names_list, script)), "no more than that is fetched anew"
    assert site.tuibackup("verify", spec).code == 1
    assert status(site)[0] == 1, "found again, it is said again"
    is_whole(site, downloaded(site), application)
    assert status(site)[0] == 0


@pytest.mark.long
def test_what_is_whole_is_restored_and_the_rest_is_named(
    site: Site, ticking: PrivateSshd, application: Path
) -> None:
    """Two folders, so two archives: one of them is damaged; then other files of the snapshot, one after the other."""
    other = site.folder / "server/srv/arsip"
    other.mkdir(parents=True)
    (other / "surat.txt").write_text("surat\n")
    site.add("siakad", ticking, [application, other])
    whole = site.folder / "whole"
    shutil.copytree(downloaded(site).parents[2], whole)
    for kind in (broken_frame, cut_archive, missing_archive, *LISTS):
        shutil.rmtree(site.vault)
        shutil.copytree(whole, site.vault, symlinks=True)
        (snapshot,) = site.snapshots("siakad", "files")
        kind(snapshot)
        spec, target = f"siakad/files/{snapshot.name}", site.folder / f"to-{kind.__name__}"
        said = site.tuibackup("restore", spec, "--to", str(target))
        if kind in IN_ARCHIVE:
            assert said.code == 1, kind.__name__
            lost = [f"uploads/2026/krs-{number:04}.pdf" for number in range(1, 40)]
            for name in lost if kind is not broken_frame else lost[-1:]:
                assert str(application / name) in said.out, f"{name} is not named: {said.out}"
                assert not Path(f"{target}{application}/{name}").exists()
            assert (target / str(other)[1:] / "surat.txt").read_text() == "surat\n"
            assert (target / str(application)[1:] / "current").is_symlink()
        elif kind in (index_gone, index_garbage):
            assert said.code == 1
            command = (
                said.err.partition("restores it without that list: ")[2].replace("DIR", str(target)).split()
            )
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        else:
            assert said.code == 0, said.err
        if kind not in IN_ARCHIVE:
            assert differences(application, Path(f"{target}{application}")) == ""
            assert differences(other, Path(f"{target}{other}")) == ""
