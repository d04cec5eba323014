"""A folder that lies in another may be named too: a file system that is mounted there, or one with a rule of its own.

It is stored once, as a folder of its own, and comes back in its place.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.toolboxes import only, toolbox
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture
def www(site: Site) -> Path:
    folder = site.folder / "var/www"
    (folder / "data/deep").mkdir(parents=True)
    (folder / "index.php").write_text("index")
    (folder / "data-not").write_text("not")
    return folder


@pytest.fixture
def mounted(www: Path) -> Iterator[Path]:
    """Another file system in `www`, at `data`, with files in it."""
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "none", www / "data"], check=False).returncode
    ):
        pytest.skip("no file system can be mounted here")
    try:
        fill(www / "data")
        yield www / "data"
    finally:
        subprocess.run(["umount", www / "data"], check=True)


def fill(data: Path) -> None:
    (data / "deep").mkdir(exist_ok=True)
    for number in range(20):
        (data / f"deep/photo-{number}").write_bytes(os.urandom(100))
    os.utime(data / "deep", (1_600_000_000, 1_600_000_000))
    os.utime(data, (1_500_000_000, 1_500_000_000))


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below `folder`, with times and contents."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def way(site: Site, kind: str) -> PrivateSshd:
    force = {"gnu": None, "sftp": "internal-sftp"}
    command = only(toolbox(site.folder / "tools")) if kind == "busybox" else force[kind]
    return PrivateSshd(site.folder / "sshd", force_command=command)


@pytest.mark.parametrize(
    "kind",
    ["gnu", pytest.param("busybox", marks=pytest.mark.long), pytest.param("sftp", marks=pytest.mark.long)],
)
@pytest.mark.long
def test_a_file_system_within_a_folder_is_stored_once_where_it_is_named(
    site: Site, www: Path, mounted: Path, kind: str
) -> None:
    with way(site, kind) as sshd:
        site.add("s", sshd, [www])
        alone = site.tuibackup("run", "s", "--json")
        assert alone.code == 3
        assert "add this path to folders, or exclude it" in alone.out
        site.add("s", sshd, [mounted, www], trusted=False)
        both = site.tuibackup("run", "s", "--json")
        assert both.code == 0, both.out
        assert both.finished["files"]["items"] == 22
        again = site.tuibackup("run", "s", "--json")
        assert again.code == 0, again.out
    by_script, by_us = site.folder / "by-script", site.folder / "by-us"
    subprocess.run(
        ["sh", site.snapshots("s", "files")[-1] / "restore.sh", by_script], check=True, capture_output=True
    )
    assert site.tuibackup("restore", "s/files/latest", str(www), "--to", str(by_us)).code == 0
    for target in (by_script, by_us):
        back, source = tree(Path(f"{target}{www}")), tree(www)
        if kind == "sftp":  # it tells whole seconds
            back, source = (
                {name: (m, t // 10**9, c) for name, (m, t, c) in one.items()} for one in (back, source)
            )
        assert back == source
    listed = site.tuibackup("ls", "s/files/latest", str(www)).out
    assert [line.split()[-1] for line in listed.splitlines()] == ["data-not", "index.php", "data"]
    assert "photo-19" in site.tuibackup("ls", "s/files/latest", f"{www}/data/deep").out
    assert site.tuibackup("verify", "s/files/latest").code == 0
    assert site.tuibackup("drill", "s/files/latest").code == 0


@pytest.mark.long
def test_a_folder_may_be_taken_out_of_another_at_any_time(site: Site, www: Path) -> None:
    """Nothing is lost by it: neither the half of the outer one, nor what its exclude leaves out."""
    fill(www / "data")
    with PrivateSshd(site.folder / "sshd") as sshd:
        site.add("s", sshd, [www])
        assert site.tuibackup("run", "s").code == 0
        site.add("s", sshd, [www, www / "data/deep"], extra='exclude = ["data"]\n', trusted=False)
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 0, said.out
    assert said.finished["files"]["items"] == 22
    back = site.folder / "back"
    subprocess.run(
        ["sh", site.snapshots("s", "files")[-1] / "restore.sh", back], check=True, capture_output=True
    )
    assert len(list(back.rglob("photo-*"))) == 20


def test_a_folder_of_folders_that_are_named_is_not_empty(site: Site, www: Path) -> None:
    fill(www / "data")
    for name in ("index.php", "data-not"):
        (www / name).unlink()
    with PrivateSshd(site.folder / "sshd") as sshd:
        site.add("s", sshd, [www, www / "data"])
        said = site.tuibackup("run", "s", "--json")
    assert said.code == 0, said.out


@pytest.mark.parametrize(
    "kind",
    ["gnu", pytest.param("busybox", marks=pytest.mark.long), pytest.param("sftp", marks=pytest.mark.long)],
)
@pytest.mark.long
def test_folders_that_cannot_be_read_tell_the_way_out(site: Site, www: Path, kind: str) -> None:
    (www / "with space").mkdir()
    (www / "with space/file").write_text("x")
    with way(site, kind) as sshd:
        site.add("s", sshd, [f"{www}/with space/", f"{www}/*.d", f"{www}/index.php"])
        said = site.tuibackup("run", "s")
    assert said.code == 3
    text = said.out + said.err
    assert "wildcards do not work in folders: name the folder above, and use exclude" in text
    assert "to back up a single file, name the folder that holds it" in text
    assert "with space:" not in text
