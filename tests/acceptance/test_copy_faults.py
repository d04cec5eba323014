"""What goes wrong with copies: each fault is one sentence, stays its own, and restores nothing wrong."""

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.conftest import make_application
from tests.acceptance.mounting import mounted
from tests.acceptance.site import Said, Site
from tests.stores.sftp_host import SftpHost, sftp_host
from tests.ticking import ticking_ahead, ticking_sshd

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@dataclass
class World:
    """A site with two snapshots of files, the second of which points into the first; and a host for copies."""

    site: Site
    application: Path
    host: SftpHost
    numbers: Iterator[int]

    def copies(self, **tables: str) -> None:
        """Let these be the copies: by name, the lines of their tables."""
        text = "".join(f"[copies.{name}]\n{lines}\n" for name, lines in tables.items())
        self.site.settings = f'[drill]\nfolder = "{self.site.folder}/drills"\n{text}'
        self.site.write_config()

    def folder(self) -> tuple[str, Path]:
        """A name for a copy, and an empty folder for it."""
        name = f"copy{next(self.numbers)}"
        place = self.site.folder / name
        place.mkdir(mode=0o700)
        return name, place

    def sftp(self, place: Path) -> str:
        address = f"{self.host.user}@{self.host.host}:{self.host.port}"
        return f'to = "sftp://{address}{place}"\nkey = "{self.host.client_key}"'

    def fresh(self) -> Site:
        """Another account with the same configuration, and nothing else."""
        site = Site(self.site.folder / f"fresh{next(self.numbers)}", settings=self.site.settings)
        site.vault.rmdir()
        site.config.parent.mkdir(mode=0o700, parents=True)
        site.config.write_text(site.settings)
        site.config.chmod(0o600)
        shutil.copy(self.site.home / ".ssh/known_hosts", site.home / ".ssh/known_hosts")
        return site

    def require_same(self, folder: Path) -> None:
        assert not differences(self.application, folder / self.application.relative_to("/"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faults")
    application = make_application(folder)
    with ticking_sshd(folder) as sshd, sftp_host(folder / "host", bare=True) as host:
        (folder / "drills").mkdir(mode=0o700)
        site = Site(folder)
        site.add("siakad", sshd, [application])
        site.trust(host)  # type: ignore[arg-type]
        ticking_ahead(folder, 100)
        assert site.tuibackup("run", "siakad").code == 0
        (application / "new").write_text("new")
        assert site.tuibackup("run", "siakad").code == 0
        yield World(site, application, host, itertools.count(1))


def one_sentence(said: Said, text: str) -> None:
    assert text in said.err, said.err + said.out
    assert len(said.err.splitlines()) == 1, said.err


def test_one_that_fails_holds_up_no_other(world: World) -> None:
    """Four at once: a folder, a server without extensions, a folder that is no folder, a host that is not there."""
    name, place = world.folder()
    far, there = world.folder()
    (world.site.folder / "file").write_text("x")
    world.copies(
        **{
            name: f'to = "{place}"',
            far: world.sftp(there),
            "wrong": f'to = "{world.site.folder}/file"',
            "gone": f'to = "sftp://{world.host.user}@127.0.0.1:1{there}"\nkey = "{world.host.client_key}"',
        }
    )
    said = world.site.tuibackup("copy", "--json", timeout=300)
    assert said.code == 1
    done = {(one["copy"], one["snapshot"]) for one in said.json if one["snapshot"]}
    assert {copy for copy, _spec in done} == {name, far}
    assert len(done) == 4
    assert any(one["copy"] == "gone" and one["away"] for one in said.json)
    assert "wrong: " in said.err
    assert "is not a folder" in said.err
    assert world.site.tuibackup("verify", "--from", far).code == 0


def test_places_that_cannot_be_used_are_one_sentence(world: World) -> None:
    """No such folder; nothing mounted where disks are; read-only, full, too small; other things in it."""
    site = world.site
    name, place = world.folder()
    world.copies(**{name: f'to = "{place}/none"'})
    one_sentence(site.tuibackup("copy"), "no such folder")
    (place / "holiday.jpg").write_text("x")
    world.copies(**{name: f'to = "{place}"'})
    one_sentence(site.tuibackup("copy"), "not empty and no place for copies: it has holiday.jpg")
    (place / "holiday.jpg").unlink()
    with mounted(place, "-t", "tmpfs", "-o", "ro", "tmpfs"):
        one_sentence(site.tuibackup("copy"), "Read-only file system")
    assert list(place.iterdir()) == []
    with mounted(place, "-t", "tmpfs", "tmpfs"):
        assert site.tuibackup("copy").code == 0
    said = site.tuibackup("copy")  # the mount point is empty
    assert (said.code, "is away since" in said.out) == (0, True)
    assert list(place.iterdir()) == []
    name, place = world.folder()
    world.copies(**{name: f'to = "{place}"'})
    with mounted(place, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        one_sentence(site.tuibackup("copy"), "is full")
    name, _place = world.folder()
    world.copies(**{name: f'to = "/mnt/{name}"'})
    one_sentence(site.tuibackup("copy"), f"nothing is mounted at /mnt/{name}")


def test_damage_is_named_and_nothing_wrong_is_restored(world: World, tmp_path: Path) -> None:
    """An object flipped, missing, cut, exchanged for another's; manifests damaged and exchanged."""
    site = world.site
    name, place = world.folder()
    world.copies(**{name: f'to = "{place}"'})
    assert site.tuibackup("copy").code == 0
    old, new = sorted(place.rglob("*.manifest.json"))
    spec = str(new.relative_to(place)).removesuffix(".manifest.json")
    sound = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    archive = next(path for path in sound if path.name.endswith(".tar.zst") and spec in str(path))
    restore = next(path for path in sound if path.name == "restore.sh" and spec in str(path))
    changes: list[dict[Path, bytes | None]] = [
        {archive: bytes([sound[archive][0] ^ 1]) + sound[archive][1:]},
        {archive: sound[archive][:-1]},
        {archive: None},
        {archive: sound[restore], restore: sound[archive]},
        {new: sound[new][:-9]},
        {new: sound[old]},
        {old: sound[new]},
    ]
    for number, change in enumerate(changes):
        for path, data in change.items():
            path.unlink() if data is None else path.write_bytes(data)
        fresh = world.fresh()
        back = tmp_path / f"back{number}"
        said = fresh.tuibackup("restore", spec, "--to", str(back), "--from", name)
        if old not in change:  # what it needs is whole
            assert said.code == 1, f"{number}: {said.out}"
            assert not back.exists() or not any(path.is_file() for path in back.rglob("*"))
        else:
            assert said.code == 0, said.err
            world.require_same(back)
        assert fresh.tuibackup("verify", "--from", name).code == 1, number
        fresh.vault.mkdir()
        fresh.write_config()
        said = fresh.tuibackup("copy", "--back", name)
        assert said.code == 1, f"{number}: {said.out}"
        whole = len(fresh.snapshots("siakad", "files"))
        assert whole == (0 if old in change else 1), f"{number}: {said.err}"  # the new one needs the old one
        assert not whole or fresh.tuibackup("verify").code == 0
        said = site.tuibackup("verify", "--from", name)
        assert said.code == 1, number
        said = site.tuibackup("copy")
        assert said.code == 0, f"{number}: {said.err}"
        named = {path for path in place.rglob("*") if path.is_file() and "ledger" not in path.parts}
        assert named == {path for path in sound if "ledger" not in path.parts}
        assert site.tuibackup("verify", "--from", name).code == 0, number


def test_what_the_vault_does_not_have_whole_stays_in_the_copy(world: World) -> None:
    """A damaged copy of a snapshot that is gone from the vault is all that there is of it."""
    site = world.site
    name, place = world.folder()
    world.copies(**{name: f'to = "{place}"'})
    assert site.tuibackup("copy").code == 0
    kept = site.folder / "aside"
    newest = site.snapshots("siakad", "files")[-1]
    damaged = next(place.glob(f"siakad/files/{newest.name}/*.tar.zst"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert site.tuibackup("verify", "--from", name).code == 1
    before = {path: path.read_bytes() for path in place.glob("siakad/**/*") if path.is_file()}
    newest.rename(kept)
    try:
        site.tuibackup("copy")
        assert before == {path: path.read_bytes() for path in place.glob("siakad/**/*") if path.is_file()}
    finally:
        kept.rename(newest)
    assert site.tuibackup("copy").code == 0
    assert site.tuibackup("verify", "--from", name).code == 0


def test_what_is_not_ours_stays_and_is_counted(world: World) -> None:
    """Objects that somebody else put into a copy are no orphans of ours, also where a copy was killed before."""
    site = world.site
    name, place = world.folder()
    world.copies(**{name: f'to = "{place}"'})
    assert site.tuibackup("copy").code == 0
    stranger = place / "siakad/files/2020-01-01T000000Z/snapshot.json"
    stranger.parent.mkdir()
    stranger.write_text("mine")
    notes = site.state / "copies" / name / "place.json"
    notes.write_text(
        json.dumps({**json.loads(notes.read_text()), "clean": False})
    )  # as a killed copy leaves it
    assert site.tuibackup("copy").code == 0
    assert stranger.read_text() == "mine"
    [state] = site.tuibackup("copies", "--json").json
    assert state["strays"] == {"objects": 1, "bytes": 4}
    assert "1 object there belongs to no snapshot" in site.tuibackup("copies").out
    stranger.unlink()
    assert site.tuibackup("copy").code == 0
    [state] = site.tuibackup("copies", "--json").json
    assert state["strays"] == {"objects": 0, "bytes": 0}
