"""Only what changed is fetched, and every snapshot still restores to what the source was then.

Random edits to a real tree, many runs through the installed command, each snapshot restored in both ways.
"""

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.acceptance.test_one_server import differences
from tuibackup.demo.sshd import PrivateSshd

# What was written later than two seconds before an inventory began is fetched again, and the server's clock is
# asked for whole seconds.
TICK = 3.2


def run(site: Site, *words: str) -> Path:
    """One download; the new snapshot's folder."""
    said = site.tuibackup("run", "siakad", "--only", "files", *words)
    assert said.code == 0, said.err + said.out
    assert site.tuibackup("verify", "siakad").code == 0
    return site.snapshots("siakad", "files")[-1]


def stored(snapshot: Path) -> int:
    """Bytes of the archives that a snapshot brought."""
    return sum(path.stat().st_size for path in snapshot.glob("*.tar.zst"))


def restores_to(site: Site, snapshot: Path, application: Path, copy: Path) -> None:
    """Both ways of restoring give what `copy` is."""
    for way in ("sh", "program"):
        target = site.folder / f"restored-{way}-{snapshot.name}"
        if way == "sh":
            subprocess.run(["sh", snapshot / "restore.sh", target], check=True, stderr=subprocess.DEVNULL)
        else:
            said = site.tuibackup("restore", f"siakad/files/{snapshot.name}", "--to", str(target))
            assert said.code == 0, said.err
        assert differences(copy, Path(f"{target}{application}")) == "", way
        shutil.rmtree(target)


def copied(application: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", application, to], check=True)
    return to


def test_nothing_changed_nothing_is_fetched(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    time.sleep(TICK)
    first = run(site)
    second = run(site)
    assert list(second.glob("*.tar.zst")) == []
    assert f"../{first.name}/" in (second / "SHA256SUMS").read_text()
    third = run(site, "--full")
    assert stored(third) > 0
    for snapshot in (first, second, third):
        restores_to(site, snapshot, application, application)


def test_a_write_in_the_same_tick_is_fetched_again(site: Site, sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", sshd, [application])
    (application / "index.php").write_text("first, just now")
    run(site)
    assert stored(run(site)) > 0, "too young to be trusted: fetched again"


def test_an_older_archive_that_is_gone_means_everything_is_fetched(
    site: Site, sshd: PrivateSshd, application: Path
) -> None:
    site.add("siakad", sshd, [application])
    time.sleep(TICK)
    first = run(site)
    first.chmod(0o700)
    (archive,) = first.glob("*.tar.zst")
    archive.unlink()
    said = site.tuibackup("run", "siakad", "--only", "files")
    assert said.code == 0, said.err
    restores_to(site, site.snapshots("siakad", "files")[-1], application, application)


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_every_snapshot_restores_whatever_the_history(
    site: Site, sshd: PrivateSshd, application: Path, seed: int
) -> None:
    chance = random.Random(seed)
    site.add("siakad", sshd, [application])
    history: list[tuple[Path, Path]] = []
    for number in range(5):
        for _edit in range(12 if number else 0):
            edit(application, chance)
        if number % 2:
            time.sleep(TICK)
        copy = copied(application, site.folder / f"copy-{number}")
        history.append((run(site), copy))
    for snapshot, copy in history:
        restores_to(site, snapshot, application, copy)


def edit(root: Path, chance: random.Random) -> None:
    """One random change: content, mode, owner, links, files that become folders and back, names that move."""
    everything = sorted(path for path in root.rglob("*") if not path.is_symlink())
    files = [path for path in everything if path.is_file()]
    folders = [root, *(path for path in everything if path.is_dir())]
    kind = chance.choice(
        [
            "write",
            "same size",
            "new",
            "remove",
            "rename",
            "mode",
            "owner",
            "link",
            "symlink",
            "to folder",
            "to link",
        ]
    )
    some = chance.choice(files)
    new = chance.choice(folders) / f"new-{chance.randrange(10**6)}"
    if kind == "write":
        some.write_bytes(chance.randbytes(chance.randrange(5000)))
    elif kind == "same size":
        times = some.stat()
        some.write_bytes(chance.randbytes(times.st_size))
        os.utime(some, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif kind == "new":
        new.write_bytes(chance.randbytes(chance.randrange(20000)))
    elif kind == "remove" and len(files) > 30:
        some.unlink()
    elif kind == "rename":
        moved = chance.choice([path for path in everything if path != root])
        if not str(new).startswith(str(moved)):
            moved.rename(new)
    elif kind == "mode":
        some.chmod(chance.choice([0o600, 0o644, 0o755, 0o700]))
    elif kind == "owner" and os.geteuid() == 0:
        os.chown(some, chance.choice([0, 33, 1234]), chance.choice([0, 33, 1234]))
    elif kind == "link":
        new.hardlink_to(some)
    elif kind == "symlink":
        new.symlink_to(chance.choice(["/etc/passwd", "nowhere", "."]))
    elif kind == "to folder":
        some.unlink()
        some.mkdir()
        (some / "inside").write_text("once a file")
    elif kind == "to link":
        moved = chance.choice([path for path in folders if path != root] or [root])
        if moved != root and len(list(moved.rglob("*"))) < 3:
            shutil.rmtree(moved)
            moved.symlink_to("/tmp")
