"""Copies: what was copied comes back, from every kind of place, also when vault, ledger and state are lost."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.compared import differences
from tests.acceptance.conftest import make_application
from tests.acceptance.site import Site
from tests.ticking import ticking_ahead, ticking_sshd
from tuibackup.demo.sshd import PrivateSshd


@dataclass
class World:
    """A site whose two snapshots of files (the second points into the first) go to three places."""

    site: Site
    application: Path
    identity: Path

    @property
    def usb(self) -> Path:
        return self.site.folder / "usb"

    @property
    def sealed(self) -> Path:
        return self.site.folder / "sealed"

    @property
    def far(self) -> Path:
        return self.site.folder / "far"

    def fresh(self, name: str) -> Site:
        """Another account: nothing but a configuration with the copies."""
        site = Site(self.site.folder / name, settings=self.site.settings)
        site.vault.rmdir()
        shutil.copy(self.site.home / ".ssh/known_hosts", site.home / ".ssh/known_hosts")
        site.config.parent.mkdir(mode=0o700, parents=True)
        site.config.write_text(site.settings)
        site.config.chmod(0o600)
        return site


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    import pyrage

    folder = tmp_path_factory.mktemp("copies")
    key = pyrage.x25519.Identity.generate()
    identity = folder / "identity.txt"
    identity.write_text(f"# created: today\n{key}\n")
    identity.chmod(0o600)
    application = make_application(folder)
    (application / "large").write_bytes(b"".join(bytes([i % 251]) * 997 for i in range(1000)))
    with ticking_sshd(folder) as sshd, PrivateSshd(folder / "host") as host:
        for name in ("usb", "sealed", "far", "drills"):
            (folder / name).mkdir(mode=0o700)
        site = Site(folder)
        site.settings = (
            f'[drill]\nfolder = "{folder}/drills"\n'
            f'[copies.usb]\nto = "{folder}/usb"\n'
            f'[copies.sealed]\nto = "{folder}/sealed"\nencrypt_to = ["{key.to_public()}"]\n'
            f'[copies.far]\nto = "sftp://{host.user}@{host.host}:{host.port}{folder}/far"\nkey = "{host.client_key}"\n'
        )
        site.trust(host)
        site.add("siakad", sshd, [application])
        ticking_ahead(folder, 100)
        assert site.tuibackup("run", "siakad").code == 0
        (application / "new").write_text("new")
        assert site.tuibackup("run", "siakad").code == 0
        said = site.tuibackup("copy")
        assert said.code == 0, said.err
        yield World(site, application, identity)


COPIES = ("usb", "far", "sealed")


def identity(world: World, copy: str) -> list[str]:
    return ["--identity", str(world.identity)] if copy == "sealed" else []


@pytest.mark.long
def test_every_copy_holds_all_and_lacks_nothing(world: World) -> None:
    copies = {one["copy"]: one for one in world.site.tuibackup("copies", "--json").json}
    assert set(copies) == set(COPIES)
    for one in copies.values():
        assert one["snapshots"] == 2
        assert one["missing"] == []
        assert one["away"] is None
    said = world.site.tuibackup("copy", "--json")
    assert said.json == []
    for place in (world.usb, world.far):
        assert (place / "siakad/files").is_dir()
    names = [str(path.relative_to(world.sealed)) for path in world.sealed.rglob("*")]
    assert not any("siakad" in name or "files" in name for name in names)
    assert not any(b"siakad" in path.read_bytes() for path in world.sealed.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "copy",
    ["sealed", pytest.param("usb", marks=pytest.mark.long), pytest.param("far", marks=pytest.mark.long)],
)
def test_a_fresh_account_gets_everything_back(world: World, copy: str, tmp_path: Path) -> None:
    fresh = world.fresh(f"fresh-{copy}")
    words = ["--from", copy, *identity(world, copy)]
    told = fresh.tuibackup("copies", "--json")
    assert (told.code, len(told.json)) == (0, 3), told.err
    assert "what the copies lack is not known" in told.err
    listed = fresh.tuibackup("snapshots", *words, "--json")
    assert listed.code == 0, listed.err
    assert [(one["good"], one["lacks"], one["path"]) for one in listed.json] == [(True, "", None)] * 2
    said = fresh.tuibackup("restore", "siakad/files/latest", "--to", str(tmp_path / "back"), *words)
    assert said.code == 0, said.err + said.out
    assert not differences(world.application, tmp_path / "back" / world.application.relative_to("/"))
    assert "new" in fresh.tuibackup("ls", "siakad/files/latest", str(world.application), *words).out
    assert fresh.tuibackup("cat", "siakad/files/latest", str(world.application / "new"), *words).out == "new"
    assert str(world.application / "new") in fresh.tuibackup("find", "new", *words).out
    verified = fresh.tuibackup("verify", *words, "--json")
    assert verified.code == 0, verified.err
    assert [one["opened"] for one in verified.json] == [True, True]
    drilled = fresh.tuibackup("drill", "siakad", *words)
    assert drilled.code == 0, drilled.err + drilled.out
    assert list((world.site.folder / "drills").iterdir()) == []
    fresh.vault.mkdir()
    fresh.write_config()
    back = fresh.tuibackup("copy", "--back", copy, *identity(world, copy))
    assert back.code == 0, back.err + back.out
    assert fresh.tuibackup("verify").code == 0
    unlike = [
        "-x",
        ".lock",
        "-x",
        "tuibackup-vault.toml",
    ]  # it says when it was made; its id has to be the same
    assert subprocess.run(["diff", "-r", *unlike, world.site.vault, fresh.vault]).returncode == 0
    again = fresh.tuibackup("copy", "--to", copy, "--json")
    assert again.code == 0, again.err
    assert again.json == []


@pytest.mark.long
def test_a_sealed_copy_is_verified_without_its_key_and_opens_only_with_it(
    world: World, tmp_path: Path
) -> None:
    said = world.site.tuibackup("verify", "--from", "sealed", "--json")
    assert said.code == 0, said.err
    assert [(one["ok"], one["opened"]) for one in said.json] == [(True, False)] * 2
    refused = world.site.tuibackup(
        "restore", "siakad/files/latest", "--to", str(tmp_path / "x"), "--from", "sealed"
    )
    assert refused.code == 1
    assert "--identity" in refused.err
    import pyrage

    other = tmp_path / "other"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    other.chmod(0o600)
    said = world.site.tuibackup(
        "restore",
        "siakad/files/latest",
        "--to",
        str(tmp_path / "x"),
        "--from",
        "sealed",
        "--identity",
        str(other),
    )
    assert said.code == 1
    assert "does not open it" in said.err


@pytest.mark.long
def test_what_is_away_is_no_fault_and_nothing_fills_its_place(world: World) -> None:
    site = world.site
    away = world.usb.with_name("unplugged")
    world.usb.rename(away)
    try:
        (world.application / "later").write_text("later")
        assert site.tuibackup("run", "siakad").code == 0
        newest = site.snapshots("siakad", "files")[-1].name
        for _ in range(2):
            said = site.tuibackup("copy", "--to", "usb")
            assert said.code == 0
            assert "usb is away since" in said.out
            assert "1 snapshot goes there when it is back" in said.out
            assert "away since" in site.tuibackup("copies").out
            assert newest in site.tuibackup("status", "--long").out
            world.usb.mkdir(exist_ok=True)  # the empty mount point
        assert list(world.usb.iterdir()) == []
        world.usb.rmdir()
    finally:
        away.rename(world.usb)
    (copied,) = site.tuibackup("copy", "--to", "usb", "--json").json
    assert copied["snapshot"] == f"siakad/files/{newest}"
    assert 0 < copied["sent"] <= copied["bytes"]
    assert "nothing is missing" in site.tuibackup("copy", "--to", "usb").out


@pytest.mark.long
def test_damage_in_a_copy_is_found_is_no_copy_and_is_sent_again(world: World) -> None:
    site = world.site
    part = next(world.usb.rglob("snapshot.json"))
    content = part.read_bytes()
    part.write_bytes(content[:-3] + b"?\n}")
    said = site.tuibackup("verify", "--from", "usb", "--json")
    assert said.code == 1
    (bad,) = [one for one in said.json if not one["ok"]]
    copies = {one["copy"]: one for one in site.tuibackup("copies", "--json").json}
    assert copies["usb"]["damaged"] == [bad["snapshot"]]
    (healed,) = site.tuibackup("copy", "--to", "usb", "--json").json
    assert healed["snapshot"] == bad["snapshot"]
    assert healed["sent"] == len(content)
    assert part.read_bytes() == content
    assert site.tuibackup("verify", "--from", "usb").code == 0


@pytest.mark.long
def test_the_ledger_travels_along_in_pieces_and_tells_what_was_done_to_the_one_at_home(world: World) -> None:
    site, place = world.site, world.usb / "ledger"
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert {name.split("-")[0] for name in before} == {"entries", "seal"}
    site.tuibackup("note", "something more")
    assert site.tuibackup("copy", "--to", "usb").code == 0
    pieces = sorted(path.name for path in place.glob("entries-*.jsonl"))
    ends = [(int(name[8:17]), int(name[18:27])) for name in pieces]
    assert all(one[1] + 1 == other[0] for one, other in pairwise(ends)), "nothing is sent twice"
    assert len(pieces) == len([name for name in before if name.startswith("entries-")]) + 1
    assert all((place / name).read_bytes() == content for name, content in before.items()), "nor replaced"
    words = ("ledger", "verify", "--read-only", "--against", str(place), "--json")
    said = site.tuibackup(*words)
    assert (said.code, said.json["problems"]) == (0, [])
    assert said.json["compared"]["others"] > 10
    kept = site.folder / "kept-state"
    shutil.copytree(site.state, kept)
    try:
        for path in (*site.state.glob("ledger.*"), *(site.state / "seals").iterdir()):
            path.unlink()
        site.tuibackup("note", "all of it begun anew")
        said = site.tuibackup(*words)
        assert said.code == 1
        assert any(
            f"entry 1 is another one than the export {place}" in one["text"] for one in said.json["problems"]
        )
    finally:
        shutil.rmtree(site.state)
        kept.rename(site.state)
    sealed = {path.name for path in (world.sealed / "ledger").iterdir()}
    assert sealed
    assert all(name.endswith(".age") for name in sealed)
