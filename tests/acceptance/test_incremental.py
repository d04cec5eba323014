"""Only what changed is fetched, and every snapshot still restores to what the source was then.

Random edits to a real tree, many runs through the installed command, each snapshot restored in both ways.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.site import TUIBACKUP, Site
from tests.histories import EXCLUDES, Life, Seen, fingerprint, unequal, without_attributes, without_owners
from tests.ticking import ticking_ahead
from tuibackup.demo.sshd import PrivateSshd


def run(site: Site, *words: str) -> Path:
    """One download; the new snapshot's folder."""
    said = site.tuibackup("run", "siakad", "--only", "files", *words)
    assert said.code == 0, said.err + said.out
    return site.snapshots("siakad", "files")[-1]


def verifies(site: Site) -> None:
    """All of its snapshots."""
    assert site.tuibackup("verify", "siakad").code == 0


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


def test_nothing_changed_nothing_is_fetched(site: Site, ticking: PrivateSshd, application: Path) -> None:
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    first = run(site)
    second = run(site)
    assert list(second.glob("*.tar.zst")) == []
    assert f"../{first.name}/" in (second / "SHA256SUMS").read_text()
    third = run(site, "--full")
    assert stored(third) > 0
    for snapshot in (second, third):
        restores_to(site, snapshot, application, application)
    verifies(site)


@pytest.mark.long
def test_a_write_in_the_same_tick_is_fetched_again(
    site: Site, ticking: PrivateSshd, application: Path
) -> None:
    """By the server's clock, which says here that the inventory began before the file was written."""
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, -60)
    run(site)
    assert stored(run(site)) > 0, "too young to be trusted: fetched again"


@pytest.mark.long
@pytest.mark.parametrize("years", [-20, 20])
def test_a_servers_clock_may_be_wrong_and_go_back(
    site: Site, ticking: PrivateSshd, application: Path, years: int
) -> None:
    """What changed between two runs is fetched, however far the server's clock jumped between them."""
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, years * 365 * 86_400)
    first = run(site)
    changed = application / "index.php"
    before = changed.stat()
    changed.write_bytes(b"X" * before.st_size)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    ticking_ahead(site.folder, 0)
    second = run(site)
    restores_to(site, second, application, application)
    assert first.name < second.name, "our own clock names snapshots"


@pytest.mark.long
def test_an_older_archive_that_is_gone_means_everything_is_fetched(
    site: Site, ticking: PrivateSshd, application: Path
) -> None:
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    first = run(site)
    first.chmod(0o700)
    (archive,) = first.glob("*.tar.zst")
    archive.unlink()
    said = site.tuibackup("run", "siakad", "--only", "files")
    assert said.code == 0, said.err
    restores_to(site, site.snapshots("siakad", "files")[-1], application, application)
    assert site.tuibackup("verify", "siakad").code != 0, "what is lost is never green again"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8)])
def test_every_snapshot_restores_whatever_the_history(
    site: Site, ticking: PrivateSshd, elsewhere: Path, seed: int
) -> None:
    """Demand 1: edits of every kind, folders and excludes that change, full runs; each snapshot both ways, by root
    and by an ordinary user. tests/files/test_histories.py has many more histories, in one process.
    """
    chance = random.Random(seed)
    life = Life(site.folder, chance)
    history: list[tuple[Path, dict[Path, Seen]]] = []
    for number in range(2 if seed == 1 else 8):
        for _edit in range(60 if number else 0):
            life.edit()
        folders = chance.choice([life.tops, life.tops, life.tops[:1]])
        excludes = chance.choice(EXCLUDES)
        listed = ", ".join(f'"{pattern}"' for pattern in excludes)
        site.add("siakad", ticking, folders, extra=f"exclude = [{listed}]\n", trusted=not number)
        ticking_ahead(site.folder, 3)
        expected = {top: fingerprint(top, excludes) for top in folders}
        life.told.append(f"RUN {number} of {folders} without {excludes}")
        full = ["--full"] if number == 4 else []
        said = site.tuibackup("run", "siakad", "--only", "files", *full)
        fewer = "lost half" in said.out + said.err
        assert said.code == (3 if fewer else 0), said.err + "\n".join(life.told)
        history.append((site.snapshots("siakad", "files")[-1], expected))
    assert site.tuibackup("verify", "siakad").code == 0
    ways: list[Way] = [by_program(site), by_script(site.vault)]
    if os.geteuid() == 0:
        other = ordinary(site, elsewhere)
        ways += [by_program(other, NOBODY), by_script(other.vault, NOBODY)]
    for snapshot, expected in history:
        for way in ways:
            target, attributes = way(snapshot.name)
            for top, seen in expected.items():
                owners = os.stat(target).st_uid == 0
                wanted = seen if owners else without_owners(seen)
                found = fingerprint(Path(f"{target}{top}"), owners=owners)
                if not attributes:
                    wanted, found = without_attributes(wanted), without_attributes(found)
                difference = unequal(wanted, found)
                if difference:
                    story = "\n".join(life.told)
                    pytest.fail(f"{snapshot.name} by {way.__name__}:\n{difference}\n\n{story}")
            shutil.rmtree(target)


# ways of restoring

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
Way = Callable[[str], tuple[Path, bool]]  # the folder, and whether extended attributes were restored


def by_program(site: Site, as_whom: tuple[str, ...] = ()) -> Way:
    def program(name: str) -> tuple[Path, bool]:
        target = fresh(site.folder, as_whom)
        command = [*as_whom, str(TUIBACKUP), "restore", f"siakad/files/{name}", "--to", str(target)]
        said = subprocess.run(
            command, env=site.environment(), cwd=site.home, capture_output=True, text=True, check=False
        )
        # 3: sockets and devices are recorded, not made; what only root may set is told
        assert said.returncode in (0, 3), said.stderr
        assert "Traceback" not in said.stderr
        return target, True

    return program


def by_script(vault: Path, as_whom: tuple[str, ...] = ()) -> Way:
    def script(name: str) -> tuple[Path, bool]:
        target = fresh(vault.parent, as_whom)
        command = [*as_whom, "sh", str(vault / "siakad/files" / name / "restore.sh"), str(target)]
        said = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        attributes = "done, but without extended attributes" not in said.stderr
        assert said.returncode == (0 if attributes else 3), said.stderr
        assert attributes or as_whom, "root can give them to read-only files, too"
        return target, attributes

    return script


def fresh(folder: Path, as_whom: tuple[str, ...]) -> Path:
    target = folder / "restored"
    target.mkdir()
    if as_whom:
        os.chown(target, 65534, 65534)
    return target


def ordinary(site: Site, folder: Path) -> Site:
    """The same vault and configuration below `folder`, of an account that is not root."""
    if any(not place.stat().st_mode & 0o001 for place in TUIBACKUP.parents):
        pytest.skip("this checkout lies where an ordinary account may not go")
    other = Site(folder)
    other.vault.rmdir()
    subprocess.run(["cp", "-a", site.vault, other.vault], check=True)
    other.servers = site.servers
    other.write_config()
    subprocess.run(["chown", "-R", "65534:65534", folder], check=True)
    return other


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that other accounts may enter: pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory(prefix="tuibackup-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.long
def test_a_full_run_is_due_after_its_time(site: Site, ticking: PrivateSshd, application: Path) -> None:
    """`full_every`: archives do not point into ever older ones. The first snapshot is made three months older."""
    site.add("siakad", ticking, [application])
    ticking_ahead(site.folder, 10)
    first = run(site)
    assert stored(run(site)) == 0
    summary = first / "snapshot.json"
    text = summary.read_text()
    started = json.loads(text)["started"]
    old = (datetime.fromisoformat(started) - timedelta(days=93)).strftime("%Y-%m-%dT%H:%M:%SZ")
    summary.chmod(0o600)
    summary.write_text(text.replace(started, old))
    said = site.tuibackup("run", "siakad", "--only", "files")
    assert said.code == 0, said.err
    third = site.snapshots("siakad", "files")[-1]
    assert stored(third) > 0
    assert f"../{first.name}/" not in (third / "SHA256SUMS").read_text()
    assert json.loads((third / "snapshot.json").read_text()).get("parent") is None
    summary.write_text(text)
    assert stored(run(site)) == 0, "and after it they are incremental again"
    verifies(site)
