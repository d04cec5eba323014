"""Publishing: complete and proven or not at all, never over something that is there."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault import trees
from tests.vault.taking import inventory, summary, take, take_dumps
from tuibackup import durable
from tuibackup.errors import VaultError
from tuibackup.progress import Progress
from tuibackup.sop import Clock
from tuibackup.vault import incoming as incoming_module
from tuibackup.vault import output
from tuibackup.vault.incoming import Incoming, sweep
from tuibackup.vault.layout import Vault
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.verify import verify


def empty(vault: Vault, run: str = "run1") -> Incoming:
    incoming = Incoming.create(vault, "siakad", run, Clock.FILES)
    incoming.index().finish()
    return incoming


def test_a_published_snapshot_is_sealed_and_sums_up(vault: Vault, tricky: Path) -> None:
    published = take(vault, tricky)
    for below, folders, files in os.walk(published.path):
        assert stat.S_IMODE(os.stat(below).st_mode) == 0o500
        assert all(stat.S_IMODE(os.stat(os.path.join(below, name)).st_mode) == 0o400 for name in files)
        del folders
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=published.path, capture_output=True
    )
    assert done.returncode == 0
    assert published.summary.stored_bytes > 1 << 20
    assert os.listdir(vault.path / "siakad") == ["files"]


def test_both_clocks_of_a_run_are_published_apart(vault: Vault, place: Path) -> None:
    (place / "source").mkdir()
    files = take(vault, place / "source")
    databases = take_dumps(vault, {"siakad": b"SELECT 1;\n"})
    assert sorted(os.listdir(vault.path / "siakad")) == ["databases", "files"]
    assert (files.summary.sequence, databases.summary.sequence) == (1, 2)


def test_nothing_is_ever_replaced(vault: Vault) -> None:
    incoming = empty(vault)
    target = vault.path / "siakad/files/2026-11-22T013000Z"
    target.mkdir(parents=True)  # rename() alone would silently take the place of an empty folder
    with pytest.raises(FileExistsError):
        output.rename_new(incoming.path, target)
    assert incoming.path.exists()
    published = incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert published.name == "2026-11-22T013001Z"
    assert list(target.iterdir()) == []
    Incoming.create(vault, "siakad", "run2", Clock.FILES)
    with pytest.raises(VaultError, match="exists"):
        Incoming.create(vault, "siakad", "run2", Clock.FILES)


def test_a_file_system_without_noreplace_is_served(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(source: Path, target: Path) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(durable, "_rename_noreplace", unable)
    incoming = empty(vault)
    (vault.path / "there").mkdir()
    with pytest.raises(FileExistsError):
        output.rename_new(incoming.path, vault.path / "there")
    assert incoming.publish(summary("siakad", "run1", Clock.FILES)).path.exists()


def test_what_reads_back_wrong_is_not_published(vault: Vault, place: Path) -> None:
    """A disk that gives back something else than was written."""
    (place / "source").mkdir()
    (place / "source/file").write_bytes(os.urandom(100_000))
    incoming = Incoming.create(vault, "siakad", "run1", Clock.FILES)
    index = incoming.index()
    root = index.add_root(b"/x", b"/x")
    index.add(root, inventory(os.fsencode(place / "source")))
    with incoming.archive(b"/x") as archive:
        number = index.add_archive(archive.path.name)
        for wanted in index.wanted():
            index.stored(wanted.id, number, *archive.add(wanted.name, wanted.entry, bytes(wanted.entry.size)))
        incoming.wrote(archive.close())
    index.finish()
    data = bytearray(archive.path.read_bytes())
    data[len(data) // 3] ^= 1
    archive.path.write_bytes(data)
    with pytest.raises(VaultError, match="reads back wrong"):
        incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert list(vault.snapshots()) == []
    incoming.discard()
    assert os.listdir(vault.path / "siakad") == []


def test_an_archive_that_was_not_finished_is_not_published(vault: Vault) -> None:
    incoming = Incoming.create(vault, "siakad", "run1", Clock.FILES)
    index = incoming.index()
    with incoming.archive(b"/x") as archive:
        index.add_archive(archive.path.name)
    index.finish()
    with pytest.raises(VaultError, match="not finished"):
        incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert list(vault.snapshots()) == []


def test_progress_tells_how_far_the_proof_is(vault: Vault) -> None:
    seen: list[Progress] = []
    empty(vault).publish(summary("siakad", "run1", Clock.FILES), seen.append)
    assert seen[-1].bytes == seen[-1].bytes_total


def test_leftovers_of_dead_runs_are_swept(vault: Vault, place: Path) -> None:
    (place / "source").mkdir()
    published = take(vault, place / "source")
    published.path.chmod(0o700)  # died between rename and seal
    (published.path / "snapshot.json").chmod(0o600)
    dead, sealed, alive = empty(vault, "dead"), empty(vault, "sealed"), empty(vault, "alive")
    incoming_module.seal(sealed.path)
    assert sweep(vault, "siakad", keep="alive") == ["dead", "sealed"]
    assert (dead.path.exists(), sealed.path.exists(), alive.path.exists()) == (False, False, True)
    assert stat.S_IMODE(published.path.stat().st_mode) == 0o500
    assert stat.S_IMODE((published.path / "snapshot.json").stat().st_mode) == 0o400


def test_a_snapshot_may_point_into_an_older_archive(vault: Vault, place: Path) -> None:
    source = place / "source"
    source.mkdir()
    for name in ("old", "changed", "gone"):
        (source / name).write_text(name)
    first = take(vault, source, run="1")
    (source / "changed").write_text("something new")
    (source / "gone").unlink()
    (source / "added").write_text("added")
    incoming = Incoming.create(vault, "siakad", "2", Clock.FILES)
    index = incoming.index()
    name = os.fsencode(source)
    index.add(index.add_root(name, name), inventory(name))
    with incoming.archive(name) as archive, incoming_module.Index(first.path / "index.sqlite") as before:
        own = index.add_archive(archive.path.name)
        older = index.add_archive(before.archives[0].name, first.name)
        for wanted in index.wanted():
            known = before.get(wanted.path)
            if known and known.member and known.entry[1:9] == wanted.entry[1:9]:
                index.stored(wanted.id, older, *known.member)
            else:
                content = Path(os.fsdecode(wanted.path)).read_bytes()
                index.stored(wanted.id, own, *archive.add(wanted.name, wanted.entry, content))
        incoming.wrote(archive.close())
    assert archive.members == 2
    index.finish()
    second = incoming.publish(summary("siakad", "2", Clock.FILES, parent=first.name))
    assert second.summary.points_into == (first.name,)
    assert f"  ../{first.name}/" in (second.path / "SHA256SUMS").read_text()
    assert verify(second).problems == ()
    done = subprocess.run(
        ["sh", second.path / "restore.sh", place / "script"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert restore_files(second, [], place / "program").problems == ()
    for to in (place / "script", place / "program"):
        assert trees.differences(source, to / str(source)[1:]) == []
    (first.path / "SHA256SUMS").chmod(0o600)
    damaged = next(first.path.glob("*.tar.zst"))
    damaged.chmod(0o600)
    damaged.write_bytes(b"x")
    assert not verify(second).ok


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become an ordinary user")
def test_an_ordinary_user_publishes_and_sweeps(place: Path) -> None:
    """Root may move and remove read-only folders, he may not."""
    home = place / "home"
    (home / "vault").mkdir(parents=True)
    (home / "source").mkdir()
    (home / "source/file").write_text("x")
    trees.give(home, trees.NOBODY, trees.NOBODY)

    def work() -> None:
        vault = Vault.open(home / "vault", home / "state")
        published = [take(vault, home / "source", run=run) for run in ("1", "2")]
        assert all(verify(one).ok for one in published)
        incoming_module.seal(empty(vault, "dead").path)
        assert sweep(vault, "siakad") == ["dead"]
        assert restore_files(published[0], [], home / "to").problems == ()

    trees.as_nobody(work)


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    disk = place / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs to mount a small tmpfs")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("kib", [0, 4, 8, 16, 32, 64, 128, 512, 1024, 2048, 2900])
def test_a_full_disk_leaves_nothing_that_looks_whole(small_disk: Path, place: Path, kib: int) -> None:
    """Wherever the room ends: archive, index, lists, sums, or not at all."""
    vault = Vault.open(small_disk, place / "state")
    source = place / "source"
    source.mkdir()
    for number in range(100):
        (source / f"{number:03}").write_bytes(os.urandom(20_000))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(kib << 10))
    try:
        published = take(vault, source)
    except VaultError as error:
        if not error.message.startswith("vault full"):
            raise
        assert list(vault.snapshots()) == []
        sweep(vault, "siakad")
        filler.unlink()
        published = take(vault, source, run="run2")
    assert verify(published).ok


def test_a_further_part_is_never_called_like_another_folders_archive(vault: Vault) -> None:
    for order in ([b"/a", b"/a", b"/a.2"], [b"/a.2", b"/a", b"/a", b"/A", b"/A"]):
        incoming = Incoming.create(vault, "siakad", f"run-{len(order)}", Clock.FILES)
        for folder in order:
            incoming.archive(folder).close()
        names = [path.name.casefold() for path in incoming.path.glob("*.tar.zst")]
        assert len(set(names)) == len(order)
        assert "a.tar.zst" in names


def test_a_plain_file_with_the_name_of_a_leftover_is_swept_too(vault: Vault) -> None:
    (vault.server_folder("siakad") / ".incoming-x").write_text("not ours")
    dead = empty(vault, "y")
    assert sweep(vault, "siakad") == ["x", "y"]
    assert not dead.path.exists()


def test_a_name_that_is_not_safely_on_the_disk_is_taken_back(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = empty(vault)
    really = incoming_module.sync_folder

    def fail(path: Path) -> None:
        if path.name == Clock.FILES and path.parent == incoming.path.parent.parent:
            raise VaultError(f"{path}: Input/output error")
        really(path)

    (incoming.path.parent.parent / Clock.FILES).mkdir()
    monkeypatch.setattr(incoming_module, "sync_folder", fail)
    with pytest.raises(VaultError, match="Input/output error"):
        incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert list(vault.snapshots()) == []
    incoming.discard()
    assert not incoming.path.exists()
