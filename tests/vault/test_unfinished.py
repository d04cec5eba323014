"""What an interrupted run left, as the next one finds it: whatever moment it ended in, nothing whole is lost."""

import os
from pathlib import Path

import pytest

from tests.vault.taking import inventory, summary
from tuibackup.errors import VaultError
from tuibackup.sop import Clock
from tuibackup.vault import incoming as incoming_module
from tuibackup.vault.incoming import Incoming, discard, sweep, unfinished_runs
from tuibackup.vault.index.read import IndexWriter
from tuibackup.vault.layout import Vault
from tuibackup.vault.restore.files import restore_files
from tuibackup.vault.unfinished import UnfinishedRun
from tuibackup.vault.verify import unsound, verify

LATER = 1 << 62  # nanoseconds: an inventory that began long after every file was written


@pytest.fixture
def folders(place: Path) -> list[Path]:
    """Two folders with two files each."""
    made = [place / "source/a", place / "source/b"]
    for folder in made:
        folder.mkdir(parents=True)
        for name in ("one", "two"):
            (folder / name).write_bytes(os.urandom(3000))
    return made


def begin(vault: Vault, run: str, folders: list[Path]) -> tuple[Incoming, IndexWriter]:
    """A run that has its inventory."""
    incoming = Incoming.create(vault, "siakad", run, Clock.FILES)
    index = incoming.index()
    for folder in folders:
        name = os.fsencode(folder)
        root = index.add_root(name, name, started_ns=LATER)
        index.add(root, list(inventory(name)))
    return incoming, index


def fetch(incoming: Incoming, index: IndexWriter) -> list[bytes]:
    """Store all that is missing, one archive a folder; the paths."""
    fetched = []
    for root, folder in list(index._rows.folders.items()):
        missing = list(index.wanted(root))
        if not missing:
            continue
        with incoming.archive(folder) as archive:
            number = index.add_archive(archive.path.name)
            for wanted in missing:
                content = Path(os.fsdecode(wanted.path)).read_bytes()
                index.stored(wanted.id, number, *archive.add(wanted.name, wanted.entry, content))
                fetched.append(wanted.path)
            written = archive.close()
        incoming.wrote(written)
        index.archive_written(number, root, written.stored_bytes, written.sha256)
    return fetched


def interrupted(vault: Vault, folders: list[Path], run: str = "run1") -> UnfinishedRun:
    """A run that fetched everything, and then went no further."""
    incoming, index = begin(vault, run, folders)
    fetch(incoming, index)
    index.abandon()
    left = incoming.keep_complete()
    assert left is not None
    return left


def resume(vault: Vault, run: str, folders: list[Path]) -> tuple[Incoming, IndexWriter, list[bytes]]:
    """The next run: it takes over what is there, and fetches the rest, of which it gives the paths."""
    incoming, index = begin(vault, run, folders)
    for left in unfinished_runs(vault, "siakad"):
        left.check()
        incoming.take_over(left.without(unsound(left.path, left.sums)), index)
        discard(left.path)
    return incoming, index, fetch(incoming, index)


def publishes(vault: Vault, incoming: Incoming, index: IndexWriter, folders: list[Path], to: Path) -> None:
    index.finish()
    published = incoming.publish(summary("siakad", incoming.run, Clock.FILES))
    assert verify(published).problems == ()
    assert restore_files(published, [], to).problems == ()
    for folder in folders:
        for path in folder.iterdir():
            assert (to / str(path)[1:]).read_bytes() == path.read_bytes()
    assert unfinished_runs(vault, "siakad") == []
    assert sweep(vault, "siakad") == []


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_all_that_was_fetched_is_taken_over(vault: Vault, folders: list[Path], place: Path) -> None:
    left = interrupted(vault, folders)
    assert (left.files, len(left.archives), left.full) == (4, 2, True)
    incoming, index, fetched = resume(vault, "run2", folders)
    assert fetched == []
    publishes(vault, incoming, index, folders, place / "restored")


def test_what_could_not_be_published_is_kept_without_the_restore_files(
    vault: Vault, folders: list[Path], place: Path
) -> None:
    """The backup disk gave back something else than was written: the next run keeps the archive that is right."""
    incoming, index = begin(vault, "run1", folders)
    fetch(incoming, index)
    index.finish()
    harmed = min(incoming.path.glob("*.tar.zst"))
    flip(harmed)
    with pytest.raises(VaultError, match="reads back wrong"):
        incoming.publish(summary("siakad", "run1", Clock.FILES))
    assert incoming.keep_complete() is not None
    assert {path.suffix for path in incoming.path.iterdir()} == {".zst", ".sqlite"}
    incoming, index, fetched = resume(vault, "run2", folders)
    assert len(fetched) == 2
    publishes(vault, incoming, index, folders, place / "restored")


def test_what_is_harmed_after_it_was_taken_over_is_not_published(vault: Vault, folders: list[Path]) -> None:
    interrupted(vault, folders)
    incoming, index, _fetched = resume(vault, "run2", folders)
    index.finish()
    flip(next(incoming.path.glob("*.tar.zst")))
    with pytest.raises(VaultError, match="reads back wrong"):
        incoming.publish(summary("siakad", "run2", Clock.FILES))
    assert list(vault.snapshots()) == []


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_who_dies_while_taking_over_loses_nothing(
    vault: Vault, folders: list[Path], place: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    interrupted(vault, folders)
    incoming, index = begin(vault, "run2", folders)
    renames = 0
    rename = incoming_module.rename_new

    def dying(source: Path, target: Path) -> None:
        nonlocal renames
        if renames == moved:
            raise KeyboardInterrupt
        renames += 1
        rename(source, target)

    (left,) = unfinished_runs(vault, "siakad")
    with monkeypatch.context() as patched:
        patched.setattr(incoming_module, "rename_new", dying)
        patched.setattr(incoming_module, "sync_folder", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            incoming.take_over(left, index)
    index.abandon()
    sweep(vault, "siakad")
    incoming, index, fetched = resume(vault, "run3", folders)
    assert fetched == []
    publishes(vault, incoming, index, folders, place / "restored")


def test_a_file_that_changed_meanwhile_is_fetched_and_the_old_one_restored_by_nobody(
    vault: Vault, folders: list[Path], place: Path
) -> None:
    interrupted(vault, folders)
    (folders[0] / "one").write_bytes(os.urandom(3000))
    (folders[0] / "two").unlink()
    incoming, index, fetched = resume(vault, "run2", folders)
    assert fetched == [os.fsencode(folders[0] / "one")]
    publishes(vault, incoming, index, folders, place / "restored")
    assert not (place / "restored" / str(folders[0] / "two")[1:]).exists()
